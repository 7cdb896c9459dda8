//! Judges orders of one graph read from standard input: for each, the values alive at once.
//!
//! First line: the number of nodes. Then one line per node with its dependencies. Then any number of lines with
//! rival orders, each a priority per node. Prints a line per order, this crate's first:
//! `peak mean` with the sinks' values let go at once, then `peak mean` with them kept, then nanoseconds per node.

use rask_graph::{Csr, order, pressure};
use std::time::Instant;

fn numbers(line: &str) -> Vec<u32> {
    line.split_ascii_whitespace().map(|word| word.parse().expect("a number")).collect()
}

fn main() {
    let text = std::io::read_to_string(std::io::stdin()).expect("standard input is text");
    let mut lines = text.lines();
    let nodes = numbers(lines.next().expect("the number of nodes"))[0] as usize;
    let lists: Vec<Vec<u32>> = lines.by_ref().take(nodes).map(numbers).collect();
    let graph = Csr::from_lists(&lists).expect("a graph");
    let sinks: Vec<u32> = graph.sinks().collect();
    let report = |priorities: &[u32], nanoseconds: f64| {
        let (gone, kept) = (pressure(&graph, priorities, &[]), pressure(&graph, priorities, &sinks));
        println!("{} {:.2} {} {:.2} {nanoseconds:.0}", gone.peak, gone.mean, kept.peak, kept.mean);
    };
    let start = Instant::now();
    let own = order(&graph, &[]).expect("no cycle");
    report(&own, start.elapsed().as_nanos() as f64 / nodes.max(1) as f64);
    for rival in lines.map(numbers) {
        report(&rival, f64::NAN);
    }
}
