//! `cornet sandbox`: what the server has its own program do to run the code of transformations. Nobody types it.

use std::process::ExitCode;

use crate::server::sandboxed;

/// Runs the jobs that come over its pipe, until no more do.
///
/// # Errors
/// When the machine refuses to take its rights away, or a pipe breaks.
pub fn run() -> anyhow::Result<ExitCode> {
    sandboxed::serve()?;
    Ok(ExitCode::SUCCESS)
}
