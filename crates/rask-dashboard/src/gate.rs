//! Who may look: the token, as it comes in a link, a cookie or a bearer header, and from which pages.
//!
//! The token is in the link that users are told. The page that answers it sets a cookie, so that neither other links nor the
//! page's own questions need carry it; programs send `Authorization: Bearer`. A cookie travels by itself, so a request with one
//! must also name this dashboard as the host it means (against names that are made to point here) and, if it says
//! where it comes from, come from this dashboard's own page.

use std::net::IpAddr;

use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, Uri};
use parking_lot::Mutex;

/// A cookie is kept for a week after the page was last opened.
const COOKIE_S_MAX: u32 = 7 * 24 * 3600;
/// Host names at which a right token was shown, the latest of them.
const HOSTS_MAX: usize = 32;
/// Set by proxies: the host that the browser named.
const FORWARDED_HOST: &str = "x-forwarded-host";
/// Set by proxies: how the browser came to them.
const FORWARDED_PROTO: &str = "x-forwarded-proto";
/// A longer name is none.
const HOST_BYTES_MAX: usize = 255;

/// Why a request is not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// It shows no token, or a wrong one.
    NoToken,
    /// `Host` is none that this dashboard is known by.
    ForeignHost,
    /// `Origin` is another site.
    ForeignOrigin,
}

/// Checks requests.
pub(crate) struct Gate {
    /// Hashes are compared in constant time.
    token_hash: blake3::Hash,
    cookie_name: String,
    /// For `Set-Cookie`: the dashboard's own token is no secret to whoever has shown it.
    token: String,
    /// Names of this dashboard that were known from the start, in lower case.
    own_hosts: Vec<String>,
    /// Names at which it was shown the token since.
    proven_hosts: Mutex<Vec<String>>,
}

impl Gate {
    /// Lets in whoever knows the token. `cluster` is its id in hexadecimal digits, `hosts` by what names the machine is known.
    pub fn new(cluster: &str, token: &str, hosts: impl IntoIterator<Item = String>) -> Gate {
        let digits: String = cluster.chars().take(16).collect();
        Gate {
            token_hash: blake3::hash(token.as_bytes()),
            cookie_name: format!("rask-{digits}"),
            token: token.to_owned(),
            own_hosts: hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect(),
            proven_hosts: Mutex::new(Vec::new()),
        }
    }

    /// Whether the query of a link to a page has the token. Then the host that the link names is one of this dashboard's.
    pub fn has_link_token(&self, uri: &Uri, headers: &HeaderMap) -> bool {
        let pairs = uri.query().unwrap_or_default().split('&');
        let shown = pairs.filter_map(|pair| pair.strip_prefix("token=")).any(|token| self.is_token(token));
        if shown && let Some(host) = host_of(headers) {
            self.remember(host);
        }
        shown
    }

    /// Whether a request may be answered.
    ///
    /// # Errors
    /// If not; why.
    pub fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer_token);
        let by_bearer = bearer.is_some_and(|token| self.is_token(token));
        if !by_bearer && !self.has_cookie(headers) {
            return Err(Refusal::NoToken);
        }
        if !by_bearer && !host_of(headers).is_some_and(|host| self.knows(host)) {
            return Err(Refusal::ForeignHost);
        }
        if !has_own_origin(headers) {
            return Err(Refusal::ForeignOrigin);
        }
        Ok(())
    }

    /// The value of `Set-Cookie` for whoever has shown the token.
    ///
    /// If a proxy says that the browser came by TLS, it is to be sent by TLS only. It names no path, so that the browser takes the
    /// folder of the page: where a proxy shows the dashboard below a path, what others serve at that host is not sent the token.
    /// Without one it goes to all ports of the host: that is how cookies are, and `docs/clusters.md` says so.
    pub fn cookie(&self, headers: &HeaderMap) -> String {
        let Gate { cookie_name, token, .. } = self;
        let secure = if came_by_tls(headers) { "; Secure" } else { "" };
        format!("{cookie_name}={token}; Max-Age={COOKIE_S_MAX}; HttpOnly; SameSite=Strict{secure}")
    }

    fn is_token(&self, shown: &str) -> bool {
        blake3::hash(shown.as_bytes()) == self.token_hash
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let values = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(name, value)| name == self.cookie_name && self.is_token(value))
    }

    fn knows(&self, host: &str) -> bool {
        let name = name_of(host).to_ascii_lowercase();
        name.parse::<IpAddr>().is_ok()
            || name == "localhost"
            || name.ends_with(".localhost")
            || self.own_hosts.contains(&name)
            || self.proven_hosts.lock().contains(&name)
    }

    fn remember(&self, host: &str) {
        let name = name_of(host).to_ascii_lowercase();
        if self.knows(host) || name.is_empty() || name.len() > HOST_BYTES_MAX {
            return;
        }
        let mut hosts = self.proven_hosts.lock();
        if hosts.len() == HOSTS_MAX {
            hosts.remove(0);
        }
        hosts.push(name);
    }
}

fn bearer_token(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn host_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(HOST)?.to_str().ok()
}

/// A host without its port and without the brackets of an IPv6 address.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    host.split(':').next().unwrap_or_default().trim_end_matches('.')
}

/// Of several proxies, the first named is the one the browser came to.
fn came_by_tls(headers: &HeaderMap) -> bool {
    let told = headers.get(FORWARDED_PROTO).and_then(|value| value.to_str().ok()).unwrap_or_default();
    told.split(',').next().is_some_and(|scheme| scheme.trim().eq_ignore_ascii_case("https"))
}

/// The page that asks, if the browser names it, is one of this dashboard's own, perhaps served through a proxy that adds TLS.
///
/// A proxy may name itself as `Host` and tell in `X-Forwarded-Host` what the browser named. A page of another site cannot tell
/// that: browsers let it add no header to a WebSocket, and none to a question before the server has agreed, which this one does not.
fn has_own_origin(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let forwarded = headers.get_all(FORWARDED_HOST).into_iter().filter_map(|value| value.to_str().ok());
    let mut hosts = host_of(headers).into_iter().chain(forwarded.flat_map(|value| value.split(',')));
    hosts.any(|host| !host.trim().is_empty() && is_origin_of(origin, host.trim()))
}

fn is_origin_of(origin: &str, host: &str) -> bool {
    let with_port = |scheme: &str, port: &str| {
        let place = origin.strip_prefix(scheme)?;
        Some(place.eq_ignore_ascii_case(host) || format!("{place}{port}").eq_ignore_ascii_case(host))
    };
    with_port("http://", ":80").or_else(|| with_port("https://", ":443")).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    const TOKEN: &str = "00112233";

    fn gate() -> Gate {
        Gate::new("0123456789abcdef0123456789abcdef", TOKEN, ["Lab7".to_owned()])
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    const COOKIE: (&str, &str) = ("cookie", "a=b; rask-0123456789abcdef=00112233; c=d");

    #[test]
    fn the_token_is_needed() {
        let gate = gate();
        for shown in [
            &[][..],
            &[("authorization", "Bearer 00112234")],
            &[("authorization", "Basic 00112233")],
            &[("authorization", "00112233")],
            &[("cookie", "rask-0123456789abcdef=0011223"), ("host", "127.0.0.1:8787")],
            &[("cookie", "rask-fedcba9876543210=00112233"), ("host", "127.0.0.1:8787")],
            &[("cookie", "rask-0123456789abcdef"), ("host", "127.0.0.1:8787")],
        ] {
            assert_eq!(gate.admit(&headers(shown)), Err(Refusal::NoToken), "{shown:?}");
        }
        for shown in [
            &[("authorization", "Bearer 00112233")][..],
            &[("authorization", "bearer  00112233"), ("host", "anything")],
            &[COOKIE, ("host", "127.0.0.1:8787")],
            &[("cookie", "x=y"), COOKIE, ("host", "127.0.0.1:8787")],
        ] {
            assert_eq!(gate.admit(&headers(shown)), Ok(()), "{shown:?}");
        }
    }

    #[test]
    fn a_cookie_is_good_at_hosts_that_are_this_machine() {
        let gate = gate();
        for host in
            ["localhost", "LOCALHOST:1", "a.localhost:8787", "[::1]:8787", "10.1.2.3", "lab7:8787", "lab7."]
        {
            assert_eq!(gate.admit(&headers(&[COOKIE, ("host", host)])), Ok(()), "{host}");
        }
        for host in
            ["evil.example:8787", "", "localhost.evil.example", "[evil.example]", "127.0.0.1.evil.example"]
        {
            assert_eq!(gate.admit(&headers(&[COOKIE, ("host", host)])), Err(Refusal::ForeignHost), "{host}");
        }
        assert_eq!(gate.admit(&headers(&[COOKIE])), Err(Refusal::ForeignHost));
    }

    #[test]
    fn a_host_at_which_the_token_was_shown_is_known_from_then_on() {
        let gate = gate();
        let at = headers(&[COOKIE, ("host", "Head.Cluster.example:8787")]);
        let link = |query: &str| format!("/status{query}").parse::<Uri>().unwrap();
        for wrong in ["", "?token=", "?token=0011223", "?nottoken=00112233", "?x=token=00112233"] {
            assert!(!gate.has_link_token(&link(wrong), &at), "{wrong}");
        }
        assert_eq!(gate.admit(&at), Err(Refusal::ForeignHost));
        assert!(gate.has_link_token(&link("?a=b&token=00112233"), &at));
        assert_eq!(gate.admit(&at), Ok(()));
        for number in 0..2 * HOSTS_MAX {
            let host = format!("h{number}.example");
            assert!(gate.has_link_token(&link("?token=00112233"), &headers(&[("host", &host)])));
        }
        assert_eq!(gate.proven_hosts.lock().len(), HOSTS_MAX);
        assert_eq!(gate.admit(&at), Err(Refusal::ForeignHost), "the oldest names are given up");
    }

    #[test]
    fn other_sites_are_refused() {
        let gate = gate();
        let from =
            |host: &str, origin: &str| gate.admit(&headers(&[COOKIE, ("host", host), ("origin", origin)]));
        for (host, origin) in [
            ("127.0.0.1:8787", "http://127.0.0.1:8787"),
            ("localhost:8787", "http://LOCALHOST:8787"),
            ("localhost", "https://localhost"),
            ("localhost:80", "http://localhost"),
            ("localhost:443", "https://localhost"),
        ] {
            assert_eq!(from(host, origin), Ok(()), "{host} {origin}");
        }
        for (host, origin) in [
            ("127.0.0.1:8787", "http://127.0.0.1:8888"),
            ("127.0.0.1:8787", "http://evil.example"),
            ("127.0.0.1:8787", "null"),
            ("127.0.0.1:8787", "file://127.0.0.1:8787"),
            ("127.0.0.1:8787", "http://127.0.0.1:8787.evil.example"),
            ("127.0.0.1:8787", "http://127.0.0.1"),
            ("127.0.0.1:8787", ""),
        ] {
            assert_eq!(from(host, origin), Err(Refusal::ForeignOrigin), "{host} {origin}");
        }
        let bearer = headers(&[
            ("authorization", "Bearer 00112233"),
            ("host", "h"),
            ("origin", "http://evil.example"),
        ]);
        assert_eq!(gate.admit(&bearer), Err(Refusal::ForeignOrigin));
    }

    #[test]
    fn a_proxy_may_tell_the_host_that_the_browser_named() {
        let gate = gate();
        let from = |forwarded: &str, origin: &str| {
            let told = ("x-forwarded-host", forwarded);
            gate.admit(&headers(&[COOKIE, ("host", "127.0.0.1:8787"), told, ("origin", origin)]))
        };
        for (forwarded, origin) in [
            ("lab.example", "https://lab.example"),
            ("lab.example:443", "https://lab.example"),
            ("lab.example:8443", "https://lab.example:8443"),
            ("lab.example, inner:80", "https://lab.example"),
            ("outer,lab.example", "http://lab.example"),
            ("lab.example", "http://127.0.0.1:8787"),
        ] {
            assert_eq!(from(forwarded, origin), Ok(()), "{forwarded} {origin}");
        }
        for (forwarded, origin) in [
            ("lab.example", "https://evil.example"),
            ("lab.example", "https://lab.example:8443"),
            ("lab.example", "https://lab.example.evil.example"),
            ("", "null"),
            ("", "https://"),
            (",", "http://"),
        ] {
            assert_eq!(from(forwarded, origin), Err(Refusal::ForeignOrigin), "{forwarded} {origin}");
        }
        let foreign_host = [COOKIE, ("host", "evil.example"), ("x-forwarded-host", "localhost")];
        assert_eq!(gate.admit(&headers(&foreign_host)), Err(Refusal::ForeignHost), "Host itself is checked");
    }

    #[test]
    fn the_cookie_is_strict_and_named_after_the_cluster() {
        let cookie = gate().cookie(&headers(&[]));
        assert!(cookie.starts_with("rask-0123456789abcdef=00112233; "), "{cookie}");
        for part in ["HttpOnly", "SameSite=Strict", "Max-Age="] {
            assert!(cookie.contains(part), "{cookie}");
        }
        assert!(!cookie.contains("Path") && !cookie.contains("Domain"), "{cookie}");
    }

    #[test]
    fn behind_tls_the_cookie_is_for_tls() {
        for (told, secure) in
            [("https", true), ("HTTPS, http", true), ("http, https", false), ("http", false), ("", false)]
        {
            let cookie = gate().cookie(&headers(&[("x-forwarded-proto", told)]));
            assert_eq!(cookie.ends_with("; Secure"), secure, "{told}: {cookie}");
        }
    }
}
