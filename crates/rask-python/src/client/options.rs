//! What a user says of a call beside function and arguments.

use pyo3::prelude::*;
use rask_types::TaskClass;

/// Options of a call, checked by `rask.distributed.submission`.
#[pyclass(frozen, module = "rask._core")]
#[derive(Clone, PartialEq)]
pub struct TaskOptions {
    workers: Vec<String>,
    allow_other_workers: bool,
    resources: Vec<(String, f64)>,
    retries: u32,
    priority: i32,
}

#[pymethods]
impl TaskOptions {
    #[new]
    #[pyo3(signature = (*, workers, allow_other_workers, resources, retries, priority))]
    fn new(
        workers: Vec<String>,
        allow_other_workers: bool,
        resources: Vec<(String, f64)>,
        retries: i64,
        priority: i64,
    ) -> TaskOptions {
        TaskOptions {
            workers,
            allow_other_workers,
            resources,
            retries: retries.clamp(0, i64::from(u32::MAX)) as u32,
            priority: priority.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
        }
    }
}

impl TaskOptions {
    /// Puts the options into a class.
    pub fn apply(&self, class: &mut TaskClass) {
        class.workers = self.workers.clone();
        class.allow_other_workers = self.allow_other_workers;
        class.resources = self.resources.clone();
        class.retries = self.retries;
        class.priority = self.priority;
    }

    /// As annotations, for graphs.
    pub fn to_annotations<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyDict>> {
        let annotations = pyo3::types::PyDict::new(py);
        if !self.workers.is_empty() {
            annotations.set_item("workers", &self.workers)?;
            annotations.set_item("allow_other_workers", self.allow_other_workers)?;
        }
        if !self.resources.is_empty() {
            let resources = pyo3::types::PyDict::new(py);
            for (name, amount) in &self.resources {
                resources.set_item(name, amount)?;
            }
            annotations.set_item("resources", resources)?;
        }
        if self.retries > 0 {
            annotations.set_item("retries", self.retries)?;
        }
        if self.priority != 0 {
            annotations.set_item("priority", self.priority)?;
        }
        Ok(annotations)
    }
}
