//! The drawing itself, as SVG text.

use crate::edge::{Outline, arrow};
use crate::label::{FONT_FAMILY, FONT_SIZE, showable};
use crate::picture::{Color, Node, Picture, Shape};
use crate::plan::{PlacedNode, Plan, plan};
use std::fmt::Write;

/// What nodes and edges look like unless the picture says otherwise. Edges must be seen on light and on dark pages:
/// the background is transparent.
const FUNCTION_FILL: Color = Color(0xe8, 0xf1, 0xfa);
const FUNCTION_STROKE: Color = Color(0x4a, 0x7e, 0xb3);
const DATA_FILL: Color = Color(0xf7, 0xf4, 0xec);
const DATA_STROKE: Color = Color(0xa0, 0x92, 0x74);
const EDGE: Color = Color(0x7d, 0x88, 0x96);
const EDGE_WIDTH: f64 = 1.2;
const TEXT_ON_LIGHT: Color = Color(0x1c, 0x26, 0x33);
const TEXT_ON_DARK: Color = Color(0xff, 0xff, 0xff);

/// Draws a picture as an SVG document of its natural size (96 pixels to the inch).
pub fn to_svg(picture: &Picture) -> String {
    svg_of(picture, &plan(picture))
}

pub(crate) fn svg_of(picture: &Picture, plan: &Plan) -> String {
    let mut svg = String::with_capacity(1024 + 400 * (plan.nodes.len() + plan.edges.len()));
    write_svg(&mut svg, picture, plan).expect("strings take any text");
    svg
}

fn write_svg(svg: &mut String, picture: &Picture, plan: &Plan) -> std::fmt::Result {
    let (width, height) = (plan.width.ceil(), plan.height.ceil());
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\">"
    )?;
    writeln!(svg, "<g fill=\"none\" stroke=\"{EDGE}\" stroke-width=\"{EDGE_WIDTH}\">")?;
    write_edges(svg, picture, plan)?;
    writeln!(svg, "</g>")?;
    writeln!(
        svg,
        "<g font-family=\"{FONT_FAMILY}\" font-size=\"{FONT_SIZE}\" text-anchor=\"middle\" fill=\"{TEXT_ON_LIGHT}\">"
    )?;
    for (node, placed) in picture.nodes.iter().zip(&plan.nodes) {
        write_node(svg, node, placed)?;
    }
    svg.push_str("</g>\n</svg>\n");
    Ok(())
}

fn write_edges(svg: &mut String, picture: &Picture, plan: &Plan) -> std::fmt::Result {
    let outline = |node: u32| {
        let placed = &plan.nodes[node as usize];
        let mut size = placed.size;
        size.width += placed.penwidth;
        size.height += placed.penwidth;
        let shape = picture.nodes[node as usize].shape;
        Outline { centre: placed.centre, size, shape, slope_max: placed.slope_max }
    };
    let mut heads = String::new();
    for edge in &plan.edges {
        let arrow =
            arrow(&edge.points, outline(edge.from), outline(edge.to), picture.rankdir.is_horizontal());
        write!(svg, "<path d=\"M{:.1} {:.1}", arrow.start.x, arrow.start.y)?;
        for [first, second, end] in arrow.curves {
            write!(
                svg,
                "C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}",
                first.x, first.y, second.x, second.y, end.x, end.y
            )?;
        }
        svg.push_str("\"/>\n");
        let [tip, left, right] = arrow.head;
        write!(
            heads,
            "M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}z",
            tip.x, tip.y, left.x, left.y, right.x, right.y
        )?;
    }
    if !heads.is_empty() {
        writeln!(svg, "<path fill=\"{EDGE}\" stroke=\"none\" d=\"{heads}\"/>")?;
    }
    Ok(())
}

fn write_node(svg: &mut String, node: &Node, placed: &PlacedNode) -> std::fmt::Result {
    let (usual_fill, usual_stroke) = match node.shape {
        Shape::Circle | Shape::Ellipse | Shape::Pill => (FUNCTION_FILL, FUNCTION_STROKE),
        Shape::Box => (DATA_FILL, DATA_STROKE),
    };
    let (fill, stroke) = (node.fill.unwrap_or(usual_fill), node.stroke.unwrap_or(usual_stroke));
    let (centre, size, penwidth) = (placed.centre, placed.size, placed.penwidth);
    svg.push_str("<g>");
    if placed.label.is_clipped {
        svg.push_str("<title>");
        push_escaped(svg, &node.label);
        svg.push_str("</title>");
    }
    let paint = format!("fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"{penwidth}\"");
    match node.shape {
        Shape::Circle | Shape::Ellipse => write!(
            svg,
            "<ellipse cx=\"{:.1}\" cy=\"{:.1}\" rx=\"{:.1}\" ry=\"{:.1}\" {paint}/>",
            centre.x,
            centre.y,
            size.width / 2.0,
            size.height / 2.0
        )?,
        Shape::Box | Shape::Pill => write!(
            svg,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{:.1}\" {paint}/>",
            centre.x - size.width / 2.0,
            centre.y - size.height / 2.0,
            size.width,
            size.height,
            if node.shape == Shape::Box { 3.0 } else { size.height / 2.0 }
        )?,
    }
    if !placed.label.text.is_empty() {
        // The middle of the small letters lies on the middle of the node.
        write!(svg, "<text x=\"{:.1}\" y=\"{:.1}\"", centre.x, centre.y + 0.35 * FONT_SIZE)?;
        if !fill.is_light() {
            write!(svg, " fill=\"{TEXT_ON_DARK}\"")?;
        }
        svg.push('>');
        push_escaped(svg, &placed.label.text);
        svg.push_str("</text>");
    }
    svg.push_str("</g>\n");
    Ok(())
}

/// Appends text as XML content or as an attribute's value.
fn push_escaped(svg: &mut String, text: &str) {
    for c in text.chars().map(showable) {
        match c {
            '&' => svg.push_str("&amp;"),
            '<' => svg.push_str("&lt;"),
            '>' => svg.push_str("&gt;"),
            '"' => svg.push_str("&quot;"),
            '\'' => svg.push_str("&#39;"),
            c => svg.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_picture_has_all_its_parts() {
        let mut data = Node::new("x", Shape::Box);
        data.fill = Some(Color(0, 0, 0));
        let picture = Picture {
            nodes: vec![data, Node::new("inc", Shape::Circle)],
            edges: vec![(0, 1)],
            ..Picture::default()
        };
        let svg = to_svg(&picture);
        // The circle around "inc" is 30.7 pixels wide; outline and margins add 13.
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"44\" "), "{svg}");
        assert_eq!(svg.matches("<rect ").count(), 1);
        assert_eq!(svg.matches("<ellipse ").count(), 1);
        assert!(svg.contains(">inc</text>"));
        assert!(svg.contains("fill=\"#ffffff\">x</text>"), "white on black");
        assert_eq!(svg.matches("<path d=\"M").count(), 1);
    }

    #[test]
    fn text_cannot_break_out() {
        let label = "</text><script>alert('&\"')</script>\u{0}";
        let long = label.repeat(20);
        let nodes = vec![Node::new(label, Shape::Box), Node::new(long, Shape::Circle)];
        let svg = to_svg(&Picture { nodes, ..Picture::default() });
        assert!(!svg.contains("<script"));
        assert!(!svg.contains('\u{0}'));
        assert!(svg.contains("&lt;/text&gt;&lt;script&gt;"));
        assert!(svg.contains("<title>"), "a clipped label is kept whole in the title");
    }
}
