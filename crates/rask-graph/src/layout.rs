//! Where to draw the nodes and edges of a graph: a layered drawing, edges running one way.
//!
//! The classical steps (Sugiyama, Tagawa and Toda 1981), each in its own module:
//!
//! 1. `rank`: every node gets a layer above those of its dependencies, near those of its dependents;
//! 2. `layers`: edges over several layers get a stand-in in each layer that they pass, so that room is kept for them;
//! 3. `crossing`: layers are permuted until few edges cross;
//! 4. `place`: nodes move along their layers towards their neighbours, which makes long edges straight;
//! 5. `route`: edges run as straight as the nodes on their way allow;
//! 6. `pack`: the parts of the graph that are not connected are set side by side, in rows.
//!
//! Inside, the *main* axis runs from dependencies to dependents and the *cross* axis along a layer; only here do
//! they become x and y.

mod crossing;
mod layers;
mod pack;
mod place;
mod rank;
mod route;

use crate::{Csr, Cycle, topological_order};
use layers::Layers;
use pack::Part;

/// Which way edges run, from a dependency to its dependents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Dependencies above their dependents (`TB`).
    TopToBottom,
    /// Dependencies below their dependents, results on top (`BT`).
    #[default]
    BottomToTop,
    /// Dependencies left of their dependents (`LR`).
    LeftToRight,
    /// Dependencies right of their dependents (`RL`).
    RightToLeft,
}

impl Direction {
    /// Whether layers are columns.
    pub fn is_horizontal(self) -> bool {
        matches!(self, Direction::LeftToRight | Direction::RightToLeft)
    }

    /// Whether edges run against the axis.
    fn is_reversed(self) -> bool {
        matches!(self, Direction::BottomToTop | Direction::RightToLeft)
    }
}

/// A place; y grows downwards.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Distance from the left edge.
    pub x: f64,
    /// Distance from the upper edge.
    pub y: f64,
}

/// How much room a node takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Size {
    /// Extent along x.
    pub width: f64,
    /// Extent along y.
    pub height: f64,
}

/// The way of one edge.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The dependency, where the edge starts.
    pub from: u32,
    /// The dependent, where it ends.
    pub to: u32,
    /// The centre of `from`, the bends on the way, the centre of `to`.
    pub points: Vec<Point>,
}

/// What a layout is asked for. Distances are in the unit of the node sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayoutOptions {
    /// Which way edges run.
    pub direction: Direction,
    /// The least distance between neighbours of a layer.
    pub node_gap: f64,
    /// The least distance between two layers.
    pub rank_gap: f64,
    /// The least distance between two edges, or an edge and a node, where they pass a layer side by side.
    pub edge_gap: f64,
}

impl Default for LayoutOptions {
    fn default() -> Self {
        LayoutOptions { direction: Direction::default(), node_gap: 18.0, rank_gap: 36.0, edge_gap: 10.0 }
    }
}

/// A finished drawing plan. Everything lies between the origin and (`width`, `height`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// Extent along x.
    pub width: f64,
    /// Extent along y.
    pub height: f64,
    /// The centre of each node.
    pub nodes: Vec<Point>,
    /// One route per edge, sorted by its dependent, then in the order of that node's dependencies.
    pub routes: Vec<Route>,
}

/// Lays a graph out. `sizes` has one entry per node (a missing one counts as zero). Fails when there is a cycle.
pub fn layout(graph: &Csr, sizes: &[Size], options: &LayoutOptions) -> Result<Layout, Cycle> {
    let topological = topological_order(graph)?;
    let ranks = rank::ranks(graph, &topological);
    let horizontal = options.direction.is_horizontal();
    let extents = |node: u32| {
        let size = sizes.get(node as usize).copied().unwrap_or_default();
        if horizontal {
            Extent { cross: size.height, main: size.width }
        } else {
            Extent { cross: size.width, main: size.height }
        }
    };
    let parts = pack::components(graph)
        .into_iter()
        .map(|nodes| {
            let mut layers = Layers::new(graph, &nodes, &ranks, extents, options);
            crossing::reduce(&mut layers);
            place::place(&mut layers, options);
            Part::new(nodes, layers)
        })
        .collect();
    Ok(pack::assemble(graph, parts, options))
}

/// A size along the axes of the drawing.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    cross: f64,
    main: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(nodes: usize) -> Vec<Size> {
        vec![Size { width: 40.0, height: 40.0 }; nodes]
    }

    fn drawn(lists: &[Vec<u32>], direction: Direction) -> Layout {
        let graph = Csr::from_lists(lists).unwrap();
        let options = LayoutOptions { direction, ..LayoutOptions::default() };
        layout(&graph, &square(graph.len()), &options).unwrap()
    }

    #[test]
    fn each_direction_runs_its_way() {
        let lists = [vec![], vec![0]];
        let main = |direction| {
            let drawing = drawn(&lists, direction);
            (drawing.nodes[1].x - drawing.nodes[0].x, drawing.nodes[1].y - drawing.nodes[0].y)
        };
        assert_eq!(main(Direction::TopToBottom), (0.0, 76.0));
        assert_eq!(main(Direction::BottomToTop), (0.0, -76.0));
        assert_eq!(main(Direction::LeftToRight), (76.0, 0.0));
        assert_eq!(main(Direction::RightToLeft), (-76.0, 0.0));
    }

    #[test]
    fn a_gathering_lies_over_the_middle_and_siblings_in_the_order_given() {
        let mut lists = vec![vec![]; 8];
        lists.push((0..8).collect());
        let drawing = drawn(&lists, Direction::BottomToTop);
        assert!(drawing.nodes[..8].windows(2).all(|pair| pair[1].x - pair[0].x == 58.0));
        assert!((drawing.nodes[8].x - drawing.width / 2.0).abs() < 0.01);
        assert_eq!(drawing.width, 7.0 * 58.0 + 40.0);
    }

    #[test]
    fn a_long_edge_goes_round_the_nodes_it_passes() {
        // 0 -> 1 -> 2 and 0 -> 2: the direct edge must bend around 1.
        let drawing = drawn(&[vec![], vec![0], vec![0, 1]], Direction::TopToBottom);
        let route = drawing.routes.iter().find(|route| (route.from, route.to) == (0, 2)).unwrap();
        assert!(route.points.len() > 2);
        let middle = drawing.nodes[1];
        for bend in &route.points[1..route.points.len() - 1] {
            assert!((bend.x - middle.x).abs() >= 20.0, "{bend:?} lies within {middle:?}");
        }
        assert_eq!(route.points.first(), Some(&drawing.nodes[0]));
        assert_eq!(route.points.last(), Some(&drawing.nodes[2]));
    }

    #[test]
    fn a_tree_and_crossed_pairs_are_drawn_without_crossings() {
        // Two trees of four leaves whose leaves were numbered alternately.
        let mut lists = vec![vec![]; 8];
        lists.extend([
            vec![0, 2],
            vec![4, 6],
            vec![8, 9],
            vec![1, 3],
            vec![5, 7],
            vec![11, 12],
            vec![10, 13],
        ]);
        let drawing = drawn(&lists, Direction::TopToBottom);
        for (i, a) in drawing.routes.iter().enumerate() {
            for b in &drawing.routes[i + 1..] {
                let (a, b) = (&a.points, &b.points);
                if a[0].y == b[0].y {
                    assert!((a[0].x - b[0].x) * (a[1].x - b[1].x) >= 0.0, "{a:?} crosses {b:?}");
                }
            }
        }
    }

    #[test]
    fn many_single_tasks_fill_rows() {
        let drawing = drawn(&vec![vec![]; 400], Direction::BottomToTop);
        assert!(drawing.width < 3.0 * drawing.height, "{} x {}", drawing.width, drawing.height);
        assert!(drawing.nodes[0].y < drawing.nodes[399].y);
    }

    #[test]
    fn nothing_is_nothing_and_a_cycle_is_an_error() {
        assert_eq!(drawn(&[], Direction::BottomToTop), Layout::default());
        let graph = Csr::from_lists(&[vec![1], vec![0]]).unwrap();
        assert!(layout(&graph, &square(2), &LayoutOptions::default()).is_err());
    }

    #[test]
    fn a_long_chain_is_laid_out_without_recursion() {
        let lists: Vec<Vec<u32>> = (0..100_000u32).map(|i| i.checked_sub(1).into_iter().collect()).collect();
        assert!(drawn(&lists, Direction::LeftToRight).width > 100_000.0);
    }
}
