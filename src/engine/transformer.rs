//! Has code run on deliveries by processes that were made for it, a few at a time, and ends one that does not answer. The
//! endpoints take turns, so that one with slow code makes others wait for a run of it at most. It does not know when a
//! delivery is due, nor what becomes of it.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::sandbox::{Job, too_long};
use crate::clock::Clock;
use crate::domain::attempt::{AttemptError, AttemptErrorCode};
use crate::domain::checksum::payload_checksum;
use crate::domain::id::EndpointId;
use crate::domain::message::Message;
use crate::domain::target::Target;
use crate::domain::transformation::{CODE_ERROR_CHARS_MAX, Transformed, Variables, Webhook};
use crate::telemetry::Metrics;

/// Runs at the same time, each in a process of its own.
const RUNS_AT_ONCE: usize = 2;
/// How long a process may take to answer before it is ended: long enough for a busy machine to give it its time.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// The longest answer of a process: escaped as text, the longest body is six times as long.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Code and a delivery that it is to be run on.
pub struct Run<'a> {
    /// Whose turn it is.
    pub endpoint_id: EndpointId,
    /// The code.
    pub code: &'a str,
    /// What it may use.
    pub variables: &'a Variables,
    /// What it tells of; chance and time are taken from its id.
    pub message: &'a Message,
    /// Where it goes without the code.
    pub url: &'a Target,
    /// The body that it has without the code.
    pub body: &'a Bytes,
}

impl Run<'_> {
    fn job(&self) -> Result<Job, String> {
        let webhook = Webhook {
            url: self.url.as_str(),
            event_type: &self.message.event_type,
            channels: &self.message.channels,
            variables: self.variables,
            payload: str::from_utf8(self.body).map_err(|error| error.to_string())?,
        };
        let webhook = webhook.to_json();
        let id = self.message.id.to_string();
        // Half of a checksum each.
        let seed = [0_u8, 1, 2, 3].map(|part| (payload_checksum(&[id.as_bytes(), &[part]].concat()) >> 32) as i32);
        Ok(Job { code: self.code.to_owned(), webhook, time_ms: self.message.id.time().as_ms(), seed })
    }

    /// That the code failed, without any of its variables' values.
    fn failed(&self, why: &str) -> AttemptError {
        let detail = self.variables.conceal_in(why).chars().take(CODE_ERROR_CHARS_MAX).collect::<String>();
        AttemptError::new(AttemptErrorCode::Transformation, detail)
    }
}

/// Has code run.
pub struct Transformer {
    program: PathBuf,
    turns: Arc<Mutex<Turns>>,
    idle: Mutex<Vec<Process>>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl Transformer {
    /// One whose processes are this program's, which runs jobs when it is told `sandbox`. None is made before it is needed.
    pub fn new(program: PathBuf, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        let turns = Turns { free: RUNS_AT_ONCE, waiting: HashMap::new(), round: VecDeque::new() };
        Self { program, turns: Arc::new(Mutex::new(turns)), idle: Mutex::default(), clock, metrics }
    }

    /// What the code makes of a delivery. It waits for its turn, however long that takes.
    ///
    /// # Errors
    /// When the code fails, passes a limit or answers nonsense, or the machine can't run it.
    pub async fn run(&self, run: Run<'_>) -> Result<Transformed, AttemptError> {
        let job = run.job().map_err(|why| run.failed(&why))?;
        let ours = |error: std::io::Error| {
            tracing::warn!(%error, "cannot run the code of a transformation");
            AttemptError::new(AttemptErrorCode::SenderError, "the endpoint's transformation could not be run")
        };
        let job = serde_json::to_vec(&job).map_err(|error| ours(error.into()))?;
        let _turn = Turn::take(&self.turns, run.endpoint_id).await;
        let began = self.clock.monotonic();
        let answered = self.answer(&job).await.map_err(ours)?;
        self.metrics.transformed(self.clock.monotonic().saturating_sub(began));
        let answer = match answered {
            Answered::With(answer) => answer.map_err(|why| run.failed(&why))?,
            Answered::TooLate => return Err(run.failed(&too_long())),
            Answered::Ended(error) => {
                tracing::warn!(%error, "a process that ran the code of a transformation has ended");
                return Err(run.failed("the code brought its interpreter down"));
            }
        };
        Transformed::read(&answer, run.url).map_err(|error| run.failed(&error.why))
    }

    /// What a process answers: one that does nothing, or a new one. One that has ended while it did nothing says nothing of
    /// the job.
    async fn answer(&self, job: &[u8]) -> std::io::Result<Answered> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(process) = idle {
            match self.ask(process, job).await {
                Answered::Ended(_) => {}
                answered => return Ok(answered),
            }
        }
        Ok(self.ask(Process::start(&self.program)?, job).await)
    }

    /// Gives a process a job. If it does not answer, it goes with it.
    async fn ask(&self, mut process: Process, job: &[u8]) -> Answered {
        match timeout(ANSWER_WITHIN, process.answer(job)).await {
            Err(_) => Answered::TooLate,
            Ok(Err(error)) => Answered::Ended(error),
            Ok(Ok(answer)) => {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(process);
                Answered::With(answer)
            }
        }
    }
}

/// What came of a job.
enum Answered {
    /// What the code answered, or why it failed.
    With(Result<String, String>),
    /// The process did not answer in time.
    TooLate,
    /// The process has ended.
    Ended(std::io::Error),
}

/// A process that runs jobs, and ends when this goes. It inherits neither variables, which may hold keys, nor files, and
/// what is sent to the server's group from a terminal is not for it.
struct Process {
    _child: Child,
    jobs: ChildStdin,
    answers: ChildStdout,
}

impl Process {
    fn start(program: &PathBuf) -> std::io::Result<Self> {
        let mut command = Command::new(program);
        command.arg("sandbox").env_clear().current_dir("/").process_group(0).kill_on_drop(true);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let missing = || std::io::Error::other("it has no pipes");
        let (jobs, answers) = (child.stdin.take().ok_or_else(missing)?, child.stdout.take().ok_or_else(missing)?);
        Ok(Self { _child: child, jobs, answers })
    }

    async fn answer(&mut self, job: &[u8]) -> std::io::Result<Result<String, String>> {
        self.jobs.write_u32_le(u32::try_from(job.len()).map_err(std::io::Error::other)?).await?;
        self.jobs.write_all(job).await?;
        self.jobs.flush().await?;
        let length = self.answers.read_u32_le().await? as usize;
        if length > ANSWER_BYTES_MAX {
            return Err(std::io::Error::other("its answer is too long"));
        }
        let mut answer = vec![0; length];
        self.answers.read_exact(&mut answer).await?;
        Ok(serde_json::from_slice(&answer)?)
    }
}

/// Who waits to have code run.
struct Turns {
    free: usize,
    waiting: HashMap<EndpointId, VecDeque<oneshot::Sender<Turn>>>,
    /// The endpoints that wait, in the order of their turns.
    round: VecDeque<EndpointId>,
}

/// A turn; the next one's comes when this goes.
struct Turn(Arc<Mutex<Turns>>);

impl Turn {
    async fn take(turns: &Arc<Mutex<Turns>>, endpoint_id: EndpointId) -> Self {
        let called = {
            let mut waiting = turns.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.free > 0 {
                waiting.free -= 1;
                return Self(turns.clone());
            }
            waiting.line_up(endpoint_id)
        };
        // Nobody is forgotten while there are turns.
        called.await.unwrap_or_else(|_| Self(turns.clone()))
    }
}

impl Turns {
    fn line_up(&mut self, endpoint_id: EndpointId) -> oneshot::Receiver<Turn> {
        let (call, called) = oneshot::channel();
        let line = self.waiting.entry(endpoint_id).or_default();
        if line.is_empty() {
            self.round.push_back(endpoint_id);
        }
        line.push_back(call);
        called
    }

    /// Takes the next out of the line: the first of the endpoint whose turn it is. Who has gone away is passed over.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        loop {
            let endpoint_id = self.round.pop_front()?;
            let line = self.waiting.get_mut(&endpoint_id)?;
            let call = line.pop_front();
            if line.is_empty() {
                self.waiting.remove(&endpoint_id);
            } else {
                self.round.push_back(endpoint_id);
            }
            if call.as_ref().is_some_and(|call| !call.is_closed()) {
                return call;
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let next = turns.next();
            turns.free += usize::from(next.is_none());
            next
        };
        // Who goes away without having taken it drops it, and so hands it on.
        if let Some(call) = next {
            call.send(Self(self.0.clone())).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;

    #[tokio::test]
    async fn endpoints_take_turns_whatever_waits_for_each() {
        let turns = Arc::new(Mutex::new(Turns { free: 1, waiting: HashMap::new(), round: VecDeque::new() }));
        let (slow, other) = (Id::from_number(1), Id::from_number(2));
        let first = Turn::take(&turns, slow).await;
        let mut calls: Vec<_> = {
            let mut turns = turns.lock().unwrap();
            [slow, slow, slow, other].map(|endpoint_id| turns.line_up(endpoint_id)).into()
        };
        drop(first);
        let mut order = Vec::new();
        while !calls.is_empty() {
            let (place, turn) = calls
                .iter_mut()
                .enumerate()
                .find_map(|(place, call)| Some((place, call.try_recv().ok()?)))
                .expect("somebody is called");
            order.push(calls.len() - place);
            calls.remove(place);
            drop(turn);
        }
        // Counted from the end of those who were left: slow, then the other, then slow and slow.
        assert_eq!(order, [4, 1, 2, 1]);
        assert_eq!(turns.lock().unwrap().free, 1);
    }

    #[tokio::test]
    async fn who_goes_away_before_or_after_being_called_holds_nobody_up() {
        let turns = Arc::new(Mutex::new(Turns { free: 1, waiting: HashMap::new(), round: VecDeque::new() }));
        let first = Turn::take(&turns, Id::from_number(1)).await;
        drop(turns.lock().unwrap().line_up(Id::from_number(2)));
        let called = turns.lock().unwrap().line_up(Id::from_number(3));
        drop(first);
        assert_eq!(turns.lock().unwrap().free, 0);
        drop(called);
        assert_eq!(turns.lock().unwrap().free, 1);
    }
}
