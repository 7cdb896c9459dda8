//! The scheduler through its public face: events in, effects out, invariants in between.

mod lines;
mod stage;
mod world;

mod cancel;
mod errors;
mod fairness;
mod follow;
mod graphs;
mod loss;
mod ops;
mod placement;
mod queries;
mod random;
mod results;
mod scale;
mod scatter;
mod strangers;
mod views;
mod wants;
