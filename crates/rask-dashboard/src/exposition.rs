//! Prometheus' text format: families with their help and kind, samples with labels.

use std::fmt::Write;

/// What a number is.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Only grows, until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// A text that grows.
#[derive(Default)]
pub(crate) struct Exposition {
    text: String,
}

impl Exposition {
    /// A family with these samples, `(labels, value)`; nothing if there are none.
    pub fn family<'a>(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        samples: impl IntoIterator<Item = (Vec<(&'static str, &'a str)>, f64)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let _ = writeln!(self.text, "# HELP {name} {}\n# TYPE {name} {kind}", escape(help, false));
        for (labels, value) in samples {
            self.text.push_str(name);
            for (index, (label, text)) in labels.iter().enumerate() {
                let before = if index == 0 { '{' } else { ',' };
                let _ = write!(self.text, "{before}{label}=\"{}\"", escape(text, true));
            }
            let after = if labels.is_empty() { "" } else { "}" };
            // A sum of nothing is -0, which added to 0 is 0.
            let _ = writeln!(self.text, "{after} {}", value + 0.0);
        }
    }

    /// A family of one sample.
    pub fn single(&mut self, name: &str, kind: Kind, help: &str, value: f64) {
        self.family(name, kind, help, [(Vec::new(), value)]);
    }

    pub fn finish(self) -> String {
        self.text
    }
}

fn escape(text: &str, quotes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_is_prometheus() {
        let mut text = Exposition::default();
        text.single("a_total", Kind::Counter, "Counts \"a\"\\b.", 3.0);
        text.family("none", Kind::Gauge, "Never seen.", []);
        let labels = vec![("worker", "x\"y\\z\n{}"), ("state", "memory")];
        text.family("b", Kind::Gauge, "Of b.", [(labels, 0.5), (vec![("worker", "é")], 1e21)]);
        let expected = "# HELP a_total Counts \"a\"\\\\b.\n# TYPE a_total counter\na_total 3\n\
            # HELP b Of b.\n# TYPE b gauge\nb{worker=\"x\\\"y\\\\z\\n{}\",state=\"memory\"} 0.5\n\
            b{worker=\"é\"} 1000000000000000000000\n";
        assert_eq!(text.finish(), expected);
    }
}
