//! A task's dependencies: a list that does not change, mostly of few tasks, which then lie in place.

use std::ops::Deref;

use rask_types::TaskId;

/// So many lie in place. With them the list takes sixteen bytes.
const IN_PLACE_MAX: usize = 3;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) enum TaskList {
    Few { len: u8, tasks: [TaskId; IN_PLACE_MAX] },
    Many(Box<Box<[TaskId]>>),
}

impl Default for TaskList {
    fn default() -> Self {
        TaskList::Few { len: 0, tasks: [TaskId(0); IN_PLACE_MAX] }
    }
}

impl TaskList {
    /// What `find` says of each item, in order; `None` if it does of one.
    #[inline]
    pub(crate) fn find_all<T>(items: &[T], find: impl Fn(&T) -> Option<TaskId>) -> Option<TaskList> {
        if items.len() > IN_PLACE_MAX {
            let tasks: Option<Box<[TaskId]>> = items.iter().map(find).collect();
            return tasks.map(|tasks| TaskList::Many(Box::new(tasks)));
        }
        let mut tasks = [TaskId(0); IN_PLACE_MAX];
        for (task, item) in tasks.iter_mut().zip(items) {
            *task = find(item)?;
        }
        Some(TaskList::Few { len: items.len() as u8, tasks })
    }
}

impl Deref for TaskList {
    type Target = [TaskId];
    #[inline]
    fn deref(&self) -> &[TaskId] {
        match self {
            TaskList::Few { len, tasks } => &tasks[..usize::from(*len)],
            TaskList::Many(tasks) => tasks,
        }
    }
}

impl<'a> IntoIterator for &'a TaskList {
    type Item = &'a TaskId;
    type IntoIter = std::slice::Iter<'a, TaskId>;
    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_are_the_same_to_see() {
        for n in 0..6 {
            let tasks: Vec<TaskId> = (0..n).map(TaskId).collect();
            let list = TaskList::find_all(&tasks, |&task| Some(task)).expect("all are found");
            assert_eq!(*list, *tasks);
            let missing = TaskList::find_all(&tasks, |&task| (task.0 + 1 < n).then_some(task));
            assert_eq!(missing.is_some(), n == 0);
        }
        assert_eq!(size_of::<TaskList>(), 16);
    }
}
