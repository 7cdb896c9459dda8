//! Permuting the layers until few edges cross: sweeps that sort each layer by the mean place of its neighbours in
//! the layer before, then exchanges of neighbours wherever one removes crossings.

use super::layers::{Layers, Neighbours};

/// Sweeps over all layers, half of them down and half up.
const SWEEPS: usize = 12;
/// Passes of exchanges, and the number of links beyond which they take too long.
const EXCHANGE_PASSES: usize = 6;
const EXCHANGE_LINKS_MAX: usize = 20_000;

pub(super) fn reduce(layers: &mut Layers) {
    let mut best = layers.layers.clone();
    let mut fewest = crossings(layers);
    for sweep in 0..SWEEPS {
        if fewest == 0 {
            break;
        }
        sort_by_neighbours(layers, sweep % 2 == 0);
        let now = crossings(layers);
        if now < fewest {
            fewest = now;
            best.clone_from(&layers.layers);
        }
    }
    layers.layers = best;
    layers.renumber_all();
    let links: usize = (0..layers.layer_of.len() as u32).map(|item| layers.above.of(item).len()).sum();
    if fewest > 0 && links <= EXCHANGE_LINKS_MAX {
        for _ in 0..EXCHANGE_PASSES {
            if !exchange_neighbours(layers) {
                break;
            }
        }
    }
}

/// One sweep, from the first layer on by the neighbours below, or from the last back by those above.
fn sort_by_neighbours(layers: &mut Layers, upwards: bool) {
    let count = layers.layers.len();
    let mut keyed: Vec<(f64, u32)> = Vec::new();
    for step in 1..count {
        let layer = if upwards { step } else { count - 1 - step };
        let neighbours = if upwards { &layers.below } else { &layers.above };
        keyed.clear();
        for &item in &layers.layers[layer] {
            let others = neighbours.of(item);
            let sum: u64 = others.iter().map(|&other| u64::from(layers.place[other as usize])).sum();
            // Without neighbours on that side it stays where it is.
            let mean = if others.is_empty() {
                f64::from(layers.place[item as usize])
            } else {
                sum as f64 / others.len() as f64
            };
            keyed.push((mean, item));
        }
        keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (place, &(_, item)) in keyed.iter().enumerate() {
            layers.layers[layer][place] = item;
            layers.place[item as usize] = place as u32;
        }
    }
}

/// How many pairs of links cross, over all layers.
fn crossings(layers: &Layers) -> u64 {
    let mut total = 0;
    let mut seen = SeenPlaces::default();
    for pair in layers.layers.windows(2) {
        seen.reset(pair[1].len());
        for &item in &pair[0] {
            // Links from one item never cross each other: count first, then add.
            for &other in layers.above.of(item) {
                total += seen.beyond(layers.place[other as usize]);
            }
            for &other in layers.above.of(item) {
                seen.add(layers.place[other as usize]);
            }
        }
    }
    total
}

/// Counts places so far (a Fenwick tree): how many lie beyond a given one.
#[derive(Default)]
struct SeenPlaces {
    sums: Vec<u32>,
    total: u32,
}

impl SeenPlaces {
    fn reset(&mut self, places: usize) {
        self.sums.clear();
        self.sums.resize(places + 1, 0);
        self.total = 0;
    }

    fn add(&mut self, place: u32) {
        self.total += 1;
        let mut i = place as usize + 1;
        while i < self.sums.len() {
            self.sums[i] += 1;
            i += i & i.wrapping_neg();
        }
    }

    fn beyond(&self, place: u32) -> u64 {
        let mut up_to = 0;
        let mut i = place as usize + 1;
        while i > 0 {
            up_to += self.sums[i];
            i -= i & i.wrapping_neg();
        }
        u64::from(self.total - up_to)
    }
}

/// Exchanges neighbours in a layer where that leaves fewer crossings; says whether any were.
fn exchange_neighbours(layers: &mut Layers) -> bool {
    let mut improved = false;
    for layer in 0..layers.layers.len() {
        for &item in &layers.layers[layer] {
            layers.below.sort_by_place(item, &layers.place);
            layers.above.sort_by_place(item, &layers.place);
        }
        for left in 0..layers.layers[layer].len().saturating_sub(1) {
            let (a, b) = (layers.layers[layer][left], layers.layers[layer][left + 1]);
            let as_is = crossings_of(layers, a, b);
            if as_is > 0 && crossings_of(layers, b, a) < as_is {
                layers.layers[layer].swap(left, left + 1);
                layers.place.swap(a as usize, b as usize);
                improved = true;
            }
        }
    }
    improved
}

/// How many links of two items cross when they lie side by side in that order.
fn crossings_of(layers: &Layers, left: u32, right: u32) -> u64 {
    let on_side = |neighbours: &Neighbours| {
        let (left, right) = (neighbours.of(left), neighbours.of(right));
        let (mut count, mut smaller) = (0, 0);
        for &item in left {
            while smaller < right.len() && layers.place[right[smaller] as usize] < layers.place[item as usize]
            {
                smaller += 1;
            }
            count += smaller as u64;
        }
        count
    };
    on_side(&layers.below) + on_side(&layers.above)
}
