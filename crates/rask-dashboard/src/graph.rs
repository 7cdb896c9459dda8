//! The graphs that open pages watch. Those that watch the same one share its picture, and what follows it.

use std::collections::BTreeMap;
use std::time::Duration;

use rask_graph::Layout;
use rask_scheduler::Views;
use serde::Serialize;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout};

use crate::failure::Failure;
use crate::pages::{Group, Pages};
use crate::picture::{Picture, Scan, TASKS_MAX, scan};
use crate::pulse::to_json;
use crate::question::ask;

/// A picture is not made anew before it is this old.
const PICTURE_AGE_MIN: Duration = Duration::from_secs(2);
/// The beat waits that long for a layout, which mostly takes less; else the picture comes with a later beat.
const LAYOUT_WAIT: Duration = Duration::from_millis(100);
/// Graphs that are looked at in one beat. The others have their turn in the next ones.
const GRAPHS_PER_BEAT: usize = 2;

#[derive(Serialize)]
struct StatesMessage<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    version: u64,
    states: &'a [(usize, &'static str)],
}

/// All that are watched.
#[derive(Default)]
pub(crate) struct Graphs {
    watched: BTreeMap<Group, Watched>,
    /// Pictures made so far.
    pictures: u64,
    /// The one that had its turn last.
    last: Option<Group>,
}

#[derive(Default)]
struct Watched {
    picture: Option<Picture>,
    /// Its successor, while it is being laid out.
    pending: Option<(Scan, JoinHandle<Layout>)>,
    scanned: Option<Instant>,
}

impl Graphs {
    /// Says what is new of the graphs that are watched.
    ///
    /// # Errors
    /// If the scheduler does not answer.
    pub async fn next(&mut self, views: &Views, pages: &mut Pages) -> Result<(), Failure> {
        let groups = pages.watched();
        self.watched.retain(|group, _| groups.contains(group));
        let start = groups.iter().position(|group| Some(group) > self.last.as_ref()).unwrap_or(0);
        for group in groups.iter().cycle().skip(start).take(groups.len().min(GRAPHS_PER_BEAT)) {
            self.last = Some(group.clone());
            let watched = self.watched.entry(group.clone()).or_default();
            watched.renew(views, group, &mut self.pictures).await?;
            watched.say(views, group, pages).await?;
        }
        Ok(())
    }
}

impl Watched {
    /// Makes another picture if tasks were made since the last one, or are so few now that they can be shown instead of groups.
    async fn renew(&mut self, views: &Views, group: &Group, pictures: &mut u64) -> Result<(), Failure> {
        let is_due = self.scanned.is_none_or(|at| at.elapsed() >= PICTURE_AGE_MIN);
        if self.pending.is_none() && is_due && self.is_outdated(views).await? {
            self.scanned = Some(Instant::now());
            let scan = scan(views, group.as_deref()).await?;
            match &mut self.picture {
                // The new tasks are others, or in groups that are drawn already.
                Some(picture) if picture.scan.content == scan.content => picture.scan.created = scan.created,
                _ => {
                    let content = scan.content.clone();
                    self.pending = Some((scan, spawn_blocking(move || content.place())));
                }
            }
        }
        if let Some((_, layout)) = &mut self.pending
            && let Ok(placed) = timeout(LAYOUT_WAIT, layout).await
            && let Some((scan, _)) = self.pending.take()
            // A layout that panicked has met a bug of ours, and is tried again when there are other tasks.
            && let Ok(layout) = placed
        {
            *pictures += 1;
            self.picture = Some(Picture { version: *pictures, scan, layout });
        }
        Ok(())
    }

    async fn is_outdated(&self, views: &Views) -> Result<bool, Failure> {
        let Some(Picture { scan, .. }) = &self.picture else { return Ok(true) };
        let look = |look: rask_scheduler::Look<'_>| (look.core.tasks_created(), look.core.task_count());
        let (created, count) = ask(views, look).await?;
        Ok(created != scan.created || scan.content.is_of_groups() && count <= TASKS_MAX)
    }

    /// Says new states to those who have the picture, and the picture to the others.
    async fn say(&mut self, views: &Views, group: &Group, pages: &mut Pages) -> Result<(), Failure> {
        let Some(picture) = &mut self.picture else { return Ok(()) };
        let changed = changed_states(views, &mut picture.scan).await?;
        let message = StatesMessage { kind: "graph-states", version: picture.version, states: &changed };
        let states = if changed.is_empty() { None } else { Some(to_json(&message)?.into()) };
        let is_wanted = pages.want_picture(group, picture.version);
        let whole = if is_wanted { Some(picture.to_json(group.as_deref())?.into()) } else { None };
        pages.say_graph(group, picture.version, states.as_ref(), whole.as_ref());
        Ok(())
    }
}

/// Nodes whose tasks are in another state than before, and that state.
async fn changed_states(views: &Views, scan: &mut Scan) -> Result<Vec<(usize, &'static str)>, Failure> {
    let tasks = scan.content.tasks();
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    let states = ask(views, move |look| look.core.states_of(&tasks)).await?;
    let before = std::mem::replace(&mut scan.states, states);
    let pairs = scan.states.iter().zip(before).enumerate();
    Ok(pairs.filter(|(_, (now, before))| **now != *before).map(|(node, (now, _))| (node, *now)).collect())
}
