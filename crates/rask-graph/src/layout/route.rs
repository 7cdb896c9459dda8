//! The way of each edge past the nodes of the layers between its ends: as straight as they allow.

use super::LayoutOptions;
use super::layers::Layers;

/// A place along (cross, main).
pub(super) type Place = (f64, f64);

/// The open space around each stand-in: from the node on its left to the node on its right.
pub(super) struct Corridors(Vec<(f64, f64)>);

impl Corridors {
    pub fn new(layers: &Layers, options: &LayoutOptions) -> Self {
        let distance = options.edge_gap / 2.0;
        let nodes = layers.nodes as usize;
        let mut corridors = vec![(f64::NEG_INFINITY, f64::INFINITY); layers.layer_of.len() - nodes];
        for layer in &layers.layers {
            let mut left = f64::NEG_INFINITY;
            for &item in layer {
                if layers.is_stand_in(item) {
                    corridors[item as usize - nodes].0 = left;
                } else {
                    left = layers.cross[item as usize] + layers.extent[item as usize].cross / 2.0 + distance;
                }
            }
            let mut right = f64::INFINITY;
            for &item in layer.iter().rev() {
                if layers.is_stand_in(item) {
                    corridors[item as usize - nodes].1 = right;
                } else {
                    right = layers.cross[item as usize] - layers.extent[item as usize].cross / 2.0 - distance;
                }
            }
        }
        Corridors(corridors)
    }
}

/// The directions, as cross per main, in which one can look from a place through gates passed so far.
#[derive(Clone, Copy)]
struct View {
    from: Place,
    low: f64,
    high: f64,
}

impl View {
    fn from(from: Place) -> Self {
        View { from, low: f64::NEG_INFINITY, high: f64::INFINITY }
    }

    fn through(mut self, (low, high): (f64, f64), main: f64) -> Self {
        let ahead = (main - self.from.1).max(1e-6);
        self.low = self.low.max((low - self.from.0) / ahead);
        self.high = self.high.min((high - self.from.0) / ahead);
        self
    }

    fn sees(self, (cross, main): Place) -> bool {
        let slope = (cross - self.from.0) / (main - self.from.1).max(1e-6);
        self.low <= slope && slope <= self.high
    }
}

/// From the centre of node `from` by way of its stand-ins to the centre of node `to`.
pub(super) fn way(
    layers: &Layers,
    corridors: &Corridors,
    from: u32,
    to: u32,
    stand_ins: std::ops::Range<u32>,
) -> Vec<Place> {
    let place =
        |item: u32| (layers.cross[item as usize], layers.main[layers.layer_of[item as usize] as usize]);
    let half = |item: u32| layers.thickness[layers.layer_of[item as usize] as usize] / 2.0;
    let corridor = |item: u32| corridors.0[(item - layers.nodes) as usize];
    let mut points = vec![place(from)];
    let mut view = View::from(place(from));
    let mut next = stand_ins.start;
    while next < stand_ins.end {
        // Look as far ahead as one straight line can go.
        let mut ahead = view;
        let mut farthest = None;
        for item in next..stand_ins.end {
            ahead = ahead.through(corridor(item), place(item).1 - half(item));
            if ahead.sees(place(item)) {
                farthest = Some(item);
            }
            ahead = ahead.through(corridor(item), place(item).1 + half(item));
            if ahead.low > ahead.high {
                break;
            }
        }
        if ahead.sees(place(to)) {
            break;
        }
        if let Some(item) = farthest {
            points.push(place(item));
            view = View::from(place(item)).through(corridor(item), place(item).1 + half(item));
            next = item + 1;
        } else {
            // No slanting line gets into the gap: go straight through it.
            let (cross, main) = place(next);
            let exit = (cross, main + half(next));
            points.extend([(cross, main - half(next)), exit]);
            view = View::from(exit);
            next += 1;
        }
    }
    points.push(place(to));
    points
}
