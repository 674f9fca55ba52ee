//! Runs the code of a transformation: JavaScript in an interpreter of its own for each run, which has no way out: no
//! files, no network, no clock, no timers. A run has its limits in time, memory and depth, and the same job gives the same
//! answer. The interpreter's own loops know no limit in time, so all of it is in a process that can be killed
//! (`transformer.rs`). It does not know messages, nor what becomes of an answer.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use rquickjs::context::{EvalOptions, intrinsic};
use rquickjs::{CaughtError, Context, Ctx, Function, Runtime, Value};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::set_no_new_privs;
use serde::{Deserialize, Serialize};

use crate::clock::thread_time;
use crate::domain::transformation::{CODE_MEMORY_BYTES_MAX, CODE_MS_MAX, CODE_STACK_BYTES_MAX};

/// What code can use of the language: all of it that computes.
type Language = (
    intrinsic::Date,
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::TypedArrays,
    intrinsic::Promise,
);

const PRELUDE: &str = include_str!("sandbox/prelude.js");
/// What the code is called where an error says in which line it happened.
const CODE: &str = "transformation";
/// When a process that nobody ended in the middle of a job ends by itself.
const SECONDS_OF_A_JOB: u64 = 5;
/// Finds the handler, however it was declared.
const HANDLER: &str = "typeof handler === 'undefined' ? undefined : handler";

/// A run of code on one message, as it is handed to the process that makes it.
#[derive(Serialize, Deserialize)]
pub struct Job {
    /// The code.
    pub code: String,
    /// What it is given, as JSON.
    pub webhook: String,
    /// The time that it sees.
    pub time_ms: i64,
    /// Where its chance begins.
    pub seed: [i32; 4],
}

impl Job {
    /// What the code answers, as the prelude writes it down.
    ///
    /// # Errors
    /// When it fails or passes a limit; it says so for who wrote the code.
    pub fn run(self) -> Result<String, String> {
        let no_memory = |_| "there was no memory to begin with".to_owned();
        let runtime = Runtime::new().map_err(no_memory)?;
        runtime.set_memory_limit(CODE_MEMORY_BYTES_MAX);
        runtime.set_max_stack_size(CODE_STACK_BYTES_MAX);
        let (began, is_over) = (thread_time(), Rc::new(Cell::new(false)));
        let over = is_over.clone();
        runtime.set_interrupt_handler(Some(Box::new(move || {
            over.set(thread_time().saturating_sub(began) >= Duration::from_millis(CODE_MS_MAX));
            over.get()
        })));
        let context = Context::custom::<Language>(&runtime).map_err(no_memory)?;
        context.with(|ctx| {
            self.evaluate(&ctx).map_err(|error| match is_over.get() {
                true => too_long(),
                false => in_words(CaughtError::from_error(&ctx, error)),
            })
        })
    }

    fn evaluate<'js>(self, ctx: &Ctx<'js>) -> rquickjs::Result<String> {
        let prelude: Function<'js> = ctx.eval_with_options(PRELUDE, options("cornet"))?;
        let run: Function<'js> = prelude.call((self.time_ms as f64, self.seed.to_vec()))?;
        ctx.eval_with_options::<(), _>(self.code, options(CODE))?;
        let handler: Value<'js> = ctx.eval_with_options(HANDLER, options("cornet"))?;
        run.call((handler, self.webhook))
    }
}

/// What is said of code that goes on for too long.
pub fn too_long() -> String {
    format!("the code did not end within {CODE_MS_MAX} ms")
}

/// Runs the jobs that come in, one after the other, until no more do: what the process does that is made for it. From its
/// start on it can open nothing, neither a file nor a connection. It ends with the process that made it, and by itself in the
/// middle of a job that computes for seconds.
///
/// # Errors
/// When the machine refuses to take its rights away, or a pipe breaks.
pub fn serve_jobs(jobs: &mut impl Read, answers: &mut impl Write) -> io::Result<()> {
    set_no_new_privs(true)?;
    for resource in [Resource::Nofile, Resource::Fsize, Resource::Core, Resource::Nproc] {
        setrlimit(resource, Rlimit { current: Some(0), maximum: Some(0) })?;
    }
    let maximum = getrlimit(Resource::Cpu).maximum;
    while let Some(job) = read_frame(jobs)? {
        let current = Some(thread_time().as_secs() + SECONDS_OF_A_JOB);
        setrlimit(Resource::Cpu, Rlimit { current, maximum })?;
        let answer = serde_json::from_slice(&job).map_err(|error| error.to_string()).and_then(Job::run);
        write_frame(answers, &serde_json::to_vec(&answer)?)?;
    }
    Ok(())
}

/// What comes next, behind its length; `None` when nothing does.
fn read_frame(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let mut frame = vec![0; u32::from_le_bytes(length) as usize];
    from.read_exact(&mut frame)?;
    Ok(Some(frame))
}

fn write_frame(to: &mut impl Write, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    to.write_all(&[&length.to_le_bytes(), frame].concat())?;
    to.flush()
}

fn options(name: &str) -> EvalOptions {
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(name.to_owned());
    options
}

/// What went wrong, and in which line of the code.
fn in_words(caught: CaughtError<'_>) -> String {
    match caught {
        CaughtError::Exception(exception) => {
            let message = exception.message().unwrap_or_default();
            if message == "out of memory" {
                return out_of_memory();
            }
            let name: String = exception.get("name").unwrap_or_else(|_| "Error".to_owned());
            let line = exception.stack().as_deref().and_then(line_of).map(|line| format!(" (line {line})"));
            format!("{name}: {message}{}", line.unwrap_or_default())
        }
        // Without memory there is none for an exception either.
        CaughtError::Value(value) if value.is_null() => out_of_memory(),
        CaughtError::Value(value) => match value.as_string().and_then(|text| text.to_string().ok()) {
            Some(text) => format!("the code threw {text:?}"),
            None => "the code threw something that is no Error".to_owned(),
        },
        CaughtError::Error(error) => error.to_string(),
    }
}

fn out_of_memory() -> String {
    format!("the code needs more than {} MiB of memory", CODE_MEMORY_BYTES_MAX / 1024 / 1024)
}

/// The line of the code in which an error happened, from what called what.
fn line_of(stack: &str) -> Option<u32> {
    let (_, after) = stack.split_once(&format!("{CODE}:"))?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
#[path = "sandbox/tests.rs"]
mod tests;
