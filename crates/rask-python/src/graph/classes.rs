//! What tasks share: from a callee and annotations to a [`TaskClass`], each looked up once per graph.

use hashbrown::HashMap;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};
use rask_types::{FunctionId, Language, TaskClass};

use super::sink::GraphSink;
use crate::codec::{Capture, NoDependencies, encode_value};
use crate::delayed::key::NodeKey;
use crate::delayed::node::{Node, What};
use crate::delayed::settings;
use crate::functions;

/// The classes of one graph under construction.
pub struct Classes<'py> {
    py: Python<'py>,
    /// Annotations of all tasks of the graph; those of a task itself weigh more.
    common: Option<Bound<'py, PyDict>>,
    /// By address of callee and annotations, and by prefix where the key was given.
    numbers: HashMap<(usize, usize, Option<String>), u32>,
    last: Option<((usize, usize), u32)>,
    functions: HashMap<usize, FunctionId>,
    /// Fused chains, by the addresses of their functions and by prefix.
    chains: HashMap<(Vec<usize>, String), u32>,
    made: Vec<Py<PyAny>>,
    /// Whether the annotations at an address have to be worked out for each key.
    per_key: HashMap<usize, bool>,
}

impl<'py> Classes<'py> {
    /// No classes yet.
    pub fn new(py: Python<'py>, common: Option<Bound<'py, PyDict>>) -> Classes<'py> {
        let common = common.filter(|common| !common.is_empty());
        Classes {
            py,
            common,
            numbers: HashMap::new(),
            last: None,
            functions: HashMap::new(),
            chains: HashMap::new(),
            made: Vec::new(),
            per_key: HashMap::new(),
        }
    }

    /// The number of the class of `node`.
    #[inline]
    pub fn number(&mut self, node: &Node, sink: &mut dyn GraphSink) -> PyResult<u32> {
        let callee = match &node.what {
            What::Call(callee) => std::sync::Arc::as_ptr(callee) as usize,
            // A value has no function, and values with the same prefix are one class.
            _ => 0,
        };
        let annotations = node.annotations.as_ref().map_or(0, |annotations| annotations.as_ptr() as usize);
        let is_call_without_name = callee != 0 && !matches!(node.key.get(), Some(NodeKey::Named(_)));
        if is_call_without_name
            && let Some((last, number)) = self.last
            && last == (callee, annotations)
        {
            return Ok(number);
        }
        let prefix = self.prefix(node);
        let by_prefix = if is_call_without_name { None } else { Some(prefix.clone()) };
        let known = (callee, annotations, by_prefix);
        let per_key = self.is_per_key(node)?;
        let number = match self.numbers.get(&known) {
            Some(&number) if !per_key => number,
            _ => {
                let class = self.class(node, prefix, sink)?;
                let number = sink.define_class(class)?;
                self.numbers.insert(known, number);
                number
            }
        };
        if is_call_without_name && !per_key {
            self.last = Some(((callee, annotations), number));
        }
        Ok(number)
    }

    fn prefix(&self, node: &Node) -> String {
        match node.key.get() {
            Some(NodeKey::Named(key)) => key.prefix(),
            _ => node.prefix(self.py).map_or_else(|| "task".to_owned(), |prefix| prefix.text.to_string()),
        }
    }

    fn is_per_key(&mut self, node: &Node) -> PyResult<bool> {
        let address = node.annotations.as_ref().map_or(0, |annotations| annotations.as_ptr() as usize);
        if let Some(&known) = self.per_key.get(&address) {
            return Ok(known);
        }
        let merged = self.merged(node)?;
        let per_key = merged.is_some_and(|merged| merged.values().iter().any(|value| value.is_callable()));
        self.per_key.insert(address, per_key);
        Ok(per_key)
    }

    fn merged(&self, node: &Node) -> PyResult<Option<Bound<'py, PyDict>>> {
        let own =
            node.annotations.as_ref().map(|own| settings::annotations_dict(self.py, own)).transpose()?;
        Ok(match (&self.common, own) {
            (None, own) => own,
            (Some(common), None) => Some(common.clone()),
            (Some(common), Some(own)) => {
                let merged = common.copy()?;
                merged.update(own.as_mapping())?;
                Some(merged)
            }
        })
    }

    fn class(&mut self, node: &Node, prefix: String, sink: &mut dyn GraphSink) -> PyResult<TaskClass> {
        let mut class = match &node.what {
            What::Call(callee) => {
                let function = self.function(&callee.object, sink)?;
                TaskClass::plain(prefix, function, Language::Python)
            }
            _ => TaskClass::plain(prefix, FunctionId::LITERAL, Language::Literal),
        };
        if let Some(annotations) = self.merged(node)? {
            annotate(&mut class, &annotations, node)?;
        }
        Ok(class)
    }

    /// The number of the class of plain values with that prefix.
    pub fn literal(&mut self, prefix: &str, sink: &mut dyn GraphSink) -> PyResult<u32> {
        sink.define_class(TaskClass::plain(prefix, FunctionId::LITERAL, Language::Literal))
    }

    /// The number of the class of a chain of calls, whose key is that of its last.
    pub fn chain(&mut self, nodes: &[&Node], last: &Node, sink: &mut dyn GraphSink) -> PyResult<u32> {
        let mut callees = Vec::with_capacity(nodes.len());
        for node in nodes {
            if let What::Call(callee) = &node.what {
                callees.push(callee.object.clone_ref(self.py));
            }
        }
        let prefix = self.prefix(last);
        let known = (callees.iter().map(|callee| callee.as_ptr() as usize).collect(), prefix.clone());
        if let Some(&number) = self.chains.get(&known) {
            return Ok(number);
        }
        let chain = self.py.import("rask._tasks")?.getattr("Chain")?.call1((callees,))?.unbind();
        let function = self.function(&chain, sink)?;
        self.made.push(chain); // kept, so that its address stays its own
        let number = sink.define_class(TaskClass::plain(prefix, function, Language::Python))?;
        self.chains.insert(known, number);
        Ok(number)
    }

    /// The content address of a callable, which the sink now knows: pickled at most once per graph.
    pub fn function(&mut self, object: &Py<PyAny>, sink: &mut dyn GraphSink) -> PyResult<FunctionId> {
        let address = object.as_ptr() as usize;
        if let Some(&id) = self.functions.get(&address) {
            return Ok(id);
        }
        let dumped = functions::dump(object.bind(self.py))?;
        sink.define_function(dumped.id, &dumped.payload)?;
        self.functions.insert(address, dumped.id);
        Ok(dumped.id)
    }
}

/// Puts annotations into a class. A callable among them is called with the key of `node`.
fn annotate(class: &mut TaskClass, annotations: &Bound<'_, PyDict>, node: &Node) -> PyResult<()> {
    let py = annotations.py();
    let others = PyDict::new(py);
    for (name, value) in annotations.iter() {
        let value = if value.is_callable() { value.call1((node.python_key(py)?,))? } else { value };
        if value.is_none() {
            continue;
        }
        match name.cast::<PyString>()?.to_str()? {
            "priority" => class.priority = priority(&value)?,
            "retries" => class.retries = whole(&value)?.clamp(0, i64::from(u32::MAX)) as u32,
            "allow_other_workers" => class.allow_other_workers = value.is_truthy()?,
            "workers" => {
                class.workers = if value.is_instance_of::<PyString>() {
                    vec![value.extract()?]
                } else {
                    value.try_iter()?.map(|worker| Ok(worker?.str()?.to_string())).collect::<PyResult<_>>()?
                };
            }
            "resources" => {
                let mut resources = Vec::new();
                for item in value.call_method0("items")?.try_iter()? {
                    let (name, amount): (Bound<'_, PyAny>, f64) = item?.extract()?;
                    resources.push((name.str()?.to_string(), amount));
                }
                class.resources = resources;
            }
            _ => others.set_item(name, value)?,
        }
    }
    if !others.is_empty() {
        let encoded = encode_value(others.as_any(), Capture::Copy, &mut NoDependencies)?;
        if !encoded.buffers.is_empty() {
            return Err(PyTypeError::new_err("annotations are too large"));
        }
        class.annotations = encoded.head.into();
    }
    Ok(())
}

fn whole(value: &Bound<'_, PyAny>) -> PyResult<i64> {
    if value.is_instance_of::<PyBool>() {
        return Ok(i64::from(value.is_truthy()?));
    }
    match value.extract::<i64>() {
        Ok(number) => Ok(number),
        Err(_) => Ok(value.extract::<f64>()? as i64),
    }
}

/// A priority is any number to the user and 32 bits to the scheduler: finer steps than 1 are lost, larger ones saturate.
fn priority(value: &Bound<'_, PyAny>) -> PyResult<i32> {
    Ok(whole(value)?.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32)
}
