//! How many values are alive while a graph runs in a given order: what an order is judged by.

use crate::Csr;

/// The memory that running one task at a time takes, counted in values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pressure {
    /// The most values alive at any time, that of the running task included.
    pub peak: u32,
    /// The mean over all steps of the values alive while a task runs.
    pub mean: f64,
}

/// The nodes in the order in which they run: the inverse of the permutation that [`order`](crate::order) gives.
pub fn run_sequence(priorities: &[u32]) -> Vec<u32> {
    let mut sequence = vec![0; priorities.len()];
    for (node, &priority) in priorities.iter().enumerate() {
        sequence[priority as usize] = node as u32;
    }
    sequence
}

/// Runs the graph one task at a time and counts values: each lives from its task's run until its last dependent
/// has run. Values of `kept` nodes live on to the end; values on which nothing depends vanish unless kept.
pub fn pressure(graph: &Csr, priorities: &[u32], kept: &[u32]) -> Pressure {
    let mut holds: Vec<u32> = graph.nodes().map(|node| graph.dependents(node).len() as u32).collect();
    for &node in kept {
        holds[node as usize] += 1;
    }
    let (mut alive, mut peak, mut sum) = (0u32, 0u32, 0u64);
    for node in run_sequence(priorities) {
        alive += 1;
        peak = peak.max(alive);
        sum += u64::from(alive);
        for &dependency in graph.dependencies(node) {
            holds[dependency as usize] -= 1;
            alive -= u32::from(holds[dependency as usize] == 0);
        }
        alive -= u32::from(holds[node as usize] == 0);
    }
    Pressure { peak, mean: sum as f64 / graph.len().max(1) as f64 }
}
