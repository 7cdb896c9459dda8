//! Orders of the usual shapes: always valid, and as frugal as they can or should be.

use rask_graph::{Csr, CsrBuilder, order, pressure, run_sequence};

/// Builds a graph node by node; ids are handed out in the order of the calls.
#[derive(Default)]
struct Shape(CsrBuilder);

impl Shape {
    fn add(&mut self, dependencies: &[u32]) -> u32 {
        self.0.push(dependencies.iter().copied());
        self.0.len() as u32 - 1
    }

    fn loads(&mut self, count: usize) -> Vec<u32> {
        (0..count).map(|_| self.add(&[])).collect()
    }

    fn tree(&mut self, mut level: Vec<u32>, arity: usize) -> u32 {
        while level.len() > 1 {
            level = level.chunks(arity).map(|chunk| self.add(chunk)).collect();
        }
        level[0]
    }

    fn finish(self) -> Csr {
        self.0.finish().expect("a graph")
    }
}

fn valid_order(graph: &Csr, outputs: &[u32]) -> Vec<u32> {
    let priorities = order(graph, outputs).expect("no cycle");
    let mut sorted = run_sequence(&priorities);
    sorted.sort_unstable();
    assert!(sorted.iter().copied().eq(graph.nodes()), "every node has one place");
    for node in graph.nodes() {
        for &dependency in graph.dependencies(node) {
            assert!(
                priorities[dependency as usize] < priorities[node as usize],
                "{dependency} before {node}"
            );
        }
    }
    priorities
}

fn peak(graph: &Csr) -> u32 {
    pressure(graph, &valid_order(graph, &[]), &[]).peak
}

#[test]
fn a_binary_tree_of_64_needs_a_value_per_level() {
    let mut shape = Shape::default();
    let loads = shape.loads(64);
    shape.tree(loads, 2);
    assert_eq!(peak(&shape.finish()), 8);
}

#[test]
fn the_heavy_branch_goes_first() {
    // A chain of pairs: each level adds one leaf to what is below. In the order of the lists it would take 21.
    let mut shape = Shape::default();
    let mut below = shape.add(&[]);
    for _ in 0..20 {
        let leaf = shape.add(&[]);
        below = shape.add(&[leaf, below]);
    }
    assert_eq!(peak(&shape.finish()), 3);
}

#[test]
fn chains_beside_each_other_run_one_after_the_other() {
    let mut shape = Shape::default();
    let mut level = shape.loads(20);
    for _ in 1..20 {
        level = level.iter().map(|&below| shape.add(&[below])).collect();
    }
    let graph = shape.finish();
    assert_eq!(peak(&graph), 2);
    let sequence = run_sequence(&valid_order(&graph, &[]));
    assert_eq!(sequence[..3], [0, 20, 40]);
    assert_eq!(sequence[20..22], [1, 21]);
}

#[test]
fn a_load_is_used_up_before_the_next() {
    let mut shape = Shape::default();
    for _ in 0..10 {
        let load = shape.add(&[]);
        for _ in 0..20 {
            let part = shape.add(&[load]);
            shape.add(&[part]);
        }
    }
    assert_eq!(peak(&shape.finish()), 3);
}

#[test]
fn two_reductions_of_the_same_loads_go_hand_in_hand() {
    let mut shape = Shape::default();
    let loads = shape.loads(100);
    let first = loads.iter().map(|&load| shape.add(&[load])).collect();
    // The second needs another input for each: only a look ahead finds that making it pays.
    let others: Vec<u32> = loads.iter().map(|_| shape.add(&[])).collect();
    let second = loads.iter().zip(&others).map(|(&load, &other)| shape.add(&[load, other])).collect();
    shape.tree(first, 4);
    shape.tree(second, 4);
    assert!(peak(&shape.finish()) <= 25);
}

#[test]
fn a_stencil_is_swept() {
    let mut shape = Shape::default();
    let mut level = shape.loads(50);
    for _ in 1..8 {
        level = (0..50usize).map(|i| shape.add(&level[i.saturating_sub(1)..(i + 2).min(50)])).collect();
    }
    assert!(peak(&shape.finish()) <= 17);
}

#[test]
fn blocked_matmul_keeps_little_more_than_its_inputs() {
    let n = 8;
    let mut shape = Shape::default();
    let (a, b) = (shape.loads(n * n), shape.loads(n * n));
    for i in 0..n {
        for j in 0..n {
            let products: Vec<u32> = (0..n).map(|k| shape.add(&[a[i * n + k], b[k * n + j]])).collect();
            shape.add(&products);
        }
    }
    // A row of A, all of B, and the products of one cell.
    assert!(peak(&shape.finish()) <= (n * n + 3 * n) as u32);
}

#[test]
fn a_shuffle_keeps_inputs_and_not_all_pieces() {
    let mut shape = Shape::default();
    let loads = shape.loads(16);
    let pieces: Vec<Vec<u32>> =
        loads.iter().map(|&load| (0..16).map(|_| shape.add(&[load])).collect()).collect();
    for j in 0..16 {
        let column: Vec<u32> = pieces.iter().map(|row| row[j]).collect();
        shape.add(&column);
    }
    assert_eq!(peak(&shape.finish()), 33);
}

#[test]
fn independent_tasks_run_in_the_order_given() {
    let mut shape = Shape::default();
    let loads = shape.loads(5);
    let sum = shape.add(&loads);
    let alone = shape.add(&[]);
    let graph = shape.finish();
    assert_eq!(valid_order(&graph, &[]), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(run_sequence(&valid_order(&graph, &[alone, sum]))[..2], [alone, 0]);
}

#[test]
fn outputs_come_in_the_order_given() {
    let mut shape = Shape::default();
    let (a, b) = (shape.add(&[]), shape.add(&[]));
    let (a, b) = (shape.add(&[a]), shape.add(&[b]));
    let (a, b) = (shape.add(&[a]), shape.add(&[b]));
    let graph = shape.finish();
    assert_eq!(run_sequence(&valid_order(&graph, &[b, a])), [1, 3, 5, 0, 2, 4]);
}

#[test]
fn using_a_kept_value_frees_nothing() {
    let mut shape = Shape::default();
    let kept = shape.add(&[]);
    let user = shape.add(&[kept]);
    let loads = shape.loads(4);
    let tree = shape.tree(loads, 2);
    let sum = shape.add(&[user, tree]);
    let graph = shape.finish();
    // Were it not kept, its user would let go of it and run at once; so it waits until the tree is done.
    let sequence = run_sequence(&valid_order(&graph, &[kept, sum]));
    assert_eq!(sequence[0], kept);
    assert_eq!(sequence[sequence.len() - 2..], [user, sum]);
}

#[test]
fn a_cycle_is_reported() {
    let graph = Csr::from_lists(&[vec![1], vec![0], vec![]]).unwrap();
    assert_eq!(order(&graph, &[]).unwrap_err().path, [0, 1, 0]);
}

#[test]
fn the_empty_graph_has_the_empty_order() {
    assert!(order(&CsrBuilder::new().finish().unwrap(), &[]).unwrap().is_empty());
}

#[test]
fn a_million_tasks_deep_or_wide() {
    let n = 1_000_000;
    let mut chain = Shape::default();
    let mut reversed = CsrBuilder::new();
    let mut last: Option<u32> = None;
    for i in 0..n {
        last = Some(chain.add(last.as_slice()));
        reversed.push((i + 1 < n).then_some(i + 1));
    }
    assert_eq!(peak(&chain.finish()), 2);
    assert_eq!(peak(&reversed.finish().unwrap()), 2);
    let mut wide = Shape::default();
    let load = wide.add(&[]);
    let uses: Vec<u32> = (0..n).map(|_| wide.add(&[load])).collect();
    wide.add(&uses);
    assert_eq!(peak(&wide.finish()), n + 1);
}
