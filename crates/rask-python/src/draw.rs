//! Pictures: what `rask._pictures` decided to draw, as SVG, PNG or DOT.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rask_draw::{Color, Direction, Node, Picture, Shape, to_dot, to_png, to_svg};

/// Draws a graph. `nodes` are `(label, shape, fill)` with shape `circle`, `box`, `ellipse` or `pill` and a fill such as
/// `#aabbcc` or None; `edges` are pairs of positions; `format` is `svg`, `png` or `dot`.
#[pyfunction]
pub fn draw_picture<'py>(
    py: Python<'py>,
    nodes: Vec<(String, String, Option<String>)>,
    edges: Vec<(u32, u32)>,
    rankdir: &str,
    format: &str,
    scale: f64,
) -> PyResult<Bound<'py, PyBytes>> {
    let nodes = nodes.into_iter().map(node).collect::<PyResult<_>>()?;
    let picture = Picture { nodes, edges, rankdir: direction(rankdir)? };
    let bytes = py.detach(|| match format {
        "svg" => Ok(to_svg(&picture).into_bytes()),
        "dot" => Ok(to_dot(&picture).into_bytes()),
        "png" => to_png(&picture, scale).map_err(|error| error.to_string()),
        other => Err(format!("{other:?} is not a format of pictures: png, svg and dot are")),
    });
    bytes.map(|bytes| PyBytes::new(py, &bytes)).map_err(PyValueError::new_err)
}

fn node((label, shape, fill): (String, String, Option<String>)) -> PyResult<Node> {
    let shape = match shape.as_str() {
        "circle" => Shape::Circle,
        "ellipse" => Shape::Ellipse,
        "box" => Shape::Box,
        "pill" => Shape::Pill,
        other => return Err(PyValueError::new_err(format!("{other:?} is not a shape of nodes"))),
    };
    let fill = fill.map(|fill| fill.parse::<Color>()).transpose();
    let fill = fill.map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(Node { fill, ..Node::new(label, shape) })
}

fn direction(rankdir: &str) -> PyResult<Direction> {
    Ok(match rankdir {
        "BT" => Direction::BottomToTop,
        "TB" => Direction::TopToBottom,
        "LR" => Direction::LeftToRight,
        "RL" => Direction::RightToLeft,
        other => {
            return Err(PyValueError::new_err(format!(
                "rankdir={other:?}: only BT, TB, LR and RL are known"
            )));
        }
    })
}
