//! The shape of an arrow: from the outline of one node in a smooth line to that of another.

use crate::picture::Shape;
use rask_graph::{Point, Size};

/// Length and half the width of an arrow head.
const HEAD_LENGTH: f64 = 8.0;
const HEAD_HALF_WIDTH: f64 = 3.2;
/// How far the tip stays away from the outline.
const TIP_GAP: f64 = 1.0;
/// The outline of a node.
#[derive(Clone, Copy)]
pub(crate) struct Outline {
    pub centre: Point,
    pub size: Size,
    pub shape: Shape,
    /// How flat an arrow may leave or arrive on the lower and the upper side of the cross axis, as sideways per ahead.
    pub slope_max: [f64; 2],
}

/// A drawn arrow: cubic curves end to end, and the head.
pub(crate) struct Arrow {
    pub start: Point,
    /// Two control points and the end, for each curve.
    pub curves: Vec<[Point; 3]>,
    /// The corners of the head, tip first.
    pub head: [Point; 3],
}

#[derive(Clone, Copy)]
struct Vector {
    x: f64,
    y: f64,
}

impl Vector {
    fn between(from: Point, to: Point) -> Vector {
        Vector { x: to.x - from.x, y: to.y - from.y }
    }

    fn length(self) -> f64 {
        self.x.hypot(self.y)
    }

    fn times(self, factor: f64) -> Vector {
        Vector { x: self.x * factor, y: self.y * factor }
    }

    fn plus(self, other: Vector) -> Vector {
        Vector { x: self.x + other.x, y: self.y + other.y }
    }

    /// Of length one; upwards if it has none.
    fn unit(self) -> Vector {
        let length = self.length();
        if length > 1e-9 { self.times(1.0 / length) } else { Vector { x: 0.0, y: -1.0 } }
    }

    fn from(self, point: Point) -> Point {
        Point { x: point.x + self.x, y: point.y + self.y }
    }
}

impl Outline {
    /// Where a ray from the centre leaves the outline.
    fn exit(&self, direction: Vector) -> Point {
        let (half_width, half_height) = (self.size.width / 2.0, self.size.height / 2.0);
        let reach = match self.shape {
            Shape::Circle | Shape::Ellipse => {
                1.0 / (direction.x / half_width).hypot(direction.y / half_height).max(1e-9)
            }
            Shape::Box | Shape::Pill => {
                let across = half_width / direction.x.abs().max(1e-9);
                across.min(half_height / direction.y.abs().max(1e-9))
            }
        };
        direction.times(reach).from(self.centre)
    }
}

impl Outline {
    /// The direction closest to `straight` in which nothing beside this node is run over.
    fn steep(&self, straight: Vector, horizontal: bool) -> Vector {
        let (ahead, sideways) = if horizontal { (straight.x, straight.y) } else { (straight.y, straight.x) };
        let slope_max = self.slope_max[usize::from(sideways > 0.0)];
        let sideways = sideways.signum() * sideways.abs().min(slope_max * ahead.abs());
        if horizontal { Vector { x: ahead, y: sideways } } else { Vector { x: sideways, y: ahead } }.unit()
    }
}

/// The arrow along `points`, which lead from the centre of `from` to the centre of `to`.
pub(crate) fn arrow(points: &[Point], from: Outline, to: Outline, horizontal: bool) -> Arrow {
    if points.len() < 2 {
        return arrow_to_itself(from);
    }
    let last = points.len() - 1;
    let leaving = from.steep(Vector::between(points[0], points[1]), horizontal);
    let arriving = to.steep(Vector::between(points[last], points[last - 1]), horizontal).times(-1.0);
    let start = from.exit(leaving);
    let tip = arriving.times(-TIP_GAP).from(to.exit(arriving.times(-1.0)));
    let neck = arriving.times(-HEAD_LENGTH).from(tip);
    let mut way = points.to_vec();
    way[0] = start;
    way[last] = neck;
    // The direction at each point: at a bend, that of the line past its neighbours.
    let direction = |i: usize| match i {
        0 => leaving,
        i if i == last => arriving,
        i => {
            let (before, after) = (Vector::between(way[i - 1], way[i]), Vector::between(way[i], way[i + 1]));
            before.unit().plus(after.unit()).unit()
        }
    };
    let curve = |i: usize| {
        let straight = Vector::between(way[i], way[i + 1]);
        // Neither end may reach beyond the middle: the curve would swing out and come back.
        let ahead = |vector: Vector| if horizontal { vector.x.abs() } else { vector.y.abs() };
        let reach = |end: Vector| (straight.length() / 3.0).min(ahead(straight) / 2.0 / ahead(end).max(1e-9));
        let (leaving, arriving) = (direction(i), direction(i + 1));
        let first = leaving.times(reach(leaving)).from(way[i]);
        let second = arriving.times(-reach(arriving)).from(way[i + 1]);
        [first, second, way[i + 1]]
    };
    Arrow { start, curves: (0..last).map(curve).collect(), head: head(tip, arriving) }
}

fn head(tip: Point, direction: Vector) -> [Point; 3] {
    let base = direction.times(-HEAD_LENGTH).from(tip);
    let side = Vector { x: -direction.y, y: direction.x }.times(HEAD_HALF_WIDTH);
    [tip, side.from(base), side.times(-1.0).from(base)]
}

/// A small loop at the right side.
fn arrow_to_itself(node: Outline) -> Arrow {
    let (half_width, rise) = (node.size.width / 2.0, node.size.height / 4.0);
    let at = |x: f64, y: f64| Point { x: node.centre.x + x, y: node.centre.y + y };
    let into = Vector { x: -1.0, y: 0.25 }.unit();
    let tip = at(half_width, -rise / 2.0);
    let neck = into.times(-HEAD_LENGTH).from(tip);
    let curve = [at(half_width + 14.0, rise * 1.5), at(half_width + 18.0, -rise * 2.0), neck];
    Arrow { start: at(half_width * 0.95, rise / 2.0), curves: vec![curve], head: head(tip, into) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(x: f64, y: f64, shape: Shape) -> Outline {
        Outline {
            centre: Point { x, y },
            size: Size { width: 40.0, height: 20.0 },
            shape,
            slope_max: [1.0; 2],
        }
    }

    #[test]
    fn an_arrow_goes_from_outline_to_outline() {
        let (from, to) = (outline(0.0, 100.0, Shape::Box), outline(0.0, 0.0, Shape::Circle));
        let arrow = arrow(&[from.centre, to.centre], from, to, false);
        assert_eq!(arrow.start, Point { x: 0.0, y: 90.0 });
        assert_eq!(arrow.head[0], Point { x: 0.0, y: 10.0 + TIP_GAP });
        assert_eq!(arrow.curves.last().unwrap()[2], Point { x: 0.0, y: 10.0 + TIP_GAP + HEAD_LENGTH });
    }

    #[test]
    fn rays_leave_where_the_outline_is() {
        let corner = outline(0.0, 0.0, Shape::Box).exit(Vector { x: 2.0, y: 1.0 }.unit());
        assert!((corner.x - 20.0).abs() < 1e-9 && (corner.y - 10.0).abs() < 1e-9);
        let side = outline(0.0, 0.0, Shape::Ellipse).exit(Vector { x: 1.0, y: 0.0 });
        assert_eq!(side, Point { x: 20.0, y: 0.0 });
    }

    #[test]
    fn a_far_neighbour_is_reached_without_swinging_out() {
        let (from, to) = (outline(0.0, 100.0, Shape::Circle), outline(2000.0, 0.0, Shape::Circle));
        let arrow = arrow(&[from.centre, to.centre], from, to, false);
        assert!(arrow.curves.iter().flatten().all(|point| (0.0..100.0).contains(&point.y)));
    }

    #[test]
    fn bends_are_passed_and_points_that_coincide_do_no_harm() {
        let (from, to) = (outline(0.0, 200.0, Shape::Circle), outline(0.0, 0.0, Shape::Circle));
        let bend = Point { x: 50.0, y: 100.0 };
        let bent = arrow(&[from.centre, bend, bend, to.centre], from, to, false);
        assert_eq!(bent.curves[0][2], bend);
        assert!(bent.curves.iter().flatten().all(|point| point.x.is_finite() && point.y.is_finite()));
    }
}
