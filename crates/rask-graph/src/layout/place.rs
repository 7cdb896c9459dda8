//! Where items lie along their layers, and the layers along the main axis.
//!
//! The sum of the squared lengths of all links along the cross axis is made small, one layer after the other while
//! the others hold still. For one layer that is a least-squares problem under "keep the order and the distances",
//! which pooling adjacent violators solves exactly in linear time. Links between stand-ins weigh more, which makes
//! long edges straight.

use super::LayoutOptions;
use super::layers::{Layers, Neighbours};

/// One of many on the same neighbour follows it only where nothing else holds it: it is the neighbour that should lie
/// in the middle of the many. While everything is still on its way it follows well, in the end hardly.
///
/// Rounds, and that weight in them; first those in which a layer looks at one side only, which carries positions from
/// end to end, then those in which it looks at both.
const ONE_SIDED_ROUNDS: (usize, f64) = (4, 1.0);
const TWO_SIDED_ROUNDS: [(usize, f64); 4] = [(6, 1.0), (6, 0.3), (4, 0.05), (4, 0.002)];

/// How much wider than tall edges may run on average before their layers move apart, and how far apart they may
/// move, in least distances.
const SLOPE_MAX: f64 = 3.0;
const RANK_GAPS_MAX: f64 = 3.0;

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Below,
    Above,
    Both,
}

pub(super) fn place(layers: &mut Layers, options: &LayoutOptions) {
    for layer in 0..layers.layers.len() {
        spread(layers, layer, options);
    }
    let mut fitting = Fitting::default();
    let (rounds, one_of_many) = ONE_SIDED_ROUNDS;
    fitting.one_of_many = one_of_many;
    for _ in 0..rounds {
        fitting.round(layers, Side::Below, Side::Above, options);
    }
    for (rounds, one_of_many) in TWO_SIDED_ROUNDS {
        fitting.one_of_many = one_of_many;
        for _ in 0..rounds {
            fitting.round(layers, Side::Both, Side::Both, options);
        }
        close_gaps(layers, options);
    }
    stack(layers, options);
}

/// Items side by side at their least distances, the layer's middle at 0.
fn spread(layers: &mut Layers, layer: usize, options: &LayoutOptions) {
    let mut at = 0.0;
    for place in 0..layers.layers[layer].len() {
        let item = layers.layers[layer][place];
        if place > 0 {
            at += layers.separation(layers.layers[layer][place - 1], item, options);
        }
        layers.cross[item as usize] = at;
    }
    for &item in &layers.layers[layer] {
        layers.cross[item as usize] -= at / 2.0;
    }
}

/// Items that were pushed together: their common shift, their weight, and how many they are.
#[derive(Clone, Copy)]
struct Block {
    shift: f64,
    weight: f64,
    items: usize,
}

/// The buffers of a fit, used again for each layer.
#[derive(Default)]
struct Fitting {
    /// How far each item lies from the first when all are at their least distances.
    offsets: Vec<f64>,
    blocks: Vec<Block>,
    /// The weight of a neighbour that has others like this item.
    one_of_many: f64,
}

impl Fitting {
    /// All layers upwards, then all downwards.
    fn round(&mut self, layers: &mut Layers, upwards: Side, downwards: Side, options: &LayoutOptions) {
        let count = layers.layers.len();
        (0..count).for_each(|layer| self.fit(layers, layer, upwards, options));
        (0..count).rev().for_each(|layer| self.fit(layers, layer, downwards, options));
    }

    fn fit(&mut self, layers: &mut Layers, layer: usize, side: Side, options: &LayoutOptions) {
        self.offsets.clear();
        self.blocks.clear();
        let items = &layers.layers[layer];
        let mut offset = 0.0;
        for (place, &item) in items.iter().enumerate() {
            if place > 0 {
                offset += layers.separation(items[place - 1], item, options);
            }
            self.offsets.push(offset);
            let (wish, weight) = wish_of(layers, item, side, self.one_of_many);
            let mut block = Block { shift: wish - offset, weight, items: 1 };
            // Whoever wishes to lie left of its left neighbour's place shares a place with it.
            while let Some(&left) = self.blocks.last()
                && left.shift > block.shift
            {
                self.blocks.pop();
                let weight = left.weight + block.weight;
                let shift = (left.shift * left.weight + block.shift * block.weight) / weight;
                block = Block { shift, weight, items: left.items + block.items };
            }
            self.blocks.push(block);
        }
        let mut place = 0;
        for block in &self.blocks {
            for _ in 0..block.items {
                layers.cross[layers.layers[layer][place] as usize] = block.shift + self.offsets[place];
                place += 1;
            }
        }
    }
}

/// Where an item would lie if it were alone, and how much that matters to it.
fn wish_of(layers: &Layers, item: u32, side: Side, one_of_many: f64) -> (f64, f64) {
    // Who has no neighbours on that side would like to stay, but gives way to everyone.
    const WEIGHT_OF_STAYING: f64 = 1e-5;
    const WEIGHT_BETWEEN_STAND_INS: f64 = 8.0;
    let here = layers.cross[item as usize];
    let (mut sum, mut weight) = (here * WEIGHT_OF_STAYING, WEIGHT_OF_STAYING);
    let mut heed = |others: &[u32], back: &Neighbours| {
        for &other in others {
            let link = if layers.is_stand_in(item) && layers.is_stand_in(other) {
                WEIGHT_BETWEEN_STAND_INS
            } else if back.of(other).len() > 1 {
                one_of_many
            } else {
                1.0
            };
            sum += link * layers.cross[other as usize];
            weight += link;
        }
    };
    if side != Side::Above {
        heed(layers.below.of(item), &layers.above);
    }
    if side != Side::Below {
        heed(layers.above.of(item), &layers.below);
    }
    (sum / weight, weight)
}

/// Takes out what is empty in all layers: parts that hang together by few edges come near each other only slowly.
fn close_gaps(layers: &mut Layers, options: &LayoutOptions) {
    let mut by_left_edge: Vec<u32> = (0..layers.cross.len() as u32).collect();
    let half = |layers: &Layers, item: u32| layers.extent[item as usize].cross / 2.0;
    by_left_edge.sort_by(|&a, &b| {
        let (a, b) = (layers.cross[a as usize] - half(layers, a), layers.cross[b as usize] - half(layers, b));
        a.total_cmp(&b)
    });
    let (mut right_edge, mut shift) = (f64::INFINITY, 0.0);
    for item in by_left_edge {
        let half = half(layers, item);
        let empty = layers.cross[item as usize] - half - right_edge;
        shift += (empty - options.node_gap).max(0.0);
        right_edge = if right_edge.is_finite() { right_edge } else { f64::NEG_INFINITY };
        right_edge = right_edge.max(layers.cross[item as usize] + half);
        layers.cross[item as usize] -= shift;
    }
}

/// Layers one after the other; further apart where edges run far sideways.
fn stack(layers: &mut Layers, options: &LayoutOptions) {
    let mut at = 0.0;
    for layer in 0..layers.layers.len() {
        if layer > 0 {
            at += layers.thickness[layer - 1] / 2.0
                + gap_below(layers, layer, options)
                + layers.thickness[layer] / 2.0;
        }
        layers.main[layer] = at;
    }
}

fn gap_below(layers: &Layers, layer: usize, options: &LayoutOptions) -> f64 {
    let (mut sideways, mut links) = (0.0, 0);
    for &item in &layers.layers[layer] {
        let below = layers.below.of(item);
        links += below.len();
        sideways += below
            .iter()
            .map(|&other| (layers.cross[other as usize] - layers.cross[item as usize]).abs())
            .sum::<f64>();
    }
    let mean = sideways / links.max(1) as f64;
    (mean / SLOPE_MAX).clamp(options.rank_gap, options.rank_gap * RANK_GAPS_MAX)
}
