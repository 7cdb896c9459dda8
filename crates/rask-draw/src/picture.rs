//! What to draw.

use rask_graph::Direction;
use std::fmt;
use std::str::FromStr;

/// A graph as the reader should see it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    /// The nodes; edges name them by their place here.
    pub nodes: Vec<Node>,
    /// Arrows from a dependency to its dependent. One that names no node is not drawn; one drawn twice is drawn
    /// once. Cycles may be drawn.
    pub edges: Vec<(u32, u32)>,
    /// Which way arrows run; results on top unless said otherwise.
    pub rankdir: Direction,
}

/// One node of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What is written in it, any text.
    pub label: String,
    /// Its outline.
    pub shape: Shape,
    /// Its colour inside; a light one that suits the shape when `None`. The label is black or white on it, whichever
    /// can be read.
    pub fill: Option<Color>,
    /// The colour of its outline; one that suits the shape when `None`.
    pub stroke: Option<Color>,
    /// How thick the outline is, in pixels; nonsense counts as 1.
    pub penwidth: f64,
}

impl Node {
    /// A node in the usual colours.
    pub fn new(label: impl Into<String>, shape: Shape) -> Self {
        Node { label: label.into(), shape, fill: None, stroke: None, penwidth: 1.0 }
    }
}

/// The outline of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Shape {
    /// For functions: a circle, stretched to an ellipse where the label is long.
    #[default]
    Circle,
    /// An ellipse around the label.
    Ellipse,
    /// For data: a box with slightly rounded corners.
    Box,
    /// For groups of tasks: a box with half-round ends.
    Pill,
}

/// A colour, red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color(pub u8, pub u8, pub u8);

impl Color {
    /// Whether black can be read on it better than white.
    pub(crate) fn is_light(self) -> bool {
        // Perceived brightness, by the weights of ITU-R BT.601.
        299 * u32::from(self.0) + 587 * u32::from(self.1) + 114 * u32::from(self.2) > 140_000
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }
}

/// A text that is no colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseColorError(String);

impl fmt::Display for ParseColorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no colour; write it as #rrggbb", self.0)
    }
}

impl std::error::Error for ParseColorError {}

impl FromStr for Color {
    type Err = ParseColorError;

    /// Reads `#rgb`, `#rrggbb`, and `#rrggbbaa` without its opacity.
    fn from_str(text: &str) -> Result<Self, ParseColorError> {
        let error = || ParseColorError(text.to_owned());
        let digits = text.strip_prefix('#').ok_or_else(error)?;
        let digits: Option<Vec<u8>> =
            digits.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
        match digits.as_deref() {
            Some(&[r, g, b]) => Ok(Color(17 * r, 17 * g, 17 * b)),
            Some(&[r, s, g, h, b, c] | &[r, s, g, h, b, c, _, _]) => {
                Ok(Color(16 * r + s, 16 * g + h, 16 * b + c))
            }
            _ => Err(error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_and_written() {
        assert_eq!("#0a80ff".parse(), Ok(Color(10, 128, 255)));
        assert_eq!("#0a80ff40".parse(), Ok(Color(10, 128, 255)));
        assert_eq!("#f08".parse(), Ok(Color(255, 0, 136)));
        assert_eq!(Color(10, 128, 255).to_string(), "#0a80ff");
        for wrong in ["", "#", "red", "#12345", "#ggg", "#éé"] {
            let error = wrong.parse::<Color>().unwrap_err();
            assert_eq!(error.to_string(), format!("{wrong:?} is no colour; write it as #rrggbb"));
        }
    }

    #[test]
    fn light_and_dark() {
        assert!(Color(255, 255, 255).is_light());
        assert!(Color(255, 220, 0).is_light());
        assert!(!Color(0, 0, 0).is_light());
        assert!(!Color(30, 60, 200).is_light());
    }
}
