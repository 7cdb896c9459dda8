//! In which order the tasks of a walked graph run, and which linear chains run as one.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rask_graph::{Csr, CsrBuilder, Fused};

use super::walk::{Link, Walked};
use crate::delayed::node::What;

/// The tasks as they will be sent.
pub struct Plan {
    /// The places in [`Walked::nodes`] of the tasks, in the order in which they run. Of a fused chain the last: the others
    /// are in `chains`.
    pub sequence: Vec<u32>,
    /// For each node its place in `sequence`; for a fused node the chain's.
    pub position: Vec<u32>,
    /// For each node that is the last of a fused chain, its place in `chains`.
    pub chain_of: Vec<Option<u32>>,
    /// Fused chains, each in the order of its calls.
    pub chains: Vec<Vec<u32>>,
}

/// Orders the tasks, and fuses chains if asked to.
pub fn plan(walked: &Walked<'_>, fuse: bool) -> PyResult<Plan> {
    let count = walked.nodes.len();
    let mut plan =
        Plan { sequence: Vec::new(), position: vec![0; count], chain_of: Vec::new(), chains: Vec::new() };
    if fuse {
        plan_fused(walked, &mut plan)?;
    } else if walked.is_flat {
        // Depth first is as good as any order if nothing can be finished early but the outputs.
        plan.sequence = (0..count as u32).collect();
        plan.position = plan.sequence.clone();
    } else {
        let graph = graph_of(walked)?;
        plan.position = rask_graph::order(&graph, &outputs_of(walked)).map_err(impossible)?;
        plan.sequence = inverse(&plan.position);
    }
    Ok(plan)
}

fn plan_fused(walked: &Walked<'_>, plan: &mut Plan) -> PyResult<()> {
    let graph = graph_of(walked)?;
    let outputs = outputs_of(walked);
    let may_fuse = |node: u32| {
        let node = walked.nodes[node as usize];
        matches!(node.what, What::Call(_)) && node.annotations.is_none()
    };
    let fused: Fused = rask_graph::fuse_chains(&graph, may_fuse, &outputs);
    let groups = fused.graph(&graph);
    let group_outputs: Vec<u32> = outputs.iter().map(|&output| fused.group_of(output)).collect();
    let positions = rask_graph::order(&groups, &group_outputs).map_err(impossible)?;
    plan.sequence = inverse(&positions).into_iter().map(|group| fused.last(group)).collect();
    plan.chain_of = vec![None; walked.nodes.len()];
    for node in graph.nodes() {
        plan.position[node as usize] = positions[fused.group_of(node) as usize];
    }
    for members in fused.chains() {
        let last = members[members.len() - 1];
        plan.chain_of[last as usize] = Some(plan.chains.len() as u32);
        plan.chains.push(members.to_vec());
    }
    Ok(())
}

fn graph_of(walked: &Walked<'_>) -> PyResult<Csr> {
    let mut builder = CsrBuilder::with_capacity(walked.nodes.len(), walked.deps.len());
    for at in 0..walked.nodes.len() as u32 {
        builder.push(walked.deps_of(at).iter().filter_map(|link| match link {
            Link::Task(dep) => Some(*dep),
            Link::Known(_) => None,
        }));
    }
    builder.finish().map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

fn outputs_of(walked: &Walked<'_>) -> Vec<u32> {
    let tasks = walked.outputs.iter().filter_map(|link| match link {
        Link::Task(at) => Some(*at),
        Link::Known(_) => None,
    });
    tasks.collect()
}

fn inverse(positions: &[u32]) -> Vec<u32> {
    let mut sequence = vec![0; positions.len()];
    positions.iter().enumerate().for_each(|(node, &position)| sequence[position as usize] = node as u32);
    sequence
}

/// Nodes refer only to nodes that were there before them, so a cycle is our own mistake.
fn impossible(cycle: rask_graph::Cycle) -> PyErr {
    PyRuntimeError::new_err(format!("a lazy graph has a cycle: {cycle}"))
}
