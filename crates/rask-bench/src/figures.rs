//! The committed figures: instructions per task of each path, and of which compiler they are; and how new ones compare.

use std::collections::BTreeMap;
use std::fmt::Write;

/// A figure may be off by so much, in percent, in either direction.
pub const TOLERANCE_PERCENT: f64 = 3.0;

/// Instructions per task.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Figures {
    /// The compiler, the target and the C library that they are of: with others they are not comparable.
    pub made_with: String,
    /// By path.
    pub per_task: BTreeMap<String, f64>,
}

/// How a path's figure compares with the committed one.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// Within the tolerance.
    Same,
    /// So many percent more.
    Worse(f64),
    /// So many percent fewer.
    Better(f64),
    /// There was no such path.
    New,
    /// There is no such path any more.
    Gone,
}

impl Figures {
    /// Reads the file's text.
    ///
    /// # Errors
    /// If a line is neither empty, nor a comment, nor `name: value`.
    pub fn parse(text: &str) -> Result<Figures, String> {
        let mut figures = Figures::default();
        for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
            let bad = || format!("this line of the figures cannot be read: {line:?}");
            let (name, value) = line.split_once(':').ok_or_else(bad)?;
            match name {
                "made with" => value.trim().clone_into(&mut figures.made_with),
                path => {
                    let value = value.trim().parse().map_err(|_| bad())?;
                    figures.per_task.insert(path.to_owned(), value);
                }
            }
        }
        Ok(figures)
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let mut text = String::from(
            "# Instructions per task of the hot paths, as `make instructions` counts and checks them.\n\
             # `make instructions-update` writes this file anew.\n",
        );
        let _ = writeln!(text, "made with: {}", self.made_with);
        for (path, value) in &self.per_task {
            let _ = writeln!(text, "{path}: {value:.1}");
        }
        text
    }

    /// What is to be said of each path, when these are the committed figures and `new` was counted.
    pub fn compare(&self, new: &Figures) -> Vec<(String, Verdict)> {
        let counted = new.per_task.iter().map(|(path, &is)| {
            let verdict = match self.per_task.get(path) {
                None => Verdict::New,
                Some(&was) => judge(was, is),
            };
            (path.clone(), verdict)
        });
        let gone = self.per_task.keys().filter(|path| !new.per_task.contains_key(*path));
        counted.chain(gone.map(|path| (path.clone(), Verdict::Gone))).collect()
    }
}

fn judge(was: f64, is: f64) -> Verdict {
    let percent = 100.0 * (is - was) / was;
    if percent > TOLERANCE_PERCENT {
        Verdict::Worse(percent)
    } else if percent < -TOLERANCE_PERCENT {
        Verdict::Better(-percent)
    } else {
        Verdict::Same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(per_task: &[(&str, f64)]) -> Figures {
        let per_task = per_task.iter().map(|&(path, value)| (path.to_owned(), value)).collect();
        Figures { made_with: "rustc 1, x86".to_owned(), per_task }
    }

    #[test]
    fn what_is_written_is_read() {
        let some = figures(&[("a/b", 100.5), ("c", 3.0)]);
        assert_eq!(Figures::parse(&some.text()), Ok(some));
        assert!(Figures::parse("a/b 100").is_err());
        assert!(Figures::parse("a/b: many").is_err());
    }

    #[test]
    fn both_directions_are_noticed_beyond_the_tolerance() {
        let old = figures(&[("same", 100.0), ("worse", 100.0), ("better", 100.0), ("gone", 1.0)]);
        let new = figures(&[("same", 102.9), ("worse", 104.0), ("better", 96.0), ("new", 1.0)]);
        let verdicts: BTreeMap<String, Verdict> = old.compare(&new).into_iter().collect();
        assert_eq!(verdicts["same"], Verdict::Same);
        assert_eq!(verdicts["worse"], Verdict::Worse(4.0));
        assert_eq!(verdicts["better"], Verdict::Better(4.0));
        assert_eq!(verdicts["new"], Verdict::New);
        assert_eq!(verdicts["gone"], Verdict::Gone);
    }
}
