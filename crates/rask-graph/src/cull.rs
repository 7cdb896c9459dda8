//! Leaving out what no output needs.

use crate::Csr;

/// Stands in [`Culled::new_of_old`] for a node that was left out.
pub const CULLED: u32 = u32::MAX;

/// The part of a graph that some outputs need, renumbered without gaps. The kept nodes keep their relative order,
/// so a graph whose ids are topological stays one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Culled {
    /// The kept nodes under their new ids.
    pub graph: Csr,
    /// The old id of each kept node, rising.
    pub old_of_new: Vec<u32>,
    /// The new id of each old node, [`CULLED`] for those left out.
    pub new_of_old: Vec<u32>,
}

/// Which nodes the outputs need, themselves included.
pub fn needed(graph: &Csr, outputs: &[u32]) -> Vec<bool> {
    let mut needed = vec![false; graph.len()];
    let mut to_visit: Vec<u32> = Vec::new();
    for &output in outputs {
        if !std::mem::replace(&mut needed[output as usize], true) {
            to_visit.push(output);
        }
    }
    while let Some(node) = to_visit.pop() {
        for &dependency in graph.dependencies(node) {
            if !std::mem::replace(&mut needed[dependency as usize], true) {
                to_visit.push(dependency);
            }
        }
    }
    needed
}

/// The nodes reachable from `outputs` along dependencies, as a graph of their own. Cycles do not disturb it.
pub fn cull(graph: &Csr, outputs: &[u32]) -> Culled {
    let needed = needed(graph, outputs);
    let mut new_of_old = vec![CULLED; graph.len()];
    let mut old_of_new = Vec::new();
    for node in graph.nodes().filter(|&node| needed[node as usize]) {
        new_of_old[node as usize] = old_of_new.len() as u32;
        old_of_new.push(node);
    }
    let mut offsets = Vec::with_capacity(old_of_new.len() + 1);
    offsets.push(0);
    let mut dependencies = Vec::new();
    for &old in &old_of_new {
        dependencies
            .extend(graph.dependencies(old).iter().map(|&dependency| new_of_old[dependency as usize]));
        offsets.push(dependencies.len() as u32);
    }
    Culled { graph: Csr::with_checked(offsets, dependencies), old_of_new, new_of_old }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_outputs_need_stays() {
        let graph = Csr::from_lists(&[vec![], vec![], vec![1], vec![0, 1], vec![2]]).unwrap();
        let culled = cull(&graph, &[4, 4]);
        assert_eq!(culled.old_of_new, [1, 2, 4]);
        assert_eq!(culled.new_of_old, [CULLED, 0, 1, CULLED, 2]);
        assert_eq!(culled.graph, Csr::from_lists(&[vec![], vec![0], vec![1]]).unwrap());
    }

    #[test]
    fn no_outputs_leave_nothing() {
        let graph = Csr::from_lists(&[vec![], vec![0]]).unwrap();
        let culled = cull(&graph, &[]);
        assert!(culled.graph.is_empty());
        assert_eq!(culled.new_of_old, [CULLED, CULLED]);
    }
}
