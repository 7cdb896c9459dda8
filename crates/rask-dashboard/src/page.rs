//! The page's files, embedded, and the small page for those who lack the token.

use std::sync::OnceLock;

/// The page itself; its script looks at the address to see what to show.
pub(crate) const INDEX: &[u8] = include_bytes!("../page/index.html");

/// One file of the page. It says nothing of the cluster, so anyone may have it.
pub(crate) struct Asset {
    /// Its name below `assets/`.
    pub name: &'static str,
    pub media_type: &'static str,
    pub bytes: &'static [u8],
    tag: OnceLock<String>,
}

impl Asset {
    const fn new(name: &'static str, media_type: &'static str, bytes: &'static [u8]) -> Asset {
        Asset { name, media_type, bytes, tag: OnceLock::new() }
    }

    /// An `ETag`: another content has another one.
    pub fn tag(&self) -> &str {
        self.tag.get_or_init(|| format!("\"{}\"", &blake3::hash(self.bytes).to_hex()[..16]))
    }
}

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

macro_rules! assets {
    ($($name:literal, $media_type:expr;)*) => {
        /// Every file in `page/` but `index.html`.
        static ASSETS: [Asset; [$($name),*].len()] =
            [$(Asset::new($name, $media_type, include_bytes!(concat!("../page/", $name)))),*];
    };
}

assets! {
    "api.js", JAVASCRIPT;
    "chart.js", JAVASCRIPT;
    "colours.js", JAVASCRIPT;
    "dom.js", JAVASCRIPT;
    "early.js", JAVASCRIPT;
    "events.js", JAVASCRIPT;
    "format.js", JAVASCRIPT;
    "frame.js", JAVASCRIPT;
    "graph.js", JAVASCRIPT;
    "graph_draw.js", JAVASCRIPT;
    "header.js", JAVASCRIPT;
    "histogram.js", JAVASCRIPT;
    "history.js", JAVASCRIPT;
    "icon.svg", SVG;
    "lanes.js", JAVASCRIPT;
    "live.js", JAVASCRIPT;
    "loads.js", JAVASCRIPT;
    "main.js", JAVASCRIPT;
    "pages.css", CSS;
    "picture_view.js", JAVASCRIPT;
    "process.js", JAVASCRIPT;
    "progress.js", JAVASCRIPT;
    "refresh.js", JAVASCRIPT;
    "root.js", JAVASCRIPT;
    "router.js", JAVASCRIPT;
    "series.js", JAVASCRIPT;
    "status.js", JAVASCRIPT;
    "store.js", JAVASCRIPT;
    "stream.js", JAVASCRIPT;
    "stream_draw.js", JAVASCRIPT;
    "stream_rows.js", JAVASCRIPT;
    "stream_table.js", JAVASCRIPT;
    "style.css", CSS;
    "surface.js", JAVASCRIPT;
    "table.js", JAVASCRIPT;
    "task.js", JAVASCRIPT;
    "tasks.js", JAVASCRIPT;
    "time_window.js", JAVASCRIPT;
    "tooltip.js", JAVASCRIPT;
    "types.js", JAVASCRIPT;
    "vendor/LICENSE-uPlot", TEXT;
    "vendor/uPlot.iife.min.js", JAVASCRIPT;
    "vendor/uPlot.min.css", CSS;
    "worker.js", JAVASCRIPT;
    "worker_links.js", JAVASCRIPT;
    "workers.js", JAVASCRIPT;
}

/// The file of that name.
pub(crate) fn asset(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// What a browser shows that came without the token.
///
/// The link to the same place is for those who have the cookie already and follow a link from another site, a notebook's say:
/// browsers withhold the cookie then, and send it when the click is on a page of this site.
pub(crate) fn no_token() -> String {
    bare(
        "",
        "token needed",
        "<h1>This page needs the cluster's token</h1>\n\
         <p>Open it by its whole link, with <code>?token=…</code> at the end: <code>client.dashboard_link</code> gives it, and \
         <code>rask scheduler</code> prints it when it starts.</p>\n\
         <p>If this browser has opened that link before: <a href=\"\">open again</a>.</p>",
    )
}

/// What a browser shows at a path that there is not: mostly one with a slash too many at its end.
///
/// The addresses are relative to that path, since a proxy may have put another before it.
pub(crate) fn not_here(path: &str) -> String {
    let root = match path.matches('/').count() {
        0 | 1 => "./".to_owned(),
        slashes => "../".repeat(slashes - 1),
    };
    let link = |(page, title): (&str, &str)| format!("<a href=\"{root}{page}\">{title}</a>");
    let links = [
        ("status", "Status"),
        ("graph", "Graph"),
        ("workers", "Workers"),
        ("tasks", "Tasks"),
        ("events", "Events"),
    ];
    let links = links.map(link).join(" · ");
    bare(&root, "no such page", &format!("<h1>There is no such page here</h1>\n<p>{links}</p>"))
}

/// A page without the script; `root` leads from it to where the pages are.
fn bare(root: &str, title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>rask: {title}</title>\
         <link rel=\"icon\" href=\"{root}assets/icon.svg\" type=\"image/svg+xml\">\
         <link rel=\"stylesheet\" href=\"{root}assets/style.css\"></head>\n\
         <body class=\"bare\">\n{body}\n</body>\n</html>\n"
    )
}

/// What `/` gives below a path that a proxy says it has put before: a page that goes on to Status there; nothing if this is no path.
///
/// For whoever typed `…/proxy/8787` without a slash at the end: there, a relative address would mean something beside the dashboard.
/// A redirect would not do, since proxies rewrite its address, each in its own way.
pub(crate) fn onward(prefix: &str, query: Option<&str>) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-._~%@+,=:!".contains(c);
    // Two slashes at the beginning would name another host.
    if !prefix.starts_with('/') || prefix.starts_with("//") || !prefix.chars().all(is_plain) {
        return None;
    }
    let query = query.map(|query| format!("?{}", escape(query))).unwrap_or_default();
    let root = prefix.trim_end_matches('/');
    let status = format!("{root}/status{query}");
    Some(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>rask</title>\
         <link rel=\"icon\" href=\"{root}/assets/icon.svg\" type=\"image/svg+xml\">\
         <meta http-equiv=\"refresh\" content=\"0; url={status}\"></head>\n\
         <body><p><a href=\"{status}\">Status</a></p></body>\n</html>\n"
    ))
}

/// A text as HTML, also within quotes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("page");
        let mut names = Vec::new();
        let mut folders = vec![folder.clone()];
        while let Some(one) = folders.pop() {
            for entry in std::fs::read_dir(one).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else {
                    names.push(entry.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        names.retain(|name| name != "index.html");
        names.sort();
        let mut served: Vec<&str> = ASSETS.iter().map(|asset| asset.name).collect();
        served.sort_unstable();
        assert_eq!(served, names, "ASSETS and the folder page/ differ");
    }

    #[test]
    fn from_a_path_that_is_not_there_relative_links_lead_back() {
        for (path, status) in [
            ("/nope", "./status"),
            ("/tasks/", "../status"),
            ("/a/b/c", "../../status"),
            ("//", "../status"),
            ("", "./status"),
        ] {
            let page = not_here(path);
            assert!(page.contains(&format!("href=\"{status}\"")), "{path}: {page}");
        }
        assert!(!not_here("/\"><script>").contains("script>"));
    }

    #[test]
    fn a_path_before_the_root_is_gone_to_if_it_is_one() {
        let page = onward("/user/al%40ice/proxy/8787", Some("token=1&x='\"><script>")).unwrap();
        let address = "/user/al%40ice/proxy/8787/status?token=1&amp;x=&#39;&quot;&gt;&lt;script&gt;\"";
        assert!(page.contains(&format!("content=\"0; url={address}")), "{page}");
        assert!(page.contains(&format!("href=\"{address}")), "{page}");
        assert!(onward("/a/", None).unwrap().contains("url=/a/status\""));
        for none in [
            "",
            "a",
            "//evil.example",
            "/\\evil.example",
            "/a\"><script>",
            "/a b",
            "/a;url=x",
            "javascript:x",
        ] {
            assert_eq!(onward(none, None), None, "{none}");
        }
    }
}
