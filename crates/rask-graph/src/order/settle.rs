//! A look a few tasks ahead: is there something whose completion costs nothing, though its first step does?
//!
//! Say `mean` gathers all `f(x)` and `weighted` all `g(x, w)`. On the way to `mean`, each `x` stays alive for
//! `g(x, w)`, which is not ready for want of `w`. Making `w` costs one value, `g` lets go of two: doing both at once
//! keeps one value alive where going straight on to `mean` would keep every `x`.

use super::walk::Walk;

/// How many tasks, and how many of their dependencies, are looked at before giving up. These bound the cost of the
/// look; what takes more steps than that is rarely free.
const TASKS_MAX: usize = 8;
const USES_MAX: usize = 24;

/// A target and the tasks it misses, few enough to be counted.
pub(super) struct Tasks {
    tasks: [u32; TASKS_MAX],
    tasks_len: usize,
    /// Each value they use, and how many of them use it.
    uses: [(u32, u32); USES_MAX],
    uses_len: usize,
}

impl Tasks {
    /// `None` when there are too many.
    pub fn missing_for(walk: &Walk<'_>, target: u32) -> Option<Tasks> {
        let mut found =
            Tasks { tasks: [target; TASKS_MAX], tasks_len: 1, uses: [(0, 0); USES_MAX], uses_len: 0 };
        let mut next = 0;
        while next < found.tasks_len {
            for &dependency in walk.graph.dependencies(found.tasks[next]) {
                found.count_use(walk, dependency)?;
            }
            next += 1;
        }
        Some(found)
    }

    fn count_use(&mut self, walk: &Walk<'_>, dependency: u32) -> Option<()> {
        if let Some((_, count)) =
            self.uses[..self.uses_len].iter_mut().find(|(value, _)| *value == dependency)
        {
            *count += 1;
            return Some(());
        }
        *self.uses.get_mut(self.uses_len)? = (dependency, 1);
        self.uses_len += 1;
        if !walk.progress[dependency as usize].has_run() {
            *self.tasks.get_mut(self.tasks_len)? = dependency;
            self.tasks_len += 1;
        }
        Some(())
    }

    /// Whether running them all leaves no more values alive than before.
    pub fn cost_nothing(&self, walk: &Walk<'_>) -> bool {
        let mut made = i32::from(!walk.progress[self.tasks[0] as usize].kept);
        for &(value, count) in &self.uses[..self.uses_len] {
            let progress = &walk.progress[value as usize];
            let is_last_use = progress.waiting == count;
            made += match (progress.kept, progress.has_run()) {
                (true, _) => 0,
                (false, true) => -i32::from(is_last_use),
                (false, false) => i32::from(!is_last_use),
            };
        }
        made <= 0
    }
}
