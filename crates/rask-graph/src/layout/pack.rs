//! The connected parts of a graph, and setting their drawings side by side.

use super::layers::Layers;
use super::{Layout, LayoutOptions, Point, Route};
use crate::Csr;

/// How much wider than tall the whole should be, where the parts leave a choice.
const ASPECT: f64 = 1.8;
/// Parts are not broken into rows before they fill that many node gaps.
const ROW_GAPS_MIN: f64 = 40.0;

/// A connected part, laid out around an origin of its own.
pub(super) struct Part {
    nodes: Vec<u32>,
    layers: Layers,
    cross_min: f64,
    cross_extent: f64,
    main_extent: f64,
    /// Where it begins on the sheet.
    cross_start: f64,
    main_start: f64,
}

/// The nodes of each connected part, rising; parts by their first node.
pub(super) fn components(graph: &Csr) -> Vec<Vec<u32>> {
    let mut part_of = vec![u32::MAX; graph.len()];
    let mut to_visit = Vec::new();
    let mut parts: Vec<Vec<u32>> = Vec::new();
    for first in graph.nodes() {
        if part_of[first as usize] != u32::MAX {
            continue;
        }
        let part = parts.len() as u32;
        parts.push(Vec::new());
        part_of[first as usize] = part;
        to_visit.push(first);
        while let Some(node) = to_visit.pop() {
            for &other in graph.dependencies(node).iter().chain(graph.dependents(node)) {
                if part_of[other as usize] == u32::MAX {
                    part_of[other as usize] = part;
                    to_visit.push(other);
                }
            }
        }
    }
    for node in graph.nodes() {
        parts[part_of[node as usize] as usize].push(node);
    }
    parts
}

impl Part {
    pub fn new(nodes: Vec<u32>, layers: Layers) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for (extent, &cross) in layers.extent.iter().zip(&layers.cross) {
            low = low.min(cross - extent.cross / 2.0);
            high = high.max(cross + extent.cross / 2.0);
        }
        let first = layers.main[0] - layers.thickness[0] / 2.0;
        let last = layers.layers.len() - 1;
        Part {
            cross_min: low,
            cross_extent: high - low,
            main_extent: layers.main[last] + layers.thickness[last] / 2.0 - first,
            nodes,
            layers,
            cross_start: 0.0,
            main_start: 0.0,
        }
    }

    /// The place of an item on the sheet, along (cross, main).
    fn centre(&self, item: u32) -> (f64, f64) {
        let layer = self.layers.layer_of[item as usize] as usize;
        let main = self.layers.main[layer] + self.layers.thickness[0] / 2.0;
        (self.layers.cross[item as usize] - self.cross_min + self.cross_start, main + self.main_start)
    }
}

/// Sets the parts in rows and turns their axes into x and y.
pub(super) fn assemble(graph: &Csr, mut parts: Vec<Part>, options: &LayoutOptions) -> Layout {
    let (cross_extent, main_extent) = set_in_rows(&mut parts, options);
    let turn = |(cross, main): (f64, f64)| {
        let main = if options.direction.is_reversed() { main_extent - main } else { main };
        if options.direction.is_horizontal() {
            Point { x: main, y: cross }
        } else {
            Point { x: cross, y: main }
        }
    };
    let end = turn((cross_extent, if options.direction.is_reversed() { 0.0 } else { main_extent }));
    let mut layout = Layout {
        width: end.x,
        height: end.y,
        nodes: vec![Point::default(); graph.len()],
        routes: Vec::new(),
    };
    for part in &parts {
        for (item, &node) in part.nodes.iter().enumerate() {
            layout.nodes[node as usize] = turn(part.centre(item as u32));
        }
        let edges = part.nodes.iter().enumerate().flat_map(|(item, &node)| {
            graph.dependencies(node).iter().map(move |&dependency| (dependency, node, item as u32))
        });
        for ((from, to, item), stand_ins) in edges.zip(&part.layers.stand_ins) {
            let start =
                part.nodes.binary_search(&from).expect("a part has all neighbours of its nodes") as u32;
            let points = way(part, start, item, stand_ins.clone()).into_iter().map(turn).collect();
            layout.routes.push(Route { from, to, points });
        }
    }
    layout.routes.sort_by_key(|route| route.to);
    layout
}

/// The points an edge goes through, along (cross, main), those on a straight line left out.
fn way(part: &Part, from: u32, to: u32, stand_ins: std::ops::Range<u32>) -> Vec<(f64, f64)> {
    let mut points = vec![part.centre(from)];
    let mut push = |point: (f64, f64)| {
        if let [.., a, b] = points[..]
            && ((b.0 - a.0) * (point.1 - a.1) - (point.0 - a.0) * (b.1 - a.1)).abs() < 0.5 * (point.1 - a.1)
        {
            points.pop();
        }
        points.push(point);
    };
    for item in stand_ins {
        // Past the whole thickness of the layer, so as not to cut the corners of its nodes.
        let (cross, main) = part.centre(item);
        let half = part.layers.thickness[part.layers.layer_of[item as usize] as usize] / 2.0;
        push((cross, main - half));
        push((cross, main + half));
    }
    push(part.centre(to));
    points
}

/// Sets where each part begins; gives the extent of the whole along (cross, main).
fn set_in_rows(parts: &mut [Part], options: &LayoutOptions) -> (f64, f64) {
    let widest = parts.iter().map(|part| part.cross_extent).fold(0.0, f64::max);
    let gap = options.node_gap.max(options.rank_gap / 2.0);
    let area: f64 = parts.iter().map(|part| (part.cross_extent + gap) * (part.main_extent + gap)).sum();
    let aspect = if options.direction.is_horizontal() { 1.0 / ASPECT } else { ASPECT };
    let row_max = widest.max((area * aspect).sqrt()).max(options.node_gap * ROW_GAPS_MIN);
    // Rows as ranges of parts, with their thickness.
    let mut rows: Vec<(std::ops::Range<usize>, f64)> = Vec::new();
    let (mut cross, mut cross_max) = (0.0f64, 0.0f64);
    for (i, part) in parts.iter_mut().enumerate() {
        match rows.last_mut() {
            Some((row, thickness)) if cross + part.cross_extent <= row_max => {
                row.end = i + 1;
                *thickness = thickness.max(part.main_extent);
            }
            _ => {
                cross = 0.0;
                rows.push((i..i + 1, part.main_extent));
            }
        }
        part.cross_start = cross;
        cross_max = cross_max.max(cross + part.cross_extent);
        cross += part.cross_extent + gap;
    }
    // The first row comes first for the reader, also where the main axis runs against him.
    if options.direction.is_reversed() {
        rows.reverse();
    }
    let mut main = 0.0;
    for (i, (row, thickness)) in rows.into_iter().enumerate() {
        main += if i > 0 { gap } else { 0.0 };
        parts[row].iter_mut().for_each(|part| part.main_start = main);
        main += thickness;
    }
    (cross_max, main)
}
