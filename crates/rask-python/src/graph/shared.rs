//! Objects kept by reference that occur in several places of a graph: encoded once, and the large ones sent once.

use hashbrown::HashMap;
use pyo3::prelude::*;

use super::walk::Walked;
use crate::codec::dependencies::ObjectDependencies;
use crate::codec::encode::{Capture, Encoded, encode_value};
use crate::delayed::node::Node;

/// Larger ones become a task of their own, on which the tasks that use them depend.
const REPEATED_BYTES_MAX: usize = 16 * 1024;

/// What becomes of an object that occurs several times.
pub enum Shared {
    /// Its encoding, repeated in each task.
    Inline(Vec<u8>),
    /// A task of its own, by number.
    Hoisted(u32),
}

/// The objects that occur several times in one graph, by address. The graph's nodes keep them alive.
#[derive(Default)]
pub struct SharedObjects {
    by_address: HashMap<usize, Shared>,
    values: Vec<(String, Encoded)>,
}

/// How often an object occurs.
#[derive(Default)]
struct Occurrences {
    count: u32,
    /// Some task has it twice, and must get one object.
    twice_in_one: bool,
}

impl SharedObjects {
    /// Looks through a graph. Encodes what occurs more than once.
    pub fn find(py: Python<'_>, walked: &Walked<'_>, capture: Capture) -> PyResult<SharedObjects> {
        let mut occurrences: HashMap<usize, (Occurrences, &Py<PyAny>)> = HashMap::new();
        for node in &walked.nodes {
            count(node, &mut occurrences);
        }
        let mut shared = SharedObjects::default();
        // In the order of first occurrence would be nicer to read, but nothing depends on it; by address is not stable, so
        // the nodes are gone through again.
        for node in &walked.nodes {
            for (_, object) in &node.arguments.refs {
                let address = object.as_ptr() as usize;
                match occurrences.remove(&address) {
                    Some((found, object)) if found.count > 1 => shared.add(py, object, &found, capture)?,
                    _ => {}
                }
            }
        }
        Ok(shared)
    }

    fn add(
        &mut self,
        py: Python<'_>,
        object: &Py<PyAny>,
        found: &Occurrences,
        capture: Capture,
    ) -> PyResult<()> {
        let mut dependencies = ObjectDependencies::default();
        // What cannot be encoded fails where it is used, where the task can be named.
        let Ok(encoded) = encode_value(object.bind(py), capture, &mut dependencies) else { return Ok(()) };
        if !dependencies.objects.is_empty() || !dependencies.holds.is_empty() {
            return Ok(());
        }
        let bytes = encoded.head.len() + encoded.buffers.iter().map(bytes::Bytes::len).sum::<usize>();
        let entry = if bytes > REPEATED_BYTES_MAX || found.twice_in_one || !encoded.buffers.is_empty() {
            let prefix = object.bind(py).get_type().name()?.to_string();
            self.values.push((prefix, encoded));
            Shared::Hoisted(self.values.len() as u32 - 1)
        } else {
            Shared::Inline(encoded.head)
        };
        self.by_address.insert(object.as_ptr() as usize, entry);
        Ok(())
    }

    /// What becomes of an object; None if it occurs once.
    #[inline]
    pub fn get(&self, object: &Py<PyAny>) -> Option<&Shared> {
        self.by_address.get(&(object.as_ptr() as usize))
    }

    /// How many became tasks of their own.
    pub fn hoisted(&self) -> usize {
        self.values.len()
    }

    /// The encoding of hoisted object `number`.
    pub fn value(&self, number: usize) -> &Encoded {
        &self.values[number].1
    }

    /// What its key begins with.
    pub fn prefix(&self, number: usize) -> &str {
        &self.values[number].0
    }
}

fn count<'a>(node: &'a Node, occurrences: &mut HashMap<usize, (Occurrences, &'a Py<PyAny>)>) {
    let refs = &node.arguments.refs;
    for (at, (_, object)) in refs.iter().enumerate() {
        let address = object.as_ptr();
        let entry = occurrences.entry(address as usize).or_insert_with(|| (Occurrences::default(), object));
        entry.0.count += 1;
        // Calls with very many objects kept by reference are rare, and are then not looked through for twins.
        entry.0.twice_in_one |= at < 64 && refs[..at].iter().any(|(_, other)| other.as_ptr() == address);
    }
}
