//! Who gets what, over real connections: the token in a link, the cookie, the bearer header, hosts and origins.

mod support;

use std::net::TcpStream;

use rask_dashboard::Dashboard;
use support::{COOKIE, TOKEN, options, serve};
use tungstenite::Message;
use tungstenite::protocol::frame::coding::CloseCode;

#[test]
fn the_link_is_answered_with_the_page_and_a_cookie() {
    let served = serve();
    let link = served.dashboard.link().to_owned();
    let (_, path) = link.split_at(link.find("/status").unwrap());
    assert_eq!(link, format!("http://127.0.0.1:{}/status?token={TOKEN}", served.dashboard.port()));
    let page = served.request("GET", path, &[]);
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<title>rask"), "{}", page.body);
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.starts_with(&format!("{COOKIE}={TOKEN};")), "{cookie}");
    for part in ["HttpOnly", "SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(
        !cookie.contains("Path") && !cookie.contains("Domain"),
        "for the folder of the page alone: {cookie}"
    );
    let head = served.request("HEAD", path, &[]);
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn every_page_wants_the_token_and_says_where_to_find_it() {
    let served = serve();
    for path in [
        "/",
        "/status",
        "/graph",
        "/workers",
        "/worker?name=a",
        "/tasks",
        "/task?key=x%2Fy",
        "/events",
        "/status?token=no",
    ] {
        let refused = served.request("GET", path, &[]);
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.header("content-type").unwrap().starts_with("text/html"), "{path}");
        assert!(refused.body.contains("dashboard_link"), "{path}");
        assert_eq!(refused.header("set-cookie"), None, "{path}");
        let shown = served.get(path);
        assert_eq!((shown.status, shown.body.contains("<title>rask<")), (200, true), "{path}");
        assert!(shown.header("set-cookie").is_some(), "the cookie lives on: {path}");
    }
    let again = served.request("GET", "/task?key=%22%3E%3Cscript%3E&token=no", &[]);
    assert!(again.body.contains("<a href=\"\">open again"), "the same place: {}", again.body);
    assert!(!again.body.contains("script"), "{}", again.body);
}

#[test]
fn a_proxy_may_show_the_pages_below_any_path() {
    let served = serve();
    let cookie = format!("{COOKIE}={TOKEN}");
    for path in ["/", "/status", "/workers", "/worker?name=a%2Fb", "/tasks", "/task?key=a%2F..%2Fb", "/nope"]
    {
        for headers in [&[("Cookie", cookie.as_str())][..], &[]] {
            let answer = served.request("GET", path, headers);
            assert_eq!(answer.header("location"), None, "{path}");
            let mut addresses = answer.body.split(['"', '\'']).filter(|text| text.contains('/'));
            assert_eq!(addresses.find(|text| text.starts_with('/') || text.contains("//")), None, "{path}");
        }
    }
    let prefixed = [("X-Forwarded-Prefix", "/user/alice/proxy/8787")];
    let onward = served.request("GET", "/?token=x", &prefixed);
    assert_eq!((onward.status, onward.header("set-cookie")), (200, None));
    assert!(onward.body.contains("url=/user/alice/proxy/8787/status?token=x\""), "{}", onward.body);
    assert_eq!(served.request("GET", "/status", &prefixed).status, 401, "only the root goes on");
    assert_eq!(served.request("GET", "/", &[("X-Forwarded-Prefix", "//evil.example")]).status, 401);
    // All pages lie directly below the root: relative addresses would mean something else further down.
    for deeper in ["/tasks/a", "/tasks/a/b", "/workers/a", "/status/", "/task/?key=a"] {
        assert_eq!(served.get(deeper).status, 404, "{deeper}");
    }
}

#[test]
fn a_page_that_a_proxy_shows_at_another_host_is_the_dashboards_own() {
    let served = serve();
    let cookie = format!("{COOKIE}={TOKEN}");
    let status = |headers: &[(&str, &str)]| {
        let headers = [&[("Cookie", cookie.as_str()), ("Origin", "https://hub.example")], headers].concat();
        match served.live(&headers) {
            Ok(_) => 101,
            Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(status(&[]), 403, "the proxy says nothing of the host that the browser named");
    assert_eq!(status(&[("X-Forwarded-Host", "hub.example")]), 101);
    assert_eq!(status(&[("X-Forwarded-Host", "other.example")]), 403);
    assert_eq!(status(&[("Host", "hub.example")]), 403, "nobody has shown the token at that name yet");
    let link = format!("/status?token={TOKEN}");
    assert_eq!(served.request("GET", &link, &[("Host", "hub.example")]).status, 200);
    assert_eq!(status(&[("Host", "hub.example")]), 101, "TLS ends at the proxy");
    assert_eq!(status(&[("Host", "hub.example:443")]), 101);
}

#[test]
fn data_wants_the_token_and_health_does_not() {
    let served = serve();
    let health = served.request("GET", "/health", &[("Host", "anything.example")]);
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));
    let bearer = format!("Bearer {TOKEN}");
    let cookie = format!("{COOKIE}={TOKEN}");
    for path in ["/api/v1/status", "/api/v1/workers", "/metrics"] {
        let refused = served.request("GET", path, &[]);
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.json()["error"].as_str().unwrap().contains("dashboard_link"), "{path}");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        let by_link = served.request("GET", &format!("{path}?token={TOKEN}"), &[]);
        assert_eq!(by_link.status, 401, "only pages take the token in their address");
        for (headers, status) in [
            (&[("Authorization", bearer.as_str())][..], 200),
            (&[("Authorization", &bearer), ("Host", "scraped.example")], 200),
            (&[("Cookie", &cookie)], 200),
            (&[("Cookie", &cookie), ("Host", "lab7:8787")], 200),
            (&[("Cookie", &cookie), ("Host", "evil.example")], 403),
            (&[("Cookie", &cookie), ("Origin", "http://127.0.0.1:1")], 403),
            (&[("Cookie", "rask-fedcba9876543210=x")], 401),
        ] {
            assert_eq!(served.request("GET", path, headers).status, status, "{path} {headers:?}");
        }
    }
}

#[test]
fn the_websocket_takes_no_foreign_page() {
    let served = serve();
    let cookie = format!("{COOKIE}={TOKEN}");
    let status = |headers: &[(&str, &str)]| match served.live(headers) {
        Ok(_) => 101,
        Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
    };
    let own = format!("http://127.0.0.1:{}", served.dashboard.port());
    assert_eq!(status(&[("Cookie", &cookie), ("Origin", &own)]), 101);
    assert_eq!(status(&[("Authorization", &format!("Bearer {TOKEN}"))]), 101);
    assert_eq!(status(&[("Origin", &own)]), 401);
    assert_eq!(status(&[("Cookie", &cookie), ("Origin", "http://evil.example")]), 403);
    assert_eq!(status(&[("Cookie", &cookie), ("Origin", "null")]), 403);
    assert_eq!(
        status(&[("Cookie", &cookie), ("Host", "evil.example"), ("Origin", "http://evil.example")]),
        403
    );
}

#[test]
fn a_name_at_which_the_link_was_opened_is_good_afterwards() {
    let served = serve();
    let cookie = format!("{COOKIE}={TOKEN}");
    let at_name = [("Cookie", cookie.as_str()), ("Host", "head.example:8787")];
    assert_eq!(served.request("GET", "/status", &at_name).status, 403);
    assert_eq!(served.request("GET", &format!("/status?token={TOKEN}"), &at_name[1..]).status, 200);
    assert_eq!(served.request("GET", "/api/v1/status", &at_name).status, 200);
}

#[test]
fn the_pages_files_are_for_everyone_and_fetched_once() {
    let served = serve();
    let page = served.get("/status").body;
    let names: Vec<&str> = page.split('"').filter(|text| text.starts_with("assets/")).collect();
    assert!(names.iter().any(|name| name.ends_with(".js")), "{page}");
    for name in names {
        let name = &format!("/{name}");
        let file = served.request("GET", name, &[]);
        assert_eq!((file.status, file.header("cache-control")), (200, Some("no-cache")), "{name}");
        assert!(file.header("content-type").is_some() && !file.body.is_empty(), "{name}");
        let tag = file.header("etag").unwrap();
        let again = served.request("GET", name, &[("If-None-Match", tag)]);
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{name}");
        assert_eq!(served.request("GET", name, &[("If-None-Match", "\"other\"")]).status, 200);
    }
}

#[test]
fn only_questions_are_answered_and_every_answer_is_guarded() {
    let served = serve();
    for (method, path, status) in [
        ("POST", "/status", 405),
        ("PUT", "/api/v1/status", 405),
        ("DELETE", "/nope", 405),
        ("OPTIONS", "/api/v1/status", 405),
        ("GET", "/nope", 404),
        ("GET", "/api/v1/nope", 404),
        ("GET", "/assets/nope.js", 404),
        ("GET", "/assets/../src/lib.rs", 404),
        ("GET", "/assets/%2e%2e/index.html", 404),
        ("GET", "/status", 401),
        ("GET", "/api/v1/status", 401),
        ("GET", "/health", 200),
    ] {
        let answer = served.request(method, path, &[]);
        assert_eq!(answer.status, status, "{method} {path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{method} {path}: {name}");
        }
        if matches!(status, 404 | 405) {
            assert!(answer.json()["error"].is_string(), "{method} {path}");
        }
    }
    let lost = served.request("GET", "/tasks/", &[("Accept", "text/html,*/*")]);
    assert_eq!(lost.status, 404);
    assert!(lost.body.contains("<a href=\"../tasks\">"), "{}", lost.body);
}

#[test]
fn what_is_no_request_is_refused() {
    let served = serve();
    assert!(served.raw("\r\n\r\nnonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
    let endless = format!("GET /health HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    let answer = served.raw(&endless);
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let many = format!("GET /health HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(500));
    assert!(served.raw(&many).starts_with("HTTP/1.1 431"));
    assert_eq!(served.request("GET", "/health", &[]).status, 200);
}

#[test]
fn a_taken_port_is_an_error_that_names_it() {
    let bound = Dashboard::bind(options(0)).unwrap();
    let error = Dashboard::bind(options(bound.port())).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&bound.port().to_string()), "{error}");
}

#[test]
fn a_link_names_a_host_that_a_browser_can_open() {
    for (host, link_host, expected) in [
        ("127.0.0.1", None, "http://127.0.0.1:"),
        ("0.0.0.0", None, "http://127.0.0.1:"),
        ("", Some("10.1.2.3"), "http://10.1.2.3:"),
        ("127.0.0.1", Some("fe80::1"), "http://[fe80::1]:"),
    ] {
        let link_host = link_host.map(str::to_owned);
        let told = rask_dashboard::DashboardOptions { host: host.into(), link_host, ..options(0) };
        let link = Dashboard::bind(told).unwrap().link();
        assert!(link.starts_with(expected), "{link}");
    }
}

#[test]
fn it_ends_when_dropped_whoever_is_connected() {
    let served = serve();
    let port = served.dashboard.port();
    let idle = served.connect();
    let mut page = served.page();
    drop(served.dashboard);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    drop(idle);
    let frame = loop {
        if let Message::Close(frame) = page.read().expect("a page is told that this is the end") {
            break frame.unwrap();
        }
    };
    assert_eq!(frame.code, CloseCode::Away);
}

#[test]
fn when_the_scheduler_has_ended_it_says_so() {
    let served = serve();
    served.scheduler.stop();
    while !served.scheduler.has_ended() {
        std::thread::yield_now();
    }
    let answer = served.get("/api/v1/status");
    assert_eq!(answer.status, 503);
    assert!(answer.json()["error"].as_str().unwrap().contains("ended"));
    assert_eq!(served.get("/status").status, 200);
}
