//! What a process does that was made to run code: jobs come in and answers go out over its pipes.

use std::io;

use crate::engine::sandbox::serve_jobs;

/// Runs the jobs that come in, until no more do.
///
/// # Errors
/// When the machine refuses to take its rights away, or a pipe breaks.
pub fn serve() -> io::Result<()> {
    serve_jobs(&mut io::stdin().lock(), &mut io::stdout().lock())
}
