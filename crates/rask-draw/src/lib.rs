//! Pictures of task graphs as SVG, PNG and DOT, without graphviz or any font of the machine's.
//!
//! A [`Picture`] says what to draw: nodes with labels and shapes, edges from dependencies to dependents. Positions
//! come from [`rask_graph::layout`]. [`to_svg`] writes the drawing, [`to_png`] rasterizes that very SVG with the font
//! embedded here, [`to_dot`] hands the graph to graphviz for those who have it.
//!
//! The pictures look like Dask's, so that readers of either know both: functions are circles with their name, data
//! are boxes, arrows follow the data, results lie on top. Any text makes a good label: what a format cannot hold is
//! replaced, what is too long ends with an ellipsis (and the SVG shows all of it when pointed at).

mod dot;
mod edge;
mod label;
mod picture;
mod plan;
mod raster;
mod svg;

pub use dot::to_dot;
pub use picture::{Color, Node, ParseColorError, Picture, Shape};
pub use rask_graph::Direction;
pub use raster::{DrawError, PIXELS_MAX, to_png};
pub use svg::to_svg;
