//! Whatever a picture holds, it can be drawn, and its text stays text.

use proptest::prelude::*;
use rask_draw::{Color, Direction, Node, Picture, Shape, to_dot, to_png, to_svg};
use resvg::usvg;

fn any_node() -> impl Strategy<Value = Node> {
    let label = prop_oneof![any::<String>(), "[\\\\\"'<>&;\\]\\[{}\n\t a-z]{0,60}"];
    let shape = prop_oneof![Just(Shape::Circle), Just(Shape::Ellipse), Just(Shape::Box), Just(Shape::Pill)];
    let color = || proptest::option::of(any::<(u8, u8, u8)>().prop_map(|(r, g, b)| Color(r, g, b)));
    let penwidth = prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-3.0), 0.0f64..1e9];
    (label, shape, color(), color(), penwidth).prop_map(|(label, shape, fill, stroke, penwidth)| Node {
        label,
        shape,
        fill,
        stroke,
        penwidth,
    })
}

fn any_picture() -> impl Strategy<Value = Picture> {
    let rankdir = prop_oneof![
        Just(Direction::TopToBottom),
        Just(Direction::BottomToTop),
        Just(Direction::LeftToRight),
        Just(Direction::RightToLeft)
    ];
    (prop::collection::vec(any_node(), 0..12), prop::collection::vec((0u32..13, 0u32..13), 0..25), rankdir)
        .prop_map(|(nodes, edges, rankdir)| Picture { nodes, edges, rankdir })
}

/// The text outside quotes, if all quotes are closed.
fn outside_quotes(dot: &str) -> Option<String> {
    let mut outside = String::new();
    let mut chars = dot.chars();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' if quoted => drop(chars.next()),
            c if !quoted => outside.push(c),
            _ => {}
        }
    }
    (!quoted).then_some(outside)
}

proptest! {
    #[test]
    fn svg_is_sound_xml(picture in any_picture()) {
        let svg = to_svg(&picture);
        let document = usvg::roxmltree::Document::parse(&svg);
        prop_assert!(document.is_ok(), "{:?}\n{}", document.err(), svg);
        let document = document.unwrap();
        let names = ["svg", "g", "path", "ellipse", "rect", "text", "title"];
        prop_assert!(document.descendants().filter(|node| node.is_element())
            .all(|node| names.contains(&node.tag_name().name())));
        prop_assert!(!svg.contains("NaN") && !svg.contains("inf\""));
    }

    #[test]
    fn dot_keeps_labels_in_quotes(picture in any_picture()) {
        let dot = to_dot(&picture);
        let outside = outside_quotes(&dot);
        prop_assert!(outside.is_some(), "{}", dot);
        prop_assert_eq!(outside.unwrap().matches(']').count(), picture.nodes.len() + 2);
    }

}

proptest! {
    // Pixels are slow in debug builds, and the SVG beneath is tried above.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn png_is_drawn(picture in any_picture()) {
        prop_assert!(to_png(&picture, 0.5).is_ok());
    }
}
