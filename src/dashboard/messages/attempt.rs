//! One attempt: what was sent, what was answered or why nothing was, how long its parts took, and a command that does
//! the same once more.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::{list_name, outcome, timeline};
use crate::dashboard::Pages;
use crate::dashboard::components::form::nothing;
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::components::time::{exact, took};
use crate::dashboard::components::{data, json_tree};
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::sentence;
use crate::dashboard::frame::{Page, Section};
use crate::dashboard::viewer::Viewer;
use crate::domain::attempt::{Answer, Kept};
use crate::domain::delivery::{Attempt, Trigger};
use crate::ops::{OpError, SentRequest};

/// A command that is longer is not shown: the parts that it is made of are.
const COMMAND_BYTES: usize = 64 * 1024;

/// An attempt in a path.
#[derive(Deserialize)]
pub(super) struct AttemptPath {
    application_id: String,
    message_id: String,
    attempt_id: String,
}

/// The page of an attempt.
pub(super) async fn show(
    State(pages): State<Arc<Pages>>,
    viewer: Viewer,
    Path(path): Path<AttemptPath>,
) -> Result<Response, Failure> {
    let (operations, access) = (&pages.operations, &viewer.access);
    let attempt = operations.attempt(access, &path.application_id, &path.message_id, &path.attempt_id).await?;
    let id = attempt.id.to_string();
    let request = match operations.request_of(access, &path.application_id, &path.message_id, &id).await {
        Ok(request) => Ok(request),
        Err(OpError::Conflict { why, .. }) => Err(why),
        Err(error) => return Err(error.into()),
    };
    let message = viewer.place.message(attempt.application_id, attempt.message_id);
    let page = Page::new(&viewer, Section::Messages, format!("Attempt {}", attempt.number))
        .crumb(list_name(&viewer), viewer.place.at("/messages"))
        .crumb(attempt.message_id.to_string(), message);
    Ok(page.show(html! {
        div.card { div.body { div.stack data-dialog-body {
            (result(&attempt))
            (facts(&viewer, &attempt))
            @if let Some(phases) = &attempt.phases { (timeline::phases(phases, attempt.duration_ms)) }
            (answer(&attempt))
            @match &request {
                Ok(request) => (sent(&attempt, request)),
                Err(why) => section { h2 { "Request" } p.muted { (sentence(why)) } },
            }
        } } }
    }))
}

/// What came of it, in plain words.
fn result(attempt: &Attempt) -> Markup {
    let tone = if attempt.succeeded() { Tone::Good } else { Tone::Bad };
    let (explanation, detail) = match &attempt.result {
        Ok(answer) => (answer.explanation(), None),
        Err(error) => (error.code.explanation(), Some(error.detail.as_str()).filter(|detail| !detail.is_empty())),
    };
    notice(tone, &html! { (explanation) @if let Some(detail) = detail { p.small { (data::outside(detail)) } } })
}

fn facts(viewer: &Viewer, attempt: &Attempt) -> Markup {
    html! {
        dl.facts {
            dt { "Outcome" }
            dd { (outcome(attempt)) }
            dt { "Started" }
            dd { (exact(attempt.id.time())) }
            dt { "Took" }
            dd { (took(Duration::from_millis(attempt.duration_ms))) }
            dt { "URL" }
            dd.mono.breaks { (data::outside(&attempt.url)) }
            dt { "Set off by" }
            dd { @match attempt.trigger { Trigger::Scheduled => "the schedule", Trigger::Manual => "somebody who asked for it" } }
            // Where a name leads on the inside is the operator's business (THREATS C27).
            @if let (Some(address), false) = (attempt.remote_address, viewer.place.is_portal()) {
                dt { "Address" }
                dd.mono { (address) }
            }
            dt { "Attempt id" }
            dd.mono.breaks { (attempt.id) }
        }
    }
}

fn answer(attempt: &Attempt) -> Markup {
    let Ok(answer) = &attempt.result else { return nothing() };
    html! {
        section.stack-small {
            h2 { "Answer" }
            (headers("Headers of the answer", &answer.headers))
            (answered(answer))
        }
    }
}

fn answered(answer: &Answer) -> Markup {
    let text = String::from_utf8_lossy(&answer.body);
    html! {
        @if answer.kept == Kept::Nothing {
            p.muted.small { "Not kept: this server keeps no bodies of answers." }
        } @else if answer.body.is_empty() {
            p.muted.small { "No body is there: none came, or it has been deleted." }
        } @else {
            (json_tree::raw("answer-body", &text))
            @if answer.kept == Kept::Start { p.faint.small { "Only the start of it was kept." } }
        }
    }
}

fn sent(attempt: &Attempt, request: &SentRequest) -> Markup {
    let was_sent = attempt.remote_address.is_some() || attempt.phases.is_some() || attempt.result.is_ok();
    let command = request.as_curl().filter(|command| command.len() <= COMMAND_BYTES);
    html! {
        section.stack-small {
            h2 { "Request" }
            @if !was_sent { p.muted.small { "Nothing of it was sent: there was no connection." } }
            @for difference in &request.differences { p.muted.small { (difference.explanation()) } }
            (headers("Headers of the request", &request.headers))
            @if let Some(body) = &request.body { (json_tree::raw("request-body", &String::from_utf8_lossy(body))) }
            @if let Some(command) = command {
                details { summary { "As a curl command" } (data::block("request-curl", &command)) }
            }
        }
    }
}

fn headers(title: &str, headers: &[(String, String)]) -> Markup {
    html! {
        @if !headers.is_empty() {
            details open {
                summary.muted.small { (title) " (" (headers.len()) ")" }
                dl.headers {
                    @for (name, value) in headers {
                        dt { (data::outside(name)) }
                        dd { (data::outside(value)) }
                    }
                }
            }
        }
    }
}
