//! Draws the pictures that this crate is judged by, into the folder given (else the current one), and tells how long
//! each took.

use rask_draw::{Color, Direction, Node, Picture, Shape, to_dot, to_png, to_svg};
use std::path::PathBuf;
use std::time::Instant;

fn add(picture: &mut Picture, label: &str, shape: Shape, dependencies: &[u32]) -> u32 {
    let id = picture.nodes.len() as u32;
    picture.nodes.push(Node::new(label, shape));
    picture.edges.extend(dependencies.iter().map(|&dependency| (dependency, id)));
    id
}

fn three() -> Picture {
    let mut picture = Picture::default();
    let x = add(&mut picture, "inc", Shape::Circle, &[]);
    let y = add(&mut picture, "inc", Shape::Circle, &[]);
    add(&mut picture, "add", Shape::Circle, &[x, y]);
    picture
}

fn three_with_data() -> Picture {
    let mut picture = Picture::default();
    let results: Vec<u32> = (0..2)
        .map(|i| {
            let argument = add(&mut picture, &format!("{}", i + 1), Shape::Box, &[]);
            let call = add(&mut picture, "inc", Shape::Circle, &[argument]);
            add(&mut picture, &format!("inc-{i}"), Shape::Box, &[call])
        })
        .collect();
    let call = add(&mut picture, "add", Shape::Circle, &results);
    add(&mut picture, "add-d8a3f4e1", Shape::Box, &[call]);
    picture
}

fn map_mult_sum() -> Picture {
    let mut picture = Picture::default();
    let loads: Vec<u32> = (0..8).map(|_| add(&mut picture, "random_inc", Shape::Circle, &[])).collect();
    let mults: Vec<u32> =
        loads.iter().map(|&load| add(&mut picture, "mult", Shape::Circle, &[load])).collect();
    add(&mut picture, "sum", Shape::Circle, &mults);
    picture
}

fn pairwise(count: usize) -> Picture {
    let mut picture = Picture::default();
    let mut level: Vec<u32> = (0..count).map(|_| add(&mut picture, "load", Shape::Circle, &[])).collect();
    while level.len() > 1 {
        let odd = (level.len() % 2 == 1).then(|| level[level.len() - 1]);
        level = level.chunks_exact(2).map(|pair| add(&mut picture, "add", Shape::Circle, pair)).collect();
        level.extend(odd);
    }
    picture
}

fn fibonacci() -> Picture {
    let mut picture = Picture { rankdir: Direction::LeftToRight, ..Picture::default() };
    let mut pair = (add(&mut picture, "0", Shape::Box, &[]), add(&mut picture, "1", Shape::Box, &[]));
    for _ in 0..8 {
        let next = add(&mut picture, "add", Shape::Circle, &[pair.0, pair.1]);
        pair = (pair.1, next);
    }
    picture
}

fn labels() -> Picture {
    let mut picture = Picture::default();
    let a = add(&mut picture, "read_parquet", Shape::Circle, &[]);
    let b = add(&mut picture, "from_pandas<&\"x\">", Shape::Ellipse, &[]);
    let c = add(&mut picture, "('a-very-long-key-name-with-a-hash-0123456789abcdef', 0, 1)", Shape::Box, &[]);
    let d = add(&mut picture, "größe_λ → ∑", Shape::Circle, &[a, b]);
    let e = add(&mut picture, "sum × 1 000", Shape::Pill, &[b, c]);
    let f = add(&mut picture, "Δ", Shape::Circle, &[d, e, a]);
    let colors =
        [Color(0x44, 0x01, 0x54), Color(0x31, 0x68, 0x8e), Color(0x35, 0xb7, 0x79), Color(0xfd, 0xe7, 0x25)];
    for (node, color) in [a, d, f, e].into_iter().zip(colors) {
        picture.nodes[node as usize].fill = Some(color);
    }
    picture.nodes[f as usize].penwidth = 4.0;
    picture
}

fn random(count: u32, reach: u32) -> Picture {
    let mut state = 7u64;
    let mut draw = move |below: u32| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((state >> 33) % u64::from(below.max(1))) as u32
    };
    let mut picture = Picture::default();
    for i in 0..count {
        let dependencies: Vec<u32> =
            (0..draw(3)).filter(|_| i > 0).map(|_| i - 1 - draw(reach.min(i))).collect();
        add(&mut picture, ["inc", "add", "load", "mean"][draw(4) as usize], Shape::Circle, &dependencies);
    }
    picture
}

fn matmul(n: u32) -> Picture {
    let mut picture = Picture::default();
    let a: Vec<u32> = (0..n * n).map(|_| add(&mut picture, "a", Shape::Box, &[])).collect();
    let b: Vec<u32> = (0..n * n).map(|_| add(&mut picture, "b", Shape::Box, &[])).collect();
    for (i, j) in (0..n * n).map(|cell| (cell / n, cell % n)) {
        let products: Vec<u32> = (0..n)
            .map(|k| {
                let inputs = [a[(i * n + k) as usize], b[(k * n + j) as usize]];
                add(&mut picture, "dot", Shape::Circle, &inputs)
            })
            .collect();
        add(&mut picture, "sum", Shape::Circle, &products);
    }
    picture
}

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    let alone = Picture { nodes: vec![Node::new("point", Shape::Circle); 100], ..Picture::default() };
    let pictures = [
        ("three", three()),
        ("three-with-data", three_with_data()),
        ("map-mult-sum", map_mult_sum()),
        ("pairwise-9", pairwise(9)),
        ("pairwise-64", pairwise(64)),
        ("fibonacci", fibonacci()),
        ("labels", labels()),
        ("matmul-3", matmul(3)),
        ("alone-100", alone),
        ("random-60", random(60, 20)),
        ("random-500", random(500, 60)),
        ("random-500-far", random(500, 500)),
        ("random-5000", random(5000, 200)),
    ];
    for (name, picture) in pictures {
        let start = Instant::now();
        let svg = to_svg(&picture);
        let svg_time = start.elapsed();
        let start = Instant::now();
        match to_png(&picture, 1.5) {
            Ok(png) => {
                println!(
                    "{name}: SVG in {svg_time:.1?}, PNG in {:.1?}, {} bytes",
                    start.elapsed(),
                    png.len()
                );
                std::fs::write(folder.join(format!("{name}.png")), png).expect("the folder can be written");
            }
            Err(error) => println!("{name}: {error}"),
        }
        std::fs::write(folder.join(format!("{name}.svg")), svg).expect("the folder can be written");
        std::fs::write(folder.join(format!("{name}.dot")), to_dot(&picture))
            .expect("the folder can be written");
    }
}
