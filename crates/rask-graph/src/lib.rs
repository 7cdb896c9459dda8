//! Task graphs as numbers. Everything that must be known of a graph before it runs, and for drawing it, without
//! knowing what a task is: nodes are ids `0 .. len`, edges say which node depends on which.
//!
//! * [`Csr`]: the graph, built once from one dependency list per node;
//! * [`cull`]: the part that some outputs need; [`needed`]: the same as a table;
//! * [`topological_order`], [`find_cycle`]: whether it can run at all, and if not, the way round;
//! * [`order`]: in which sequence to run it, so that few values are alive at once; [`pressure`]: how few;
//! * [`fuse_chains`]: linear chains as groups that may run as one task;
//! * [`layout`]: where to draw the nodes and edges.
//!
//! Everything here is a pure function of its arguments, takes time linear in the graph (n log n where something is
//! sorted) and never recurses: a chain of a million tasks is as good as any other graph.

mod csr;
mod cull;
mod cycle;
mod fuse;
mod layout;
mod order;

pub use csr::{Csr, CsrBuilder, GraphError};
pub use cull::{CULLED, Culled, cull, needed};
pub use cycle::{Cycle, find_cycle, topological_order};
pub use fuse::{Fused, fuse_chains};
pub use layout::{Direction, Layout, LayoutOptions, Point, Route, Size, layout};
pub use order::{Pressure, order, pressure, run_sequence};
