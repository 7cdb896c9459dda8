//! What holds for every graph, tried on random ones.

use proptest::prelude::*;
use rask_graph::{
    CULLED, Csr, Direction, LayoutOptions, Size, cull, find_cycle, fuse_chains, layout, needed, order,
    pressure, run_sequence, topological_order,
};

/// Any graph, cycles included.
fn any_graph() -> impl Strategy<Value = Csr> {
    (1u32..40).prop_flat_map(|nodes| {
        prop::collection::vec(prop::collection::vec(0..nodes, 0..4), nodes as usize)
            .prop_map(|lists| Csr::from_lists(&lists).expect("ids are in range"))
    })
}

/// A graph without cycles whose ids say nothing: dependencies point down before the nodes are renamed.
fn any_dag() -> impl Strategy<Value = Csr> {
    (1usize..60)
        .prop_flat_map(|nodes| {
            let names = Just((0..nodes as u32).collect::<Vec<_>>()).prop_shuffle();
            (prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..4), nodes), names)
        })
        .prop_map(|(picks, names)| {
            let mut lists = vec![Vec::new(); names.len()];
            for (i, picks) in picks.iter().enumerate().skip(1) {
                lists[names[i] as usize] = picks.iter().map(|pick| names[pick.index(i)]).collect();
            }
            Csr::from_lists(&lists).expect("ids are in range")
        })
}

fn dag_and_outputs() -> impl Strategy<Value = (Csr, Vec<u32>)> {
    any_dag().prop_flat_map(|graph| {
        let nodes = graph.len() as u32;
        (Just(graph), prop::collection::vec(0..nodes, 0..5))
    })
}

proptest! {
    #[test]
    fn edges_read_the_same_both_ways(graph in any_graph()) {
        let mut forward: Vec<(u32, u32)> = Vec::new();
        let mut backward: Vec<(u32, u32)> = Vec::new();
        for node in graph.nodes() {
            forward.extend(graph.dependencies(node).iter().map(|&dependency| (dependency, node)));
            backward.extend(graph.dependents(node).iter().map(|&dependent| (node, dependent)));
        }
        forward.sort_unstable();
        prop_assert_eq!(forward.len(), graph.edge_count());
        prop_assert_eq!(forward, backward);
    }

    #[test]
    fn either_a_topological_order_or_a_cycle(graph in any_graph()) {
        match topological_order(&graph) {
            Ok(sequence) => {
                prop_assert_eq!(find_cycle(&graph), None);
                let mut place = vec![usize::MAX; graph.len()];
                for (i, &node) in sequence.iter().enumerate() {
                    place[node as usize] = i;
                }
                for node in graph.nodes() {
                    for &dependency in graph.dependencies(node) {
                        prop_assert!(place[dependency as usize] < place[node as usize]);
                    }
                }
            }
            Err(cycle) => {
                prop_assert!(order(&graph, &[]).is_err());
                prop_assert!(cycle.path.len() >= 2);
                prop_assert_eq!(cycle.path.first(), cycle.path.last());
                for step in cycle.path.windows(2) {
                    prop_assert!(graph.dependencies(step[0]).contains(&step[1]));
                }
                let mut inner = cycle.path[1..].to_vec();
                inner.sort_unstable();
                inner.dedup();
                prop_assert_eq!(inner.len(), cycle.path.len() - 1);
            }
        }
    }

    #[test]
    fn culling_keeps_what_is_needed_and_its_edges((graph, outputs) in dag_and_outputs()) {
        let culled = cull(&graph, &outputs);
        let needed = needed(&graph, &outputs);
        prop_assert!(culled.old_of_new.is_sorted());
        for node in graph.nodes() {
            let new = culled.new_of_old[node as usize];
            let must_stay = outputs.contains(&node)
                || graph.dependents(node).iter().any(|&dependent| needed[dependent as usize]);
            prop_assert_eq!(new != CULLED, must_stay);
            prop_assert_eq!(needed[node as usize], must_stay);
            if must_stay {
                prop_assert_eq!(culled.old_of_new[new as usize], node);
                let renamed: Vec<u32> =
                    graph.dependencies(node).iter().map(|&old| culled.new_of_old[old as usize]).collect();
                prop_assert_eq!(culled.graph.dependencies(new), &renamed[..]);
            }
        }
    }

    #[test]
    fn an_order_is_a_permutation_with_dependencies_first((graph, outputs) in dag_and_outputs()) {
        let priorities = order(&graph, &outputs).unwrap();
        let mut sorted = priorities.clone();
        sorted.sort_unstable();
        prop_assert!(sorted.iter().copied().eq(graph.nodes()));
        for node in graph.nodes() {
            for &dependency in graph.dependencies(node) {
                prop_assert!(priorities[dependency as usize] < priorities[node as usize]);
            }
        }
        prop_assert_eq!(order(&graph, &outputs).unwrap(), priorities);
    }

    #[test]
    fn pressure_agrees_with_counting_by_hand((graph, kept) in dag_and_outputs()) {
        let priorities = order(&graph, &kept).unwrap();
        let mut peak = 0;
        for now in 0..graph.len() as u32 {
            let is_alive = |&node: &u32| {
                let made = priorities[node as usize];
                let last_use = graph.dependents(node).iter().map(|&user| priorities[user as usize]).max();
                made <= now && (kept.contains(&node) || last_use.unwrap_or(made) >= now)
            };
            peak = peak.max(graph.nodes().filter(is_alive).count() as u32);
        }
        prop_assert_eq!(pressure(&graph, &priorities, &kept).peak, peak);
        prop_assert_eq!(run_sequence(&priorities).len(), graph.len());
    }

    #[test]
    fn fused_groups_are_chains_of_the_willing(
        (graph, keep) in dag_and_outputs(),
        unwilling in prop::collection::vec(0u32..60, 0..4),
    ) {
        let may_fuse = |node: u32| !unwilling.contains(&node);
        let fused = fuse_chains(&graph, may_fuse, &keep);
        let mut seen = vec![false; graph.len()];
        for group in 0..fused.len() as u32 {
            let members = fused.members(group);
            for &member in members {
                prop_assert!(!std::mem::replace(&mut seen[member as usize], true));
                prop_assert_eq!(fused.group_of(member), group);
                prop_assert!(members.len() == 1 || may_fuse(member));
            }
            for link in members.windows(2) {
                prop_assert_eq!(graph.dependencies(link[1]), &link[..1]);
                prop_assert_eq!(graph.dependents(link[0]), &link[1..]);
                prop_assert!(!keep.contains(&link[0]));
            }
            // As long as it can be: the next link would break a rule.
            let last = fused.last(group);
            if let &[next] = graph.dependents(last) {
                prop_assert!(
                    graph.dependencies(next).len() > 1 || keep.contains(&last)
                        || !may_fuse(last) || !may_fuse(next)
                );
            }
        }
        prop_assert!(seen.iter().all(|&seen| seen));
        prop_assert!(topological_order(&fused.graph(&graph)).is_ok());
    }

    #[test]
    fn drawings_keep_nodes_apart_and_edges_running_one_way(
        graph in any_dag(),
        extents in prop::collection::vec((1.0f64..100.0, 1.0f64..50.0), 60),
    ) {
        let sizes: Vec<Size> = extents.iter().map(|&(width, height)| Size { width, height }).collect();
        for direction in
            [Direction::TopToBottom, Direction::BottomToTop, Direction::LeftToRight, Direction::RightToLeft]
        {
            let options = LayoutOptions { direction, ..LayoutOptions::default() };
            let drawing = layout(&graph, &sizes, &options).unwrap();
            prop_assert_eq!(drawing.routes.len(), graph.edge_count());
            let ahead = |from: u32, to: u32| {
                let (from, to) = (drawing.nodes[from as usize], drawing.nodes[to as usize]);
                match direction {
                    Direction::TopToBottom => to.y - from.y,
                    Direction::BottomToTop => from.y - to.y,
                    Direction::LeftToRight => to.x - from.x,
                    Direction::RightToLeft => from.x - to.x,
                }
            };
            for route in &drawing.routes {
                prop_assert!(graph.dependencies(route.to).contains(&route.from));
                prop_assert!(ahead(route.from, route.to) >= options.rank_gap);
                prop_assert_eq!(route.points.first(), Some(&drawing.nodes[route.from as usize]));
                prop_assert_eq!(route.points.last(), Some(&drawing.nodes[route.to as usize]));
            }
            for a in graph.nodes() {
                let (at, size) = (drawing.nodes[a as usize], sizes[a as usize]);
                prop_assert!(at.x - size.width / 2.0 > -0.001 && at.x + size.width / 2.0 < drawing.width + 0.001);
                prop_assert!(at.y - size.height / 2.0 > -0.001 && at.y + size.height / 2.0 < drawing.height + 0.001);
                for b in 0..a {
                    let (other, other_size) = (drawing.nodes[b as usize], sizes[b as usize]);
                    let apart_x = (at.x - other.x).abs() - (size.width + other_size.width) / 2.0;
                    let apart_y = (at.y - other.y).abs() - (size.height + other_size.height) / 2.0;
                    prop_assert!(apart_x.max(apart_y) > 1.0, "{} and {} overlap", a, b);
                }
            }
        }
    }
}
