//! Where items lie along their layers, and the layers along the main axis.
//!
//! The sum of the squared lengths of all links along the cross axis is made small, one layer after the other while
//! the others hold still. For one layer that is a least-squares problem under "keep the order and the distances",
//! which pooling adjacent violators solves exactly in linear time. Links between stand-ins weigh more, which makes
//! long edges straight.

use super::LayoutOptions;
use super::layers::Layers;

/// Rounds in which a layer looks at one side only, which carries positions from end to end; then rounds in which it
/// looks at both.
const ONE_SIDED_ROUNDS: usize = 4;
const TWO_SIDED_ROUNDS: usize = 10;

/// How much wider than tall an edge may run before its layers move apart, and how far apart they may move, in
/// least distances.
const SLOPE_MAX: f64 = 7.0;
const RANK_GAPS_MAX: f64 = 4.0;

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
    let count = layers.layers.len();
    let mut fitting = Fitting::default();
    for round in 0..ONE_SIDED_ROUNDS + TWO_SIDED_ROUNDS {
        let (upwards, downwards) =
            if round < ONE_SIDED_ROUNDS { (Side::Below, Side::Above) } else { (Side::Both, Side::Both) };
        for layer in 0..count {
            fitting.fit(layers, layer, upwards, options);
        }
        for layer in (0..count).rev() {
            fitting.fit(layers, layer, downwards, options);
        }
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
}

impl Fitting {
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
            let (wish, weight) = wish_of(layers, item, side);
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
fn wish_of(layers: &Layers, item: u32, side: Side) -> (f64, f64) {
    // Who has no neighbours on that side would like to stay, but gives way to everyone.
    const WEIGHT_OF_STAYING: f64 = 1e-3;
    let here = layers.cross[item as usize];
    let (mut sum, mut weight) = (here * WEIGHT_OF_STAYING, WEIGHT_OF_STAYING);
    let below: &[u32] = if side == Side::Above { &[] } else { layers.below.of(item) };
    let above: &[u32] = if side == Side::Below { &[] } else { layers.above.of(item) };
    for &other in below.iter().chain(above) {
        let link = match u8::from(layers.is_stand_in(item)) + u8::from(layers.is_stand_in(other)) {
            0 => 1.0,
            1 => 2.0,
            _ => 8.0,
        };
        sum += link * layers.cross[other as usize];
        weight += link;
    }
    (sum / weight, weight)
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
    let sideways = |&item: &u32| {
        let here = layers.cross[item as usize];
        layers.below.of(item).iter().map(move |&other| (layers.cross[other as usize] - here).abs())
    };
    let widest = layers.layers[layer].iter().flat_map(sideways).fold(0.0, f64::max);
    (widest / SLOPE_MAX).clamp(options.rank_gap, options.rank_gap * RANK_GAPS_MAX)
}
