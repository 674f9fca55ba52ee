//! The `cornet` binary: the library's command line, with an allocator that keeps its speed under many threads.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cornet::cli::run()
}
