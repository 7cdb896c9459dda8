//! From a picture to places: how large each node is, where it lies, and which way each edge takes.

use crate::label::{FONT_SIZE, Label, Ruler};
use crate::picture::{Picture, Shape};
use rask_graph::{Csr, CsrBuilder, LayoutOptions, Point, Size, layout};
use std::collections::HashMap;

/// Free room around everything, for outlines and for looking well.
const MARGIN: f64 = 6.0;
/// A circle larger than this is an ellipse instead.
const DIAMETER_MAX: f64 = 52.0;
const DIAMETER_MIN: f64 = 30.0;
/// Outlines thicker than this hide what they surround.
const PENWIDTH_MAX: f64 = 12.0;

/// Everything that is drawn, in pixels from the upper left corner.
pub(crate) struct Plan {
    pub width: f64,
    pub height: f64,
    pub nodes: Vec<PlacedNode>,
    pub edges: Vec<PlacedEdge>,
}

pub(crate) struct PlacedNode {
    pub centre: Point,
    /// Extent of the outline.
    pub size: Size,
    pub label: Label,
    pub penwidth: f64,
    /// How flat an arrow may leave or arrive on either side, as sideways per ahead, and not run over the node beside.
    pub slope_max: [f64; 2],
}

pub(crate) struct PlacedEdge {
    pub from: u32,
    pub to: u32,
    /// From centre to centre. A node's arrow to itself has one point.
    pub points: Vec<Point>,
}

pub(crate) fn plan(picture: &Picture) -> Plan {
    let ruler = Ruler::new();
    let mut nodes: Vec<PlacedNode> = picture
        .nodes
        .iter()
        .map(|node| {
            let label = ruler.label(&node.label);
            let penwidth =
                if node.penwidth.is_finite() { node.penwidth.clamp(0.0, PENWIDTH_MAX) } else { 1.0 };
            let size = size_of(node.shape, &label);
            PlacedNode { centre: Point::default(), size, label, penwidth, slope_max: [f64::INFINITY; 2] }
        })
        .collect();
    let (graph, arrows) = graph_of(picture);
    let sizes: Vec<Size> = nodes
        .iter()
        .map(|node| Size { width: node.size.width + node.penwidth, height: node.size.height + node.penwidth })
        .collect();
    let options = LayoutOptions { direction: picture.rankdir, ..LayoutOptions::default() };
    let layout = layout(&graph, &sizes, &options).expect("backward edges were turned");
    for (node, centre) in nodes.iter_mut().zip(&layout.nodes) {
        node.centre = with_margin(*centre);
    }
    limit_slopes(&mut nodes, picture.rankdir.is_horizontal());
    let routes: HashMap<(u32, u32), &[Point]> =
        layout.routes.iter().map(|route| ((route.from, route.to), &route.points[..])).collect();
    let edges = arrows.into_iter().map(|(from, to)| {
        let points: Vec<Point> = if let Some(route) = routes.get(&(from, to)) {
            route.iter().copied().map(with_margin).collect()
        } else if let Some(route) = routes.get(&(to, from)) {
            route.iter().rev().copied().map(with_margin).collect()
        } else {
            vec![nodes[from as usize].centre]
        };
        PlacedEdge { from, to, points }
    });
    let edges = edges.collect();
    Plan { width: layout.width + 2.0 * MARGIN, height: layout.height + 2.0 * MARGIN, nodes, edges }
}

/// Finds the neighbours of each node in its row (or column) and how flat a line from its centre clears them.
fn limit_slopes(nodes: &mut [PlacedNode], horizontal: bool) {
    const CLEARANCE: f64 = 4.0;
    // Curves go on to bend after the start, towards what lies further to the side.
    const RESERVE: f64 = 0.75;
    const SLOPE_MIN: f64 = 0.5;
    let along = |node: &PlacedNode| {
        let (x, y, size) = (node.centre.x, node.centre.y, node.size);
        if horizontal {
            (x, y, size.height / 2.0, size.width / 2.0)
        } else {
            (y, x, size.width / 2.0, size.height / 2.0)
        }
    };
    // Rows are exact up to rounding.
    let row = |node: &PlacedNode| (along(node).0 * 16.0).round() as i64;
    let mut by_row: Vec<u32> = (0..nodes.len() as u32).collect();
    let place = |nodes: &[PlacedNode], i: u32| along(&nodes[i as usize]).1;
    by_row.sort_by(|&a, &b| {
        let rows = row(&nodes[a as usize]).cmp(&row(&nodes[b as usize]));
        rows.then(place(nodes, a).total_cmp(&place(nodes, b)))
    });
    for pair in by_row.windows(2) {
        let (left, right) = (pair[0] as usize, pair[1] as usize);
        if row(&nodes[left]) != row(&nodes[right]) {
            continue;
        }
        let distance = place(nodes, pair[1]) - place(nodes, pair[0]);
        let slope_past = |other: &PlacedNode| {
            let (_, _, half_cross, half_main) = along(other);
            (RESERVE * (distance - half_cross) / (half_main + CLEARANCE)).max(SLOPE_MIN)
        };
        let (past_right, past_left) = (slope_past(&nodes[right]), slope_past(&nodes[left]));
        nodes[left].slope_max[1] = past_right;
        nodes[right].slope_max[0] = past_left;
    }
}

fn with_margin(point: Point) -> Point {
    Point { x: point.x + MARGIN, y: point.y + MARGIN }
}

fn size_of(shape: Shape, label: &Label) -> Size {
    let text_height = FONT_SIZE * 1.2;
    match shape {
        Shape::Circle => {
            // The corners of the text touch a slightly smaller circle.
            let diameter = (label.width.hypot(text_height * 0.7) + 10.0).max(DIAMETER_MIN);
            if diameter <= DIAMETER_MAX {
                Size { width: diameter, height: diameter }
            } else {
                Size { width: label.width + 24.0, height: 38.0 }
            }
        }
        Shape::Ellipse => Size { width: (label.width + 24.0).max(44.0), height: 34.0 },
        Shape::Box => Size { width: (label.width + 16.0).max(30.0), height: text_height + 10.0 },
        Shape::Pill => Size { width: (label.width + 28.0).max(44.0), height: text_height + 14.0 },
    }
}

/// The arrows that are drawn, each once, and the graph they lie in for the layout: edges that close a cycle are
/// turned there, arrows from a node to itself are left out.
fn graph_of(picture: &Picture) -> (Csr, Vec<(u32, u32)>) {
    let count = picture.nodes.len() as u32;
    let mut arrows: Vec<(u32, u32)> =
        picture.edges.iter().copied().filter(|&(from, to)| from < count && to < count).collect();
    let lists_of = |edges: &mut dyn Iterator<Item = (u32, u32)>| {
        let mut lists = vec![Vec::new(); count as usize];
        edges.filter(|(from, to)| from != to).for_each(|(from, to)| lists[to as usize].push(from));
        let mut builder = CsrBuilder::with_capacity(lists.len(), arrows.len());
        lists.into_iter().for_each(|list| builder.push(list));
        builder.finish().expect("edges name nodes of the picture")
    };
    let mut graph = lists_of(&mut arrows.iter().copied());
    if let Err(_cycle) = rask_graph::topological_order(&graph) {
        let finished = finishing_places(&graph);
        graph = lists_of(&mut arrows.iter().map(|&(from, to)| {
            if finished[from as usize] > finished[to as usize] { (to, from) } else { (from, to) }
        }));
    }
    let mut drawn = std::collections::HashSet::new();
    arrows.retain(|&arrow| drawn.insert(arrow));
    (graph, arrows)
}

/// When a depth-first walk along dependencies leaves each node. Dependencies are left first, except on the edges
/// that close a cycle: turning those leaves none.
fn finishing_places(graph: &Csr) -> Vec<u32> {
    const UNSEEN: u32 = u32::MAX;
    let mut place = vec![UNSEEN; graph.len()];
    let mut entered = vec![false; graph.len()];
    let mut next_place = 0;
    let mut walk: Vec<(u32, usize)> = Vec::new();
    for start in graph.sinks().chain(graph.nodes()) {
        if !std::mem::replace(&mut entered[start as usize], true) {
            walk.push((start, 0));
        }
        while let Some((node, looked_at)) = walk.last_mut() {
            match graph.dependencies(*node).get(*looked_at) {
                Some(&dependency) => {
                    *looked_at += 1;
                    if !std::mem::replace(&mut entered[dependency as usize], true) {
                        walk.push((dependency, 0));
                    }
                }
                None => {
                    place[*node as usize] = next_place;
                    next_place += 1;
                    walk.pop();
                }
            }
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Node;

    fn picture(nodes: usize, edges: &[(u32, u32)]) -> Picture {
        let nodes = (0..nodes).map(|i| Node::new(format!("f{i}"), Shape::Circle)).collect();
        Picture { nodes, edges: edges.to_vec(), ..Picture::default() }
    }

    #[test]
    fn results_lie_on_top() {
        let plan = plan(&picture(2, &[(0, 1)]));
        assert!(plan.nodes[1].centre.y < plan.nodes[0].centre.y);
        assert_eq!(plan.edges[0].points, [plan.nodes[0].centre, plan.nodes[1].centre]);
    }

    #[test]
    fn edges_to_nowhere_and_repeated_ones_are_left_out() {
        let plan = plan(&picture(2, &[(0, 1), (0, 1), (0, 2), (7, 1)]));
        assert_eq!(plan.edges.len(), 1);
    }

    #[test]
    fn a_cycle_is_drawn_with_one_arrow_against_the_rest() {
        let plan = plan(&picture(3, &[(0, 1), (1, 2), (2, 0), (1, 1)]));
        assert_eq!(plan.edges.len(), 4);
        let up = |edge: &PlacedEdge| {
            plan.nodes[edge.to as usize].centre.y < plan.nodes[edge.from as usize].centre.y
        };
        assert_eq!(plan.edges.iter().filter(|edge| up(edge)).count(), 2);
        assert_eq!(plan.edges[3].points.len(), 1);
        for edge in &plan.edges {
            assert_eq!(edge.points[0], plan.nodes[edge.from as usize].centre);
            assert_eq!(*edge.points.last().unwrap(), plan.nodes[edge.to as usize].centre);
        }
    }

    #[test]
    fn nothing_to_draw_is_a_small_empty_picture() {
        let plan = plan(&Picture::default());
        assert_eq!((plan.width, plan.height), (2.0 * MARGIN, 2.0 * MARGIN));
    }
}
