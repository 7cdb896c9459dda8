//! Linear chains as one task each: `load -> parse -> filter` has no use for three trips through a scheduler.

use crate::Csr;

/// Every node of a graph in exactly one group: chains that may run as one task, and single nodes.
///
/// Groups are numbered by rising id of their last node, the one whose value the others see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fused {
    offsets: Vec<u32>,
    members: Vec<u32>,
    group_of: Vec<u32>,
}

impl Fused {
    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are no groups, because there were no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The nodes of a group in the order they must run. Each but the first depends on the one before it and on
    /// nothing else; what the first depends on is what the group depends on.
    pub fn members(&self, group: u32) -> &[u32] {
        let group = group as usize;
        &self.members[self.offsets[group] as usize..self.offsets[group + 1] as usize]
    }

    /// The node whose value the group yields.
    pub fn last(&self, group: u32) -> u32 {
        *self.members(group).last().expect("no group is empty")
    }

    /// The group a node is in.
    pub fn group_of(&self, node: u32) -> u32 {
        self.group_of[node as usize]
    }

    /// The groups of two nodes and more.
    pub fn chains(&self) -> impl Iterator<Item = &[u32]> + '_ {
        (0..self.len() as u32).map(|group| self.members(group)).filter(|members| members.len() > 1)
    }

    /// The graph of the groups, for the graph they were made of.
    pub fn graph(&self, graph: &Csr) -> Csr {
        let mut offsets = Vec::with_capacity(self.len() + 1);
        offsets.push(0);
        let mut dependencies = Vec::new();
        for group in 0..self.len() as u32 {
            let first = self.members(group)[0];
            // Distinct nodes that others depend on are last in distinct groups: nothing can repeat.
            dependencies
                .extend(graph.dependencies(first).iter().map(|&dependency| self.group_of(dependency)));
            offsets.push(dependencies.len() as u32);
        }
        Csr::with_checked(offsets, dependencies)
    }
}

/// Gathers linear chains: a node joins the group of its dependency when that is its only one, when it is that
/// dependency's only dependent, when `may_fuse` allows both, and when the dependency is not among `keep` (its value
/// would no longer be seen). Nodes on a cycle are left as they are.
pub fn fuse_chains(graph: &Csr, may_fuse: impl Fn(u32) -> bool, keep: &[u32]) -> Fused {
    let mut visible = vec![false; graph.len()];
    for &node in keep {
        visible[node as usize] = true;
    }
    let fuses_with_dependency = |node: u32| match graph.dependencies(node) {
        &[dependency] => {
            graph.dependents(dependency).len() == 1
                && !visible[dependency as usize]
                && may_fuse(dependency)
                && may_fuse(node)
        }
        _ => false,
    };
    // joined[d]: the only dependent of d runs in d's group, so d is not last.
    let mut joined = vec![false; graph.len()];
    let mut joins = vec![false; graph.len()];
    for node in graph.nodes() {
        if fuses_with_dependency(node) {
            joins[node as usize] = true;
            joined[graph.dependencies(node)[0] as usize] = true;
        }
    }
    let mut fused = Fused { offsets: vec![0], members: Vec::new(), group_of: vec![u32::MAX; graph.len()] };
    for last in graph.nodes().filter(|&node| !joined[node as usize]) {
        fused.push_chain(graph, &joins, last);
    }
    // What is left are rings in which each joins the one before: no group of theirs has an end.
    if fused.members.len() < graph.len() {
        joins.fill(false);
        for node in graph.nodes() {
            if fused.group_of[node as usize] == u32::MAX {
                fused.push_chain(graph, &joins, node);
            }
        }
    }
    fused
}

impl Fused {
    /// The group that ends with `last`, found backwards.
    fn push_chain(&mut self, graph: &Csr, joins: &[bool], last: u32) {
        let group = self.len() as u32;
        let start = self.members.len();
        let mut node = last;
        loop {
            self.members.push(node);
            self.group_of[node as usize] = group;
            if !joins[node as usize] {
                break;
            }
            node = graph.dependencies(node)[0];
        }
        self.members[start..].reverse();
        self.offsets.push(self.members.len() as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chains(graph: &Csr, keep: &[u32]) -> Vec<Vec<u32>> {
        fuse_chains(graph, |_| true, keep).chains().map(<[u32]>::to_vec).collect()
    }

    #[test]
    fn a_chain_is_one_group_and_a_fork_ends_it() {
        // 0 -> 1 -> 2 -> {3, 4} -> 5 -> 6
        let graph =
            Csr::from_lists(&[vec![], vec![0], vec![1], vec![2], vec![2], vec![3, 4], vec![5]]).unwrap();
        assert_eq!(chains(&graph, &[6]), [vec![0, 1, 2], vec![5, 6]]);
        let fused = fuse_chains(&graph, |_| true, &[6]);
        assert_eq!(fused.len(), 4);
        assert_eq!(fused.last(fused.group_of(0)), 2);
        assert_eq!(fused.graph(&graph), Csr::from_lists(&[vec![], vec![0], vec![0], vec![1, 2]]).unwrap());
    }

    #[test]
    fn outputs_stay_visible_and_the_unwilling_alone() {
        let graph = Csr::from_lists(&[vec![], vec![0], vec![1], vec![2]]).unwrap();
        assert_eq!(chains(&graph, &[1, 3]), [vec![0, 1], vec![2, 3]]);
        let fused = fuse_chains(&graph, |node| node != 1, &[3]);
        assert_eq!(fused.chains().collect::<Vec<_>>(), [[2, 3]]);
    }

    #[test]
    fn a_ring_is_not_followed_for_ever() {
        let graph = Csr::from_lists(&[vec![2], vec![0], vec![1], vec![]]).unwrap();
        let fused = fuse_chains(&graph, |_| true, &[]);
        assert_eq!(fused.len(), 4);
        assert_eq!(fused.chains().count(), 0);
    }
}
