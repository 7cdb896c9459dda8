//! The nodes of one connected part in layers, with stand-ins where edges pass.

use super::{Extent, LayoutOptions};
use crate::Csr;

/// How many stand-ins a part may have. An edge that would need more than are left is drawn straight across: at such
/// sizes nobody follows single edges, and the bound keeps time and memory linear.
const STAND_INS_MAX: usize = 200_000;

/// What lies in the layers are *items*: first the part's nodes, in the order they were given, then the stand-ins.
pub(super) struct Layers {
    /// Items from left to right, layer by layer.
    pub layers: Vec<Vec<u32>>,
    pub layer_of: Vec<u32>,
    /// Place in its layer.
    pub place: Vec<u32>,
    pub extent: Vec<Extent>,
    /// Centre on the cross axis.
    pub cross: Vec<f64>,
    /// Centre of each layer on the main axis, and its thickness.
    pub main: Vec<f64>,
    pub thickness: Vec<f64>,
    /// Neighbours in the layer before and in the layer after.
    pub below: Neighbours,
    pub above: Neighbours,
    /// Each edge's stand-ins from dependency to dependent: a range of items, in the order of the part's edges.
    pub stand_ins: Vec<std::ops::Range<u32>>,
    pub nodes: u32,
}

/// Neighbour lists of all items, end to end.
pub(super) struct Neighbours {
    offsets: Vec<u32>,
    items: Vec<u32>,
}

impl Neighbours {
    fn new(items: usize, links: &[(u32, u32)], end: impl Fn(&(u32, u32)) -> (u32, u32)) -> Self {
        let mut offsets = vec![0u32; items + 2];
        for link in links {
            offsets[end(link).0 as usize + 2] += 1;
        }
        for i in 2..offsets.len() {
            offsets[i] += offsets[i - 1];
        }
        let mut neighbours = vec![0; links.len()];
        for link in links {
            let (item, neighbour) = end(link);
            neighbours[offsets[item as usize + 1] as usize] = neighbour;
            offsets[item as usize + 1] += 1;
        }
        offsets.truncate(items + 1);
        Neighbours { offsets, items: neighbours }
    }

    pub fn of(&self, item: u32) -> &[u32] {
        let item = item as usize;
        &self.items[self.offsets[item] as usize..self.offsets[item + 1] as usize]
    }

    /// Sorts the list of one item by the places of the neighbours.
    pub fn sort_by_place(&mut self, item: u32, place: &[u32]) {
        let item = item as usize;
        self.items[self.offsets[item] as usize..self.offsets[item + 1] as usize]
            .sort_unstable_by_key(|&neighbour| place[neighbour as usize]);
    }
}

impl Layers {
    /// `nodes` is the part: nodes of `graph`, rising, with all their neighbours.
    pub fn new(
        graph: &Csr,
        nodes: &[u32],
        ranks: &[u32],
        extents: impl Fn(u32) -> Extent,
        options: &LayoutOptions,
    ) -> Self {
        let lowest = nodes.iter().map(|&node| ranks[node as usize]).min().unwrap_or(0);
        let mut layer_of: Vec<u32> = nodes.iter().map(|&node| ranks[node as usize] - lowest).collect();
        let mut extent: Vec<Extent> = nodes.iter().map(|&node| extents(node)).collect();
        let layer_count = layer_of.iter().max().map_or(0, |&last| last as usize + 1);
        let mut links: Vec<(u32, u32)> = Vec::new();
        let mut stand_ins = Vec::new();
        for (item, &node) in nodes.iter().enumerate() {
            for dependency in graph.dependencies(node) {
                let from =
                    nodes.binary_search(dependency).expect("a part has all neighbours of its nodes") as u32;
                let first = layer_of.len() as u32;
                let passed = layer_of[from as usize] + 1..layer_of[item];
                if layer_of.len() + passed.len() <= nodes.len() + STAND_INS_MAX {
                    let mut below = from;
                    for layer in passed {
                        links.push((below, layer_of.len() as u32));
                        below = layer_of.len() as u32;
                        layer_of.push(layer);
                        extent.push(Extent { cross: options.edge_gap / 2.0, main: 0.0 });
                    }
                    links.push((below, item as u32));
                }
                stand_ins.push(first..layer_of.len() as u32);
            }
        }
        let mut thickness = vec![0.0f64; layer_count];
        for (item, &layer) in layer_of.iter().enumerate() {
            thickness[layer as usize] = thickness[layer as usize].max(extent[item].main);
        }
        let mut layers = Layers {
            layers: vec![Vec::new(); layer_count],
            place: vec![0; layer_of.len()],
            cross: vec![0.0; layer_of.len()],
            main: vec![0.0; layer_count],
            thickness,
            below: Neighbours::new(layer_of.len(), &links, |&(from, to)| (to, from)),
            above: Neighbours::new(layer_of.len(), &links, |&link| link),
            layer_of,
            extent,
            stand_ins,
            nodes: nodes.len() as u32,
        };
        layers.fill_depth_first();
        layers
    }

    pub fn is_stand_in(&self, item: u32) -> bool {
        item >= self.nodes
    }

    /// A first order in which trees cross nowhere: items enter their layers as a descent from the sinks meets them.
    fn fill_depth_first(&mut self) {
        let items = self.layer_of.len() as u32;
        let mut met = vec![false; items as usize];
        let mut to_visit: Vec<u32> = Vec::new();
        for sink in (0..items).filter(|&item| self.above.of(item).is_empty()) {
            to_visit.push(sink);
            while let Some(item) = to_visit.pop() {
                if !std::mem::replace(&mut met[item as usize], true) {
                    self.layers[self.layer_of[item as usize] as usize].push(item);
                    to_visit.extend(self.below.of(item).iter().rev());
                }
            }
        }
        self.renumber_all();
    }

    /// Sets the places of all items to where they are in their layers.
    pub fn renumber_all(&mut self) {
        for layer in &self.layers {
            for (place, &item) in layer.iter().enumerate() {
                self.place[item as usize] = place as u32;
            }
        }
    }

    /// The least distance between the centres of two neighbours in a layer.
    pub fn separation(&self, left: u32, right: u32, options: &LayoutOptions) -> f64 {
        let gap = if self.is_stand_in(left) || self.is_stand_in(right) {
            options.edge_gap
        } else {
            options.node_gap
        };
        (self.extent[left as usize].cross + self.extent[right as usize].cross) / 2.0 + gap
    }
}
