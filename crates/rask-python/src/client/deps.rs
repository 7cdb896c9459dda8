//! Futures among the arguments of a call.

use std::sync::Arc;

use hashbrown::HashMap;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use rask_types::FutureId;

use super::future::Future;
use super::session::Engine;
use crate::codec::Dependencies;

/// So many are looked for one by one; more in a table.
const LISTED_MAX: usize = 16;

/// Collects the futures of one call.
pub struct CallDeps<'a> {
    engine: &'a Arc<Engine>,
    /// Dependencies, by number.
    pub deps: Vec<FutureId>,
    /// Held futures.
    pub holds: Vec<FutureId>,
    /// Futures of other sessions, bound to this one for the length of the call.
    adopted: Vec<Py<Future>>,
    table: HashMap<FutureId, u32>,
}

impl<'a> CallDeps<'a> {
    /// None yet.
    pub fn new(engine: &'a Arc<Engine>) -> CallDeps<'a> {
        CallDeps { engine, deps: Vec::new(), holds: Vec::new(), adopted: Vec::new(), table: HashMap::new() }
    }

    /// Ready for the next call. What was adopted stays until the end.
    pub fn clear(&mut self) {
        self.deps.clear();
        self.holds.clear();
        self.table.clear();
    }

    /// Keeps adopted futures alive until after the call was submitted.
    pub fn finish(self) {
        drop(self.adopted);
    }

    fn id_of(&mut self, object: &Bound<'_, PyAny>) -> PyResult<FutureId> {
        let future = object
            .cast::<Future>()
            .map_err(|_| PyTypeError::new_err(format!("not a future of rask: {}", object.get_type())))?;
        if let Some(id) = future.get().id_in(self.engine) {
            return Ok(id);
        }
        let adopted = future.get().adopt(object.py(), self.engine)?;
        let id = adopted.get().id_in(self.engine).expect("adopted by this session");
        self.adopted.push(adopted.unbind());
        Ok(id)
    }
}

impl Dependencies for CallDeps<'_> {
    fn number(&mut self, object: &Bound<'_, PyAny>) -> PyResult<Option<u32>> {
        if object.cast::<crate::delayed::class::Delayed>().is_ok() {
            // As in Dask, a lazy value among eager arguments is passed as it is.
            return Ok(None);
        }
        let id = self.id_of(object)?;
        let next = self.deps.len() as u32;
        if self.deps.len() < LISTED_MAX {
            if let Some(at) = self.deps.iter().position(|known| *known == id) {
                return Ok(Some(at as u32));
            }
        } else {
            if self.table.is_empty() {
                self.table.extend(self.deps.iter().zip(0..).map(|(&known, at)| (known, at)));
            }
            let number = *self.table.entry(id).or_insert(next);
            if number != next {
                return Ok(Some(number));
            }
        }
        self.deps.push(id);
        Ok(Some(next))
    }

    fn hold(&mut self, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let id = self.id_of(object)?;
        if !self.holds.contains(&id) {
            self.holds.push(id);
        }
        Ok(())
    }
}
