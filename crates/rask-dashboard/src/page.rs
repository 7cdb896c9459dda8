//! The page's files, embedded, and the small page for those who lack the token.

use std::sync::OnceLock;

/// The page itself; its script looks at the address to see what to show.
pub(crate) const INDEX: &[u8] = include_bytes!("../page/index.html");

/// One file of the page. It says nothing of the cluster, so anyone may have it.
pub(crate) struct Asset {
    /// Its name below `/assets/`.
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
    "progress.js", JAVASCRIPT;
    "refresh.js", JAVASCRIPT;
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
    "workers.js", JAVASCRIPT;
}

/// The file of that name.
pub(crate) fn asset(name: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.name == name)
}

/// What a browser shows that came without the token. `path` is what it asked for, without its query.
///
/// The link to the same place is for those who have the cookie already and follow a link from another site, a notebook's say:
/// browsers withhold the cookie then, and send it when the click is on a page of this site.
pub(crate) fn no_token(path: &str) -> String {
    // Two slashes at the beginning would name another host.
    let again = format!("/{}", escape(path.trim_start_matches(['/', '\\'])));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>rask: token needed</title><link rel=\"stylesheet\" href=\"/assets/style.css\"></head>\n<body class=\"refused\">\n\
         <h1>This page needs the cluster's token</h1>\n\
         <p>Open it by its whole link, with <code>?token=…</code> at the end: <code>client.dashboard_link</code> gives it, and \
         <code>rask scheduler</code> prints it when it starts.</p>\n\
         <p>If this browser has opened that link before: <a href=\"{again}\">open again</a>.</p>\n</body>\n</html>\n"
    )
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
    fn what_was_asked_for_is_shown_escaped() {
        let text = no_token("/tasks/\"><script>alert(1)</script>");
        assert!(!text.contains("<script"), "{text}");
        assert!(text.contains("href=\"/tasks/&quot;&gt;&lt;script&gt;"), "{text}");
        assert!(no_token("//evil.example/x").contains("href=\"/evil.example/x\""));
    }
}
