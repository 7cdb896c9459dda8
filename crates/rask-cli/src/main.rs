//! The native binary `rask`: a scheduler needs no Python with it, and workers find one.

fn main() {
    std::process::exit(rask_cli::main_from(std::env::args_os().collect(), None));
}
