//! What a worker said, for the page that shows it: its last lines.

use std::collections::VecDeque;

/// Lines kept of each worker, and their bytes.
const LINES_MAX: usize = 500;
const BYTES_MAX: usize = 128 << 10;
/// Longer lines are cut.
const LINE_BYTES_MAX: usize = 8 << 10;

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct LogLine {
    /// When the scheduler heard it, in seconds of Unix time.
    pub(crate) at_s: f64,
    /// `log`, `print`, `warn`, `error` or `worker`.
    pub(crate) topic: String,
    pub(crate) text: String,
}

/// The beginning of a text: at most so many bytes.
pub(crate) fn head(text: &str, bytes_max: usize) -> &str {
    let cut = (0..=bytes_max.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
    &text[..cut.unwrap_or(0)]
}

/// The last lines of a worker.
#[derive(Clone, Debug, Default)]
pub(crate) struct WorkerLog {
    lines: VecDeque<LogLine>,
    nbytes: usize,
}

impl WorkerLog {
    /// Adds a line, at the cost of the oldest.
    pub(crate) fn push(&mut self, at_s: f64, topic: &str, text: &str) {
        let mut line = head(text, LINE_BYTES_MAX).to_owned();
        if line.len() < text.len() {
            line.push('…');
        }
        self.nbytes += line.len();
        self.lines.push_back(LogLine { at_s, topic: topic.to_owned(), text: line });
        while self.lines.len() > LINES_MAX || self.nbytes > BYTES_MAX {
            let Some(oldest) = self.lines.pop_front() else { break };
            self.nbytes -= oldest.text.len();
        }
    }

    /// Oldest first.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &LogLine> {
        self.lines.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_the_last_lines_within_its_bounds() {
        let mut log = WorkerLog::default();
        (0..2 * LINES_MAX).for_each(|i| log.push(0.0, "log", &i.to_string()));
        assert_eq!(log.lines().count(), LINES_MAX);
        assert_eq!(log.lines().last().unwrap().text, (2 * LINES_MAX - 1).to_string());
        (0..100).for_each(|_| log.push(0.0, "log", &"é".repeat(LINE_BYTES_MAX)));
        let nbytes: usize = log.lines().map(|line| line.text.len()).sum();
        assert!(nbytes <= BYTES_MAX && nbytes == log.nbytes);
        assert!(log.lines().last().unwrap().text.ends_with("é…"));
    }
}
