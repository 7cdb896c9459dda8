//! Every message's bytes. `parts` are what several families contain; `graph`, `compute` and `completions` are the hot ones,
//! in columns; the rest is one file per connection.

mod client;
mod completions;
mod compute;
mod data;
mod graph;
mod nanny;
mod parts;
mod worker;
