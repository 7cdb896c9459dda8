//! One picture of a graph: what is in it, where it lies, and its JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use rask_graph::{Csr, Direction, Layout, LayoutOptions, Point, Size, layout};
use rask_scheduler::{Look, Views};
use rask_scheduler_core::view::{GraphTask, Group, Label};
use serde::Serialize;
use tokio::task::spawn_blocking;

use crate::failure::Failure;
use crate::pulse::to_json;
use crate::question::{SLOTS_PER_LOOK, ask};

/// Tasks in one picture; of more, their groups are shown.
pub(crate) const TASKS_MAX: usize = 1_000;
/// Groups in one picture, the first that there were.
const GROUPS_MAX: usize = 500;
/// Edges in one picture. More could neither be laid out in time nor seen.
const EDGES_MAX: usize = 10_000;

/// Room for a node, in the unit of the positions; a page may draw it smaller.
const TASK_SIZE: Size = Size { width: 24.0, height: 24.0 };
const GROUP_SIZE: Size = Size { width: 168.0, height: 48.0 };
/// Characters of a task's label.
const LABEL_MAX: usize = 24;

/// What there is to be drawn.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Content {
    nodes: Nodes,
    /// `(i, j)`: `j` depends on `i`.
    edges: Vec<(u32, u32)>,
}

#[derive(Clone, PartialEq, Debug)]
enum Nodes {
    Tasks(Vec<TaskNode>),
    Groups(Vec<Arc<str>>),
}

#[derive(Clone, PartialEq, Debug)]
struct TaskNode {
    id: u32,
    birth: u32,
    key: Label,
    prefix: Arc<str>,
}

/// What was found at one time.
pub(crate) struct Scan {
    pub content: Content,
    /// Of its tasks.
    pub states: Vec<&'static str>,
    /// Tasks that there are.
    pub total: u64,
    /// Tasks that had been made by then: when there are more, the picture may be outdated.
    pub created: u64,
}

/// A picture.
pub(crate) struct Picture {
    pub version: u64,
    pub scan: Scan,
    pub layout: Layout,
}

#[derive(Serialize)]
struct GraphMessage<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    of: &'static str,
    group: Option<&'a str>,
    version: u64,
    total: u64,
    shown: usize,
    width: f64,
    height: f64,
    nodes: Vec<Node<'a>>,
    edges: &'a [(u32, u32)],
}

#[derive(Serialize)]
#[serde(untagged)]
enum Node<'a> {
    Task { key: &'a Label, label: String, prefix: &'a str, state: &'static str, x: f64, y: f64 },
    Group { prefix: &'a str, x: f64, y: f64 },
}

/// A picture for one who asks once. No states follow it, so its version is none: 0.
pub(crate) async fn once(views: &Views, group: Option<&str>) -> Result<String, Failure> {
    let scan = scan(views, group).await?;
    let content = scan.content.clone();
    let placed = spawn_blocking(move || content.place()).await;
    let layout = placed.map_err(|_| {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the layout of this graph met a bug in rask")
    })?;
    Picture { version: 0, scan, layout }.to_json(group)
}

/// Looks at the tasks of a group, or at all; at the groups if these are too many.
///
/// # Errors
/// If the scheduler does not answer.
pub(crate) async fn scan(views: &Views, group: Option<&str>) -> Result<Scan, Failure> {
    let wanted = group.map(str::to_owned);
    let begin = move |look: Look<'_>| {
        let groups = look.core.groups();
        let of_group =
            |name: &str| groups.iter().find(|group| &*group.prefix == name).map_or(0, |group| group.tasks);
        let total = wanted.as_deref().map_or(look.core.task_count() as u64, of_group);
        (groups, total, look.core.tasks_created())
    };
    let (groups, total, created) = ask(views, begin).await?;
    if group.is_none() && total > TASKS_MAX as u64 {
        return Ok(Scan { content: content_of_groups(&groups), states: Vec::new(), total, created });
    }
    let mut tasks = Vec::new();
    let mut next = Some(0);
    while let Some(from) = next
        && tasks.len() < TASKS_MAX
    {
        let (group, tasks_max) = (group.map(str::to_owned), TASKS_MAX - tasks.len());
        let look =
            move |look: Look<'_>| look.core.scan_graph(from, SLOTS_PER_LOOK, tasks_max, group.as_deref());
        let found = ask(views, look).await?;
        tasks.extend(found.tasks);
        next = found.next;
    }
    // What was submitted together lies together.
    tasks.sort_by_key(|task| (task.order, task.id));
    let states = tasks.iter().map(|task| task.state).collect();
    Ok(Scan { content: content_of_tasks(tasks), states, total, created })
}

fn content_of_tasks(tasks: Vec<GraphTask>) -> Content {
    let number: BTreeMap<u32, u32> = tasks.iter().map(|task| task.id).zip(0..).collect();
    let mut edges = Vec::new();
    for (task, to) in tasks.iter().zip(0..) {
        edges.extend(task.dependencies.iter().filter_map(|id| Some((*number.get(id)?, to))));
    }
    let node =
        |task: GraphTask| TaskNode { id: task.id, birth: task.birth, key: task.key, prefix: task.prefix };
    Content { nodes: Nodes::Tasks(tasks.into_iter().map(node).collect()), edges: in_bounds(edges) }
}

fn content_of_groups(groups: &[Group]) -> Content {
    let groups = &groups[..groups.len().min(GROUPS_MAX)];
    let number: BTreeMap<&str, u32> = groups.iter().map(|group| &*group.prefix).zip(0..).collect();
    let mut edges = Vec::new();
    for (group, to) in groups.iter().zip(0..) {
        edges.extend(group.needs.iter().filter_map(|need| Some((*number.get(&**need)?, to))));
    }
    let prefixes = groups.iter().map(|group| group.prefix.clone()).collect();
    Content { nodes: Nodes::Groups(prefixes), edges: in_bounds(edges) }
}

fn in_bounds(mut edges: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    edges.sort_unstable();
    edges.dedup();
    edges.truncate(EDGES_MAX);
    edges
}

impl Content {
    /// Whose states are asked for, by id and birth; none for groups.
    pub fn tasks(&self) -> Vec<(u32, u32)> {
        match &self.nodes {
            Nodes::Tasks(tasks) => tasks.iter().map(|task| (task.id, task.birth)).collect(),
            Nodes::Groups(_) => Vec::new(),
        }
    }

    pub fn is_of_groups(&self) -> bool {
        matches!(self.nodes, Nodes::Groups(_))
    }

    fn len(&self) -> usize {
        match &self.nodes {
            Nodes::Tasks(tasks) => tasks.len(),
            Nodes::Groups(prefixes) => prefixes.len(),
        }
    }

    /// Where everything goes: from left to right, what is needed before what needs it.
    pub fn place(&self) -> Layout {
        let size = if self.is_of_groups() { GROUP_SIZE } else { TASK_SIZE };
        let sizes = vec![size; self.len()];
        let options = LayoutOptions { direction: Direction::LeftToRight, ..LayoutOptions::default() };
        // Groups may need each other. Then edges against the order of their coming are laid out turned.
        let graph =
            |turned| Csr::from_lists(&self.dependencies(turned)).expect("all edges are between nodes");
        let placed = layout(&graph(false), &sizes, &options);
        placed.unwrap_or_else(|_| {
            layout(&graph(true), &sizes, &options).expect("all edges go to higher numbers")
        })
    }

    fn dependencies(&self, turned: bool) -> Vec<Vec<u32>> {
        let mut lists = vec![Vec::new(); self.len()];
        for &(from, to) in self.edges.iter().filter(|(from, to)| from != to) {
            let (from, to) = if turned { (from.min(to), from.max(to)) } else { (from, to) };
            lists[to as usize].push(from);
        }
        for list in &mut lists {
            list.sort_unstable();
            list.dedup();
        }
        lists
    }
}

impl TaskNode {
    fn placed(&self, state: &'static str, place: &Point) -> Node<'_> {
        let TaskNode { key, prefix, .. } = self;
        Node::Task { key, label: short(key), prefix, state, x: place.x, y: place.y }
    }
}

impl Picture {
    fn nodes(&self) -> Vec<Node<'_>> {
        let Picture { scan: Scan { content, states, .. }, layout, .. } = self;
        match &content.nodes {
            Nodes::Tasks(tasks) => {
                let placed = tasks.iter().zip(states).zip(&layout.nodes);
                placed.map(|((task, state), place)| task.placed(state, place)).collect()
            }
            Nodes::Groups(prefixes) => {
                let placed = prefixes.iter().zip(&layout.nodes);
                placed.map(|(prefix, place)| Node::Group { prefix, x: place.x, y: place.y }).collect()
            }
        }
    }

    /// As a page gets it.
    pub fn to_json(&self, group: Option<&str>) -> Result<String, Failure> {
        let Picture { version, scan: Scan { content, total, .. }, layout } = self;
        let nodes = self.nodes();
        to_json(&GraphMessage {
            kind: "graph",
            of: if content.is_of_groups() { "groups" } else { "tasks" },
            group,
            version: *version,
            total: *total,
            shown: nodes.len(),
            width: layout.width,
            height: layout.height,
            nodes,
            edges: &content.edges,
        })
    }
}

/// What fits beside a node.
fn short(key: &Label) -> String {
    let text = match key {
        Label::Generated(prefix, _) => prefix.to_string(),
        named => named.to_string(),
    };
    if text.chars().count() <= LABEL_MAX {
        return text;
    }
    text.chars().take(LABEL_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(needs: &[&[&str]]) -> Vec<Group> {
        let names = ["a", "b", "c", "d"];
        let list = |needs: &&[&str]| needs.iter().map(|&need| need.into()).collect();
        let group = |(name, needs)| Group { prefix: Arc::from(name), tasks: 1, needs: list(needs) };
        names.into_iter().zip(needs).map(group).collect()
    }

    fn xs(content: &Content) -> Vec<f64> {
        content.place().nodes.iter().map(|node| node.x).collect()
    }

    #[test]
    fn what_is_needed_lies_to_the_left() {
        let content = content_of_groups(&groups(&[&["c", "gone"], &["a"], &[], &["c", "b"]]));
        assert_eq!(content.edges, [(0, 1), (1, 3), (2, 0), (2, 3)]);
        let x = xs(&content);
        assert!(x[2] < x[0] && x[0] < x[1] && x[1] < x[3], "{x:?}");
    }

    #[test]
    fn groups_that_need_each_other_are_laid_out_too() {
        let x = xs(&content_of_groups(&groups(&[&["a", "b"], &["a"], &["b"]])));
        assert!(x[0] < x[1] && x[1] < x[2], "{x:?}");
    }

    #[test]
    fn labels_are_short() {
        assert_eq!(short(&Label::Generated("inc".into(), 7)), "inc");
        let named = |text: &str| Label::Named(rask_types::Key::Str(text.into()).to_canonical().into());
        assert_eq!(short(&named("my-key")), "my-key");
        assert_eq!(short(&named(&"é".repeat(30))), format!("{}…", "é".repeat(23)));
    }
}
