//! How many values a node needs alive at once, and its dependencies sorted by that.

use crate::Csr;

/// For each node, its dependencies with the heaviest first, laid out like those of the graph.
///
/// The weight of a node is the number of values that computing it needs alive at once if its dependencies share
/// nothing: the i-th to be computed finds i values of its elder siblings alive. Computing the heaviest first makes
/// that smallest (Sethi and Ullman 1970). Where subgraphs are shared the weight is too high; it only ever decides
/// between siblings.
pub(super) fn heaviest_first(graph: &Csr, topological: &[u32]) -> Vec<u32> {
    let mut sorted = graph.all_dependencies().to_vec();
    let mut weights = vec![1u32; graph.len()];
    for &node in topological {
        let dependencies = &mut sorted[graph.dependency_range(node)];
        if !dependencies.is_sorted_by_key(|&node| std::cmp::Reverse(weights[node as usize])) {
            dependencies.sort_by_key(|&node| std::cmp::Reverse(weights[node as usize]));
        }
        let weight =
            dependencies.iter().zip(0..).map(|(&node, alive)| weights[node as usize].saturating_add(alive));
        weights[node as usize] = weight.max().unwrap_or(1);
    }
    sorted
}
