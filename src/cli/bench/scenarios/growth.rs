//! What it costs that much is stored: the same load and the same questions, on a store of a thousandth of the messages, then of
//! a hundredth, a tenth and all of them.

use anyhow::Context as _;

use super::Known;
use crate::cli::bench::filling::State;
use crate::cli::bench::plot::Curve;
use crate::cli::bench::report::{Reference, Row, Unit, grouped, median};
use crate::cli::bench::stage::{Contestant, Stage};
use crate::clock::{Clock, SystemClock};

/// What part of all messages is stored at each step.
const PARTS: [u64; 4] = [1_000, 100, 10, 1];
/// How often each question is asked.
const ASKED: usize = 7;

/// What is asked for, and what people call it.
const QUESTIONS: [(Question, &str); 5] = [
    (Question::Messages, "newest messages"),
    (Question::Message, "one message"),
    (Question::AttemptsOfMessage, "a message's attempts"),
    (Question::AttemptsAtEndpoint, "an endpoint's attempts"),
    (Question::Figures, "an endpoint's figures"),
];

#[derive(Clone, Copy)]
enum Question {
    Messages,
    Message,
    AttemptsOfMessage,
    AttemptsAtEndpoint,
    Figures,
}

impl Question {
    fn path<'a>(self, endpoint: &'a str, message: &'a str) -> Vec<&'a str> {
        match self {
            Self::Messages => vec!["msg"],
            Self::Message => vec!["msg", message],
            Self::AttemptsOfMessage => vec!["attempt", "msg", message],
            Self::AttemptsAtEndpoint => vec!["attempt", "endpoint", endpoint],
            Self::Figures => vec!["endpoint", endpoint, "stats"],
        }
    }
}

pub(super) async fn growth(stage: &mut Stage, known: &mut Known) -> anyhow::Result<Vec<Row>> {
    let all = stage.plan.growth;
    let folder = stage.folder()?;
    let path = folder.path().to_owned();
    let contestant = stage.on(path.clone(), 1).await?;
    let application = stage.application(&contestant).await?;
    let endpoint = stage.register(&contestant, &application, &stage.ok_url(0)).await?;
    contestant.end().await?;
    let curve = |(_, name): (Question, &'static str)| Curve { name, unit: Unit::Milliseconds, points: Vec::new() };
    let mut throughput = Curve { name: "messages a second", unit: Unit::PerSecond, points: Vec::new() };
    let mut questions = QUESTIONS.map(curve);
    let (mut rows, mut stored, mut least) = (Vec::new(), 0, None);
    for size in PARTS.map(|part| all / part) {
        stage.progress.say(&format!("growth: filling a store with {} messages", grouped(size as f64)));
        stage.fill(path.clone(), (application.clone(), endpoint.clone()), size - stored, State::Delivered).await?;
        stored = size;
        let mut rates = Vec::new();
        let mut times: [Vec<f64>; QUESTIONS.len()] = Default::default();
        for run in 1..=stage.plan.runs {
            stage.progress.say(&format!("growth: run {run} of {} on {}", stage.plan.runs, grouped(size as f64)));
            let contestant = stage.on(path.clone(), 1).await?;
            for (times, (question, _)) in times.iter_mut().zip(QUESTIONS) {
                times.push(time_ms(stage, &contestant, question, &endpoint).await?);
            }
            rates.push(stage.measure(&contestant, None).await?.rate);
            contestant.end().await?;
        }
        throughput.add(size, &rates);
        least.get_or_insert_with(|| rates.clone());
        questions.iter_mut().zip(&times).for_each(|(curve, times)| curve.add(size, times));
        rows.extend(rows_of(size, rates, least.clone(), &times));
    }
    known.growth = std::iter::once(throughput).chain(questions).collect();
    Ok(rows)
}

/// How long an answer takes, in the middle of several.
async fn time_ms(stage: &Stage, contestant: &Contestant, question: Question, endpoint: &str) -> anyhow::Result<f64> {
    let newest = stage.look_up(contestant, &["msg"]).await?;
    let message = newest["data"][0]["id"].as_str().context("there is no message")?;
    let path = question.path(endpoint, message);
    let clock = SystemClock::default();
    let mut times = Vec::new();
    for _ in 0..ASKED {
        let began = clock.monotonic();
        stage.look_up(contestant, &path).await?;
        times.push(clock.monotonic().saturating_sub(began).as_secs_f64() * 1e3);
    }
    median(&times).context("nothing was asked")
}

fn rows_of(size: u64, rates: Vec<f64>, least: Option<Vec<f64>>, times: &[Vec<f64>]) -> [Row; 2] {
    let stored = grouped(size as f64);
    // The slowest of all: whoever wants each has the curves.
    let slowest = times.iter().max_by(|one, other| median(one).unwrap_or(0.0).total_cmp(&median(other).unwrap_or(0.0)));
    let reference = least.map(|runs| Reference { name: "least stored", runs, in_turns: false });
    let row = |what: String, unit, runs, reference| Row {
        scenario: "growth",
        what: what.into(),
        unit,
        runs,
        reference,
        goal: None,
    };
    [
        row(format!("messages a second on {stored} stored"), Unit::PerSecond, rates, reference),
        row(
            format!("slowest of {} questions on {stored} stored", times.len()),
            Unit::Milliseconds,
            slowest.cloned().unwrap_or_default(),
            None,
        ),
    ]
}
