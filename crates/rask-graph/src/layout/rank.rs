//! Layers: each node above its dependencies, and as near to its dependents as makes edges short.

use crate::Csr;

/// The layer of each node; dependencies have lower ones.
pub(super) fn ranks(graph: &Csr, topological: &[u32]) -> Vec<u32> {
    let mut ranks = vec![0u32; graph.len()];
    for &node in topological {
        let below = graph.dependencies(node).iter().map(|&dependency| ranks[dependency as usize] + 1);
        ranks[node as usize] = below.max().unwrap_or(0);
    }
    // Longest paths put everything as low as can be, which makes edges long that need not be. Whoever has no more
    // dependencies than dependents shortens as many edges as it lengthens, or more, by moving up.
    for &node in topological.iter().rev() {
        let (dependencies, dependents) = (graph.dependencies(node), graph.dependents(node));
        if dependents.len() >= dependencies.len()
            && let Some(above) = dependents.iter().map(|&dependent| ranks[dependent as usize]).min()
        {
            ranks[node as usize] = above - 1;
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topological_order;

    fn ranks_of(lists: &[Vec<u32>]) -> Vec<u32> {
        let graph = Csr::from_lists(lists).unwrap();
        ranks(&graph, &topological_order(&graph).unwrap())
    }

    #[test]
    fn dependents_lie_above() {
        assert_eq!(ranks_of(&[vec![], vec![0], vec![0, 1]]), [0, 1, 2]);
    }

    #[test]
    fn late_inputs_lie_near_their_use() {
        // 0 -> 1 -> 2 -> 5; the chain 3 -> 4 -> 5 starts late.
        assert_eq!(ranks_of(&[vec![], vec![0], vec![1], vec![], vec![3], vec![2, 4]]), [0, 1, 2, 1, 2, 3]);
    }
}
