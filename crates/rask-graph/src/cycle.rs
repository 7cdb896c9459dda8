//! Topological order, and the cycle that prevents one.

use crate::Csr;
use std::fmt;

/// Nodes that wait for each other: every node of `path` depends on the next, and the last is the first again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The way round, its first node repeated at the end.
    pub path: Vec<u32>,
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the graph has a cycle: ")?;
        for (i, node) in self.path.iter().enumerate() {
            write!(f, "{}{node}", if i > 0 { " -> " } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Cycle {}

/// All nodes, each after its dependencies; counting up where that is one. Fails with a cycle when there is none.
pub fn topological_order(graph: &Csr) -> Result<Vec<u32>, Cycle> {
    if graph.ids_are_topological() {
        return Ok(graph.nodes().collect());
    }
    let mut missing: Vec<u32> = graph.nodes().map(|node| graph.dependencies(node).len() as u32).collect();
    let mut order: Vec<u32> = Vec::with_capacity(graph.len());
    order.extend(graph.nodes().filter(|&node| missing[node as usize] == 0));
    let mut next = 0;
    while let Some(&node) = order.get(next) {
        next += 1;
        for &dependent in graph.dependents(node) {
            missing[dependent as usize] -= 1;
            if missing[dependent as usize] == 0 {
                order.push(dependent);
            }
        }
    }
    if order.len() == graph.len() { Ok(order) } else { Err(cycle_among(graph, &missing)) }
}

/// A cycle of the graph as a path that ends where it began (`[2, 5, 2]`: 2 depends on 5, which depends on 2), or
/// `None` for a DAG.
pub fn find_cycle(graph: &Csr) -> Option<Vec<u32>> {
    topological_order(graph).err().map(|cycle| cycle.path)
}

/// Whoever still misses a dependency misses one that misses one: walking on must come round.
fn cycle_among(graph: &Csr, missing: &[u32]) -> Cycle {
    const UNVISITED: u32 = u32::MAX;
    let mut place = vec![UNVISITED; graph.len()];
    let mut path = Vec::new();
    let mut node =
        missing.iter().position(|&count| count > 0).expect("called only when nodes are left over") as u32;
    while place[node as usize] == UNVISITED {
        place[node as usize] = path.len() as u32;
        path.push(node);
        node = *graph
            .dependencies(node)
            .iter()
            .find(|&&dependency| missing[dependency as usize] > 0)
            .expect("a node is left over because a dependency of it is");
    }
    path.drain(..place[node as usize] as usize);
    path.push(node);
    Cycle { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_come_first() {
        let graph = Csr::from_lists(&[vec![2], vec![0], vec![]]).unwrap();
        assert_eq!(topological_order(&graph).unwrap(), [2, 0, 1]);
        assert_eq!(find_cycle(&graph), None);
    }

    #[test]
    fn the_cycle_is_a_path_without_what_leads_to_it() {
        // 0 and 1 hang on the cycle 2 -> 3 -> 4 -> 2; 5 is innocent.
        let graph = Csr::from_lists(&[vec![1], vec![5, 2], vec![3], vec![4], vec![2], vec![]]).unwrap();
        let path = find_cycle(&graph).unwrap();
        assert_eq!(path, [2, 3, 4, 2]);
        assert_eq!(Cycle { path }.to_string(), "the graph has a cycle: 2 -> 3 -> 4 -> 2");
    }

    #[test]
    fn a_node_may_wait_for_itself() {
        let graph = Csr::from_lists(&[vec![0]]).unwrap();
        assert_eq!(find_cycle(&graph), Some(vec![0, 0]));
    }
}
