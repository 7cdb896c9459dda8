//! The picture as a program for graphviz.

use crate::picture::{Picture, Shape};
use rask_graph::Direction;
use std::fmt::Write;

/// Writes a picture in graphviz's DOT language. Nodes are named by their number, in the order of the picture.
pub fn to_dot(picture: &Picture) -> String {
    let mut dot = String::with_capacity(256 + 64 * (picture.nodes.len() + picture.edges.len()));
    write_dot(&mut dot, picture).expect("strings take any text");
    dot
}

fn write_dot(dot: &mut String, picture: &Picture) -> std::fmt::Result {
    let rankdir = match picture.rankdir {
        Direction::TopToBottom => "TB",
        Direction::BottomToTop => "BT",
        Direction::LeftToRight => "LR",
        Direction::RightToLeft => "RL",
    };
    writeln!(
        dot,
        "digraph {{\n\tgraph [rankdir={rankdir}, bgcolor=transparent]\n\tnode [fontname=helvetica]"
    )?;
    for (i, node) in picture.nodes.iter().enumerate() {
        let shape = match node.shape {
            Shape::Circle => "circle",
            Shape::Ellipse | Shape::Pill => "ellipse",
            Shape::Box => "box",
        };
        write!(dot, "\t{i} [label=\"")?;
        push_quoted(dot, &node.label);
        write!(dot, "\", shape={shape}")?;
        if let Some(fill) = node.fill {
            let text = if fill.is_light() { "black" } else { "white" };
            write!(dot, ", style=filled, fillcolor=\"{fill}\", fontcolor={text}")?;
        }
        if let Some(stroke) = node.stroke {
            write!(dot, ", color=\"{stroke}\"")?;
        }
        if node.penwidth.is_finite() && node.penwidth >= 0.0 && node.penwidth != 1.0 {
            write!(dot, ", penwidth={}", node.penwidth)?;
        }
        dot.push_str("]\n");
    }
    let count = picture.nodes.len() as u32;
    for (from, to) in picture.edges.iter().filter(|(from, to)| *from < count && *to < count) {
        writeln!(dot, "\t{from} -> {to}")?;
    }
    dot.push_str("}\n");
    Ok(())
}

/// Appends text between DOT's quotes. Backslashes are doubled, for graphviz gives some letters after one a meaning.
fn push_quoted(dot: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '"' => dot.push_str("\\\""),
            '\\' => dot.push_str("\\\\"),
            '\n' => dot.push_str("\\n"),
            // Graphviz reads entities in labels as HTML does.
            '&' => dot.push_str("&amp;"),
            c if c.is_control() => dot.push(' '),
            c => dot.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Color, Node};

    #[test]
    fn the_graph_is_written_out() {
        let mut sum = Node::new("sum", Shape::Circle);
        sum.fill = Some(Color(255, 255, 0));
        sum.penwidth = 2.5;
        let picture = Picture {
            nodes: vec![Node::new("x", Shape::Box), sum],
            edges: vec![(0, 1), (0, 9)],
            rankdir: Direction::LeftToRight,
        };
        assert_eq!(
            to_dot(&picture),
            "digraph {\n\
             \tgraph [rankdir=LR, bgcolor=transparent]\n\
             \tnode [fontname=helvetica]\n\
             \t0 [label=\"x\", shape=box]\n\
             \t1 [label=\"sum\", shape=circle, style=filled, fillcolor=\"#ffff00\", fontcolor=black, penwidth=2.5]\n\
             \t0 -> 1\n\
             }\n"
        );
    }

    #[test]
    fn quotes_and_backslashes_stay_inside() {
        let picture = Picture {
            nodes: vec![Node::new("\"]; evil [\\N\\\"\n\u{0}&lt;", Shape::Box)],
            ..Picture::default()
        };
        let expected = r#"0 [label="\"]; evil [\\N\\\"\n &amp;lt;", shape=box]"#;
        assert!(to_dot(&picture).contains(expected), "{}", to_dot(&picture));
    }
}
