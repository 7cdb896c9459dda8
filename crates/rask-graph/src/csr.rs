//! The graph itself: dependency lists of all nodes laid end to end (compressed sparse rows), and the same edges
//! turned round, so that both `dependencies(node)` and `dependents(node)` are slices.

use std::fmt;

/// A directed graph of tasks `0 .. len`, each with the list of tasks it depends on.
///
/// Built once, then read only. A dependency named twice by the same node counts once (`add(x, x)` waits for `x`
/// once); the order of the first mentions is kept. A `Csr` may contain cycles: whoever needs a DAG asks
/// [`topological_order`](crate::topological_order) or [`find_cycle`](crate::find_cycle).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csr {
    dependency_offsets: Vec<u32>,
    dependencies: Vec<u32>,
    dependent_offsets: Vec<u32>,
    dependents: Vec<u32>,
    /// Every dependency has a lower id than its dependent: counting up is then a topological order.
    ids_are_topological: bool,
}

/// Why lists of dependencies are no graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GraphError {
    /// A node depends on an id that no node has.
    UnknownDependency {
        /// The node whose list is wrong.
        node: u32,
        /// What that list names.
        dependency: u32,
        /// How many nodes there are.
        nodes: u32,
    },
    /// More nodes or edges than 32-bit ids can count.
    TooLarge,
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GraphError::UnknownDependency { node, dependency, nodes } => {
                write!(f, "task {node} depends on task {dependency}, but the graph has only {nodes} tasks")
            }
            GraphError::TooLarge => {
                write!(f, "the graph has more than {} tasks or edges; compute it in parts", u32::MAX - 1)
            }
        }
    }
}

impl std::error::Error for GraphError {}

/// Collects dependency lists, node after node; the first node pushed is node 0.
#[derive(Clone, Debug, Default)]
pub struct CsrBuilder {
    /// Where each node's list ends in `dependencies`.
    ends: Vec<usize>,
    dependencies: Vec<u32>,
}

impl CsrBuilder {
    /// An empty builder.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty builder with room for that many nodes and edges.
    pub fn with_capacity(nodes: usize, edges: usize) -> Self {
        Self { ends: Vec::with_capacity(nodes), dependencies: Vec::with_capacity(edges) }
    }

    /// Adds the next node with its dependencies, which may be nodes that have not been pushed yet.
    pub fn push(&mut self, dependencies: impl IntoIterator<Item = u32>) {
        self.dependencies.extend(dependencies);
        self.ends.push(self.dependencies.len());
    }

    /// How many nodes have been pushed.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether no node has been pushed.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Checks the lists, drops repeated dependencies and turns the edges round.
    pub fn finish(mut self) -> Result<Csr, GraphError> {
        // One id stays free: `u32::MAX` means "no node" in tables.
        if self.ends.len() >= u32::MAX as usize || self.dependencies.len() >= u32::MAX as usize {
            return Err(GraphError::TooLarge);
        }
        let dependency_offsets = self.check_and_deduplicate()?;
        self.dependencies.shrink_to_fit();
        Ok(Csr::with_checked(dependency_offsets, self.dependencies))
    }

    fn check_and_deduplicate(&mut self) -> Result<Vec<u32>, GraphError> {
        let nodes = self.ends.len() as u32;
        let mut offsets = Vec::with_capacity(self.ends.len() + 1);
        offsets.push(0);
        // seen_by[d] == node + 1: this node has named d already.
        let mut seen_by = vec![0u32; self.ends.len()];
        let (mut start, mut kept) = (0, 0);
        for node in 0..nodes {
            let end = self.ends[node as usize];
            for i in start..end {
                let dependency = self.dependencies[i];
                if dependency >= nodes {
                    return Err(GraphError::UnknownDependency { node, dependency, nodes });
                }
                if seen_by[dependency as usize] != node + 1 {
                    seen_by[dependency as usize] = node + 1;
                    self.dependencies[kept] = dependency;
                    kept += 1;
                }
            }
            start = end;
            offsets.push(kept as u32);
        }
        self.dependencies.truncate(kept);
        Ok(offsets)
    }
}

impl Csr {
    /// A graph from one dependency list per node.
    pub fn from_lists<L: AsRef<[u32]>>(lists: &[L]) -> Result<Csr, GraphError> {
        let edges = lists.iter().map(|list| list.as_ref().len()).sum();
        let mut builder = CsrBuilder::with_capacity(lists.len(), edges);
        for list in lists {
            builder.push(list.as_ref().iter().copied());
        }
        builder.finish()
    }

    /// The offsets must start with 0, rise, and end with the number of dependencies, each a valid id, none repeated.
    pub(crate) fn with_checked(dependency_offsets: Vec<u32>, dependencies: Vec<u32>) -> Csr {
        let nodes = dependency_offsets.len() - 1;
        // Counting sort by dependency. Offsets are shifted by one place while filling, and end where they belong.
        let mut dependent_offsets = vec![0u32; nodes + 2];
        for &dependency in &dependencies {
            dependent_offsets[dependency as usize + 2] += 1;
        }
        for i in 2..nodes + 2 {
            dependent_offsets[i] += dependent_offsets[i - 1];
        }
        let mut dependents = vec![0u32; dependencies.len()];
        let mut ids_are_topological = true;
        for node in 0..nodes {
            let range = dependency_offsets[node] as usize..dependency_offsets[node + 1] as usize;
            for &dependency in &dependencies[range] {
                let slot = &mut dependent_offsets[dependency as usize + 1];
                dependents[*slot as usize] = node as u32;
                *slot += 1;
                ids_are_topological &= (dependency as usize) < node;
            }
        }
        dependent_offsets.truncate(nodes + 1);
        Csr { dependency_offsets, dependencies, dependent_offsets, dependents, ids_are_topological }
    }

    /// How many nodes there are; their ids are `0 .. len`.
    pub fn len(&self) -> usize {
        self.dependency_offsets.len() - 1
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many edges there are.
    pub fn edge_count(&self) -> usize {
        self.dependencies.len()
    }

    /// All ids, counting up.
    pub fn nodes(&self) -> std::ops::Range<u32> {
        0..self.len() as u32
    }

    /// What `node` depends on, in the order it was given. Panics when there is no such node, as all methods here.
    pub fn dependencies(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.dependencies[self.dependency_offsets[node] as usize..self.dependency_offsets[node + 1] as usize]
    }

    /// What depends on `node`, by rising id.
    pub fn dependents(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.dependents[self.dependent_offsets[node] as usize..self.dependent_offsets[node + 1] as usize]
    }

    /// The nodes on which nothing depends, by rising id.
    pub fn sinks(&self) -> impl Iterator<Item = u32> + '_ {
        self.nodes().filter(|&node| self.dependents(node).is_empty())
    }

    /// Whether every dependency has a lower id than its dependent, so that counting up is a topological order.
    /// Graphs recorded as a program builds them are like that.
    pub fn ids_are_topological(&self) -> bool {
        self.ids_are_topological
    }

    /// Where `node`'s dependencies lie among all, for tables that run parallel to the edges.
    pub(crate) fn dependency_range(&self, node: u32) -> std::ops::Range<usize> {
        let node = node as usize;
        self.dependency_offsets[node] as usize..self.dependency_offsets[node + 1] as usize
    }

    /// All dependency lists end to end.
    pub(crate) fn all_dependencies(&self) -> &[u32] {
        &self.dependencies
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_become_slices_both_ways() {
        let graph = Csr::from_lists(&[vec![], vec![0], vec![0, 1], vec![2, 0]]).unwrap();
        assert_eq!(graph.len(), 4);
        assert_eq!(graph.edge_count(), 5);
        assert_eq!(graph.dependencies(3), [2, 0]);
        assert_eq!(graph.dependents(0), [1, 2, 3]);
        assert_eq!(graph.dependents(3), []);
        assert_eq!(graph.sinks().collect::<Vec<_>>(), [3]);
        assert!(graph.ids_are_topological());
    }

    #[test]
    fn repeated_dependencies_count_once() {
        let graph = Csr::from_lists(&[vec![1, 1, 2, 1, 2], vec![], vec![1, 1]]).unwrap();
        assert_eq!(graph.dependencies(0), [1, 2]);
        assert_eq!(graph.dependencies(2), [1]);
        assert_eq!(graph.dependents(1), [0, 2]);
        assert!(!graph.ids_are_topological());
    }

    #[test]
    fn an_unknown_dependency_is_named() {
        let error = Csr::from_lists(&[vec![], vec![7]]).unwrap_err();
        assert_eq!(error, GraphError::UnknownDependency { node: 1, dependency: 7, nodes: 2 });
        assert_eq!(error.to_string(), "task 1 depends on task 7, but the graph has only 2 tasks");
    }

    #[test]
    fn the_empty_graph_and_the_builder() {
        let graph = CsrBuilder::new().finish().unwrap();
        assert!(graph.is_empty());
        let mut builder = CsrBuilder::with_capacity(2, 1);
        assert!(builder.is_empty());
        builder.push([1]);
        builder.push([]);
        assert_eq!(builder.len(), 2);
        assert_eq!(builder.finish().unwrap().dependents(1), [0]);
    }
}
