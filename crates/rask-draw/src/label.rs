//! Labels: cleaned of what cannot be shown, measured with the embedded font, clipped to what fits.

use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

/// The embedded font: DejaVu Sans, cut down (see `font/README.md`).
pub(crate) const FONT: &[u8] = include_bytes!("../font/DejaVuSans-subset.ttf");

/// Its family first, then what most resembles it in width.
pub(crate) const FONT_FAMILY: &str = "DejaVu Sans, Verdana, Geneva, sans-serif";

/// The size of all labels, in pixels.
pub(crate) const FONT_SIZE: f64 = 12.0;

/// Labels longer than this end with an ellipsis.
const WIDTH_MAX: f64 = 168.0;

/// A label as it is drawn.
pub(crate) struct Label {
    /// One line without control characters.
    pub text: String,
    /// How wide it is, in pixels.
    pub width: f64,
    /// Whether something is missing from it.
    pub is_clipped: bool,
}

/// Measures and clips labels.
pub(crate) struct Ruler<'a> {
    glyphs: skrifa::charmap::Charmap<'a>,
    metrics: skrifa::metrics::GlyphMetrics<'a>,
}

impl Ruler<'static> {
    pub fn new() -> Self {
        let font = FontRef::new(FONT).expect("the embedded font is sound");
        Ruler {
            glyphs: font.charmap(),
            metrics: font.glyph_metrics(Size::new(FONT_SIZE as f32), LocationRef::default()),
        }
    }

    fn width(&self, c: char) -> f64 {
        // Signs of other scripts come from another font: most are square.
        let advance = self.glyphs.map(c).and_then(|glyph| self.metrics.advance_width(glyph));
        advance.map_or(FONT_SIZE, f64::from)
    }

    pub fn label(&self, text: &str) -> Label {
        let mut width = 0.0;
        let mut ends_at = 0;
        let room = WIDTH_MAX - self.width('…');
        let mut shown = String::new();
        for c in text.trim().chars().map(showable) {
            width += self.width(c);
            if width <= room {
                ends_at = shown.len() + c.len_utf8();
            }
            shown.push(c);
            if width > WIDTH_MAX {
                shown.truncate(ends_at);
                shown.push('…');
                let width = shown.chars().map(|c| self.width(c)).sum();
                return Label { text: shown, width, is_clipped: true };
            }
        }
        Label { text: shown, width, is_clipped: false }
    }
}

/// What stands for a character in a drawing: itself, unless formats forbid it or it would break the line.
pub(crate) fn showable(c: char) -> char {
    match c {
        c if c.is_whitespace() => ' ',
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        // Marks that turn the direction of text would turn what follows the label as well.
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_labels_stay() {
        let label = Ruler::new().label("inc");
        assert_eq!((label.text.as_str(), label.is_clipped), ("inc", false));
        assert!((17.0..19.0).contains(&label.width), "{}", label.width);
    }

    #[test]
    fn long_labels_end_with_an_ellipsis_and_fit() {
        let label = Ruler::new().label(&"read-parquet-".repeat(1000));
        assert!(label.is_clipped && label.text.starts_with("read-parquet-") && label.text.ends_with('…'));
        assert!((WIDTH_MAX - 20.0..=WIDTH_MAX).contains(&label.width));
    }

    #[test]
    fn what_cannot_be_shown_is_replaced() {
        let label = Ruler::new().label(" a\nb\tc\u{0}d\u{202e}e\u{ffff} ");
        assert_eq!(label.text, "a b c\u{fffd}d\u{fffd}e\u{fffd}");
    }

    #[test]
    fn unknown_scripts_are_given_room() {
        assert_eq!(Ruler::new().label("加算").width, 24.0);
    }
}
