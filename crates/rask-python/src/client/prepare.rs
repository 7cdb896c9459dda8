//! The function of a call or a map, as the scheduler will know it.

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;
use rask_types::{KeyId, Language, TaskClass};

use super::failure;
use super::options::TaskOptions;
use super::session::Session;
use crate::delayed::callee::Callee;
use crate::functions::{self, Dumped};

/// How many functions are remembered: enough for those of one loop.
const KNOWN_MAX: usize = 8;

/// A function's class, and what makes the keys of its calls.
#[derive(Clone, Copy)]
pub struct Prepared {
    /// Number of its task class.
    pub class: u32,
    /// What the prefix contributes to a key's id.
    pub prefix_id: u128,
    /// The function's token, if its calls are pure and it has one.
    pub token: Option<u128>,
}

/// The functions last called without options, by their encoding: as long as that is used again, class and prefix are, too.
#[derive(Default)]
pub struct Known(Mutex<Vec<(Arc<Dumped>, Prepared)>>);

impl Known {
    fn get(&self, dumped: &Arc<Dumped>) -> Option<Prepared> {
        let mut known = self.0.lock();
        let at = known.iter().position(|(its, _)| Arc::ptr_eq(its, dumped))?;
        known.swap(0, at);
        Some(known[0].1)
    }

    fn put(&self, dumped: &Arc<Dumped>, prepared: Prepared) {
        let mut known = self.0.lock();
        known.truncate(KNOWN_MAX - 1);
        known.insert(0, (dumped.clone(), prepared));
    }
}

impl Session {
    /// Makes a function known to the scheduler. `prefix`, of keys, if it is not to be the function's name.
    pub(super) fn prepare(
        &self,
        function: &Bound<'_, PyAny>,
        prefix: Option<&str>,
        options: Option<&TaskOptions>,
        pure: bool,
    ) -> PyResult<Prepared> {
        let dumped = functions::dump(function)?;
        let is_plain = prefix.is_none() && options.is_none();
        let known = is_plain.then(|| self.engine.known.get(&dumped)).flatten();
        let prepared = match known {
            Some(known) => known,
            None => {
                let prepared = self.define(function, &dumped, prefix, options)?;
                // Others hold it too if it is kept for the next call. No other is worth a place.
                if is_plain && Arc::strong_count(&dumped) > 1 {
                    self.engine.known.put(&dumped, prepared);
                }
                prepared
            }
        };
        let token = match dumped.known_token() {
            _ if !pure => None,
            Some(token) => token,
            None => functions::token(function)?,
        };
        Ok(Prepared { token, ..prepared })
    }

    fn define(
        &self,
        function: &Bound<'_, PyAny>,
        dumped: &Dumped,
        prefix: Option<&str>,
        options: Option<&TaskOptions>,
    ) -> PyResult<Prepared> {
        let py = function.py();
        let client = &self.engine.client;
        client.define_function(&dumped.payload).map_err(|error| failure::of_call(py, error))?;
        let callee = Callee::of(function);
        let named = callee.call_prefix(py);
        let (text, prefix_id) = match prefix {
            Some(prefix) => (prefix.to_owned(), KeyId::of_prefix(prefix)),
            None => (named.text.to_string(), named.id),
        };
        let mut class = TaskClass::plain(text, dumped.id, Language::Python);
        if let Some(options) = options {
            options.apply(&mut class);
        }
        let class = client.define_class(&class).map_err(|error| failure::of_call(py, error))?;
        Ok(Prepared { class, prefix_id, token: None })
    }
}
