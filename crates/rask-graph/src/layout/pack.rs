//! The connected parts of a graph, and setting their drawings side by side.

use super::layers::Layers;
use super::route::{Corridors, Place, way};
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

    /// The place on the sheet of a place in the part, along (cross, main).
    fn on_sheet(&self, (cross, main): Place) -> Place {
        let main = main + self.layers.thickness[0] / 2.0;
        (cross - self.cross_min + self.cross_start, main + self.main_start)
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
        let layers = &part.layers;
        let corridors = Corridors::new(layers, options);
        let mut stand_ins = layers.stand_ins.iter();
        for (item, &node) in part.nodes.iter().enumerate() {
            let centre = (layers.cross[item], layers.main[layers.layer_of[item] as usize]);
            layout.nodes[node as usize] = turn(part.on_sheet(centre));
            for (&from, stand_ins) in graph.dependencies(node).iter().zip(&mut stand_ins) {
                let start = part.nodes.binary_search(&from).expect("a part has all neighbours of its nodes");
                let way = way(layers, &corridors, start as u32, item as u32, stand_ins.clone());
                let points = way.into_iter().map(|place| turn(part.on_sheet(place))).collect();
                layout.routes.push(Route { from, to: node, points });
            }
        }
    }
    layout.routes.sort_by_key(|route| route.to);
    layout
}

/// Sets where each part begins; gives the extent of the whole along (cross, main).
fn set_in_rows(parts: &mut [Part], options: &LayoutOptions) -> (f64, f64) {
    let widest = parts.iter().map(|part| part.cross_extent).fold(0.0, f64::max);
    let gap = options.node_gap.max(options.rank_gap / 2.0);
    let area: f64 = parts.iter().map(|part| (part.cross_extent + gap) * (part.main_extent + gap)).sum();
    let aspect = if options.direction.is_horizontal() { 1.0 / ASPECT } else { ASPECT };
    let row_max = widest.max((area * aspect).sqrt()).max(options.node_gap * ROW_GAPS_MIN);
    let mut rows: Vec<std::ops::Range<usize>> = Vec::new();
    let (mut cross, mut cross_max) = (0.0f64, 0.0f64);
    for (i, part) in parts.iter_mut().enumerate() {
        match rows.last_mut() {
            Some(row) if cross + part.cross_extent <= row_max => row.end = i + 1,
            _ => {
                cross = 0.0;
                rows.push(i..i + 1);
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
    for (i, row) in rows.into_iter().enumerate() {
        main += if i > 0 { gap } else { 0.0 };
        main += align_first_layers(&mut parts[row], main);
    }
    (cross_max, main)
}

/// Sets parts so that the middles of their first layers lie on one line; gives their extent on the main axis.
fn align_first_layers(row: &mut [Part], main: f64) -> f64 {
    let half = |part: &Part| part.layers.thickness[0] / 2.0;
    let middle = row.iter().map(half).fold(0.0, f64::max);
    let mut extent = 0.0f64;
    for part in row {
        let offset = middle - half(part);
        part.main_start = main + offset;
        extent = extent.max(offset + part.main_extent);
    }
    extent
}
