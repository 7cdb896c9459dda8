//! Pixels: the SVG drawing, rasterized with the embedded font.

use crate::label::FONT;
use crate::picture::Picture;
use crate::plan::plan;
use crate::svg::svg_of;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, fontdb};
use std::fmt;
use std::sync::{Arc, LazyLock};

/// The most pixels a PNG may have; each takes four bytes while it is drawn.
pub const PIXELS_MAX: u64 = 50_000_000;

/// Beyond that many, pixels are compressed quickly rather than well.
const PIXELS_COMPRESSED_WELL_MAX: u32 = 4_000_000;

/// Why there is no PNG.
#[derive(Clone, Debug, PartialEq)]
pub enum DrawError {
    /// The picture would have more than [`PIXELS_MAX`] pixels.
    TooLarge {
        /// How wide it would be, in pixels.
        width: u64,
        /// How tall it would be, in pixels.
        height: u64,
        /// How many nodes it shows.
        nodes: usize,
    },
    /// The scale is not a positive number.
    BadScale(f64),
    /// The drawing could not be rasterized: a bug of this crate.
    Internal(String),
}

impl fmt::Display for DrawError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DrawError::TooLarge { width, height, nodes } => write!(
                f,
                "a PNG of these {nodes} nodes would be {width} x {height} pixels, more than the {PIXELS_MAX} that are \
                 allowed; write an SVG instead, use a smaller scale, or draw fewer tasks (a part of the graph, or \
                 its groups)"
            ),
            DrawError::BadScale(scale) => write!(f, "the scale must be a positive number, not {scale}"),
            DrawError::Internal(why) => {
                write!(f, "the picture could not be rasterized, a bug of rask: {why}")
            }
        }
    }
}

impl std::error::Error for DrawError {}

static OPTIONS: LazyLock<usvg::Options<'static>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(FONT.to_vec());
    usvg::Options {
        font_family: "DejaVu Sans".to_owned(),
        fontdb: Arc::new(fonts),
        ..usvg::Options::default()
    }
});

/// Draws a picture as a PNG with a transparent background, `scale` times its natural size (1 for screens of 96
/// pixels to the inch, 2 for finer ones).
pub fn to_png(picture: &Picture, scale: f64) -> Result<Vec<u8>, DrawError> {
    if !(scale.is_finite() && scale > 0.0) {
        return Err(DrawError::BadScale(scale));
    }
    let plan = plan(picture);
    let pixels = |extent: f64| (extent.ceil() * scale).ceil().max(1.0) as u64;
    let (width, height) = (pixels(plan.width), pixels(plan.height));
    if width.saturating_mul(height) > PIXELS_MAX {
        return Err(DrawError::TooLarge { width, height, nodes: picture.nodes.len() });
    }
    let internal = |why: &dyn fmt::Display| DrawError::Internal(why.to_string());
    let tree = usvg::Tree::from_str(&svg_of(picture, &plan), &OPTIONS).map_err(|error| internal(&error))?;
    let mut pixmap =
        Pixmap::new(width as u32, height as u32).ok_or_else(|| internal(&"no room for the pixels"))?;
    resvg::render(&tree, Transform::from_scale(scale as f32, scale as f32), &mut pixmap.as_mut());
    encode(pixmap).map_err(|error| internal(&error))
}

/// Small pictures are compressed well; for large ones that would take longer than all the rest together.
fn encode(pixmap: Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, pixmap.width(), pixmap.height());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let is_small = pixmap.width() * pixmap.height() <= PIXELS_COMPRESSED_WELL_MAX;
    encoder.set_compression(if is_small { png::Compression::Balanced } else { png::Compression::Fast });
    encoder.write_header()?.write_image_data(&pixmap.take_demultiplied())?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Node, Shape};

    fn pair() -> Picture {
        let nodes = vec![Node::new("x", Shape::Box), Node::new("inc", Shape::Circle)];
        Picture { nodes, edges: vec![(0, 1)], ..Picture::default() }
    }

    #[test]
    fn a_png_has_the_size_asked_for_and_ink_in_it() {
        let small = Pixmap::decode_png(&to_png(&pair(), 1.0).unwrap()).unwrap();
        let large = Pixmap::decode_png(&to_png(&pair(), 2.0).unwrap()).unwrap();
        assert_eq!((small.width() * 2, small.height() * 2), (large.width(), large.height()));
        let dark = large.pixels().iter().filter(|pixel| pixel.alpha() == 255 && pixel.green() < 60).count();
        assert!(dark > 50, "the letters are drawn: {dark} dark pixels");
        assert_eq!(large.pixels()[0].alpha(), 0, "the background is transparent");
    }

    #[test]
    fn bad_scales_and_huge_pictures_are_refused_with_advice() {
        for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(to_png(&pair(), scale), Err(DrawError::BadScale(_))));
        }
        let error = to_png(&pair(), 1e9).unwrap_err();
        assert!(error.to_string().contains("write an SVG instead"), "{error}");
        assert!(matches!(to_png(&pair(), f64::MAX), Err(DrawError::TooLarge { .. })));
    }

    #[test]
    fn no_nodes_make_a_small_empty_png() {
        assert!(to_png(&Picture::default(), 1.0).is_ok());
    }
}
