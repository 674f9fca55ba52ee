//! Messages: the list of them, each of them with what became of it, and their attempts; for the operator of an
//! environment, and for the consumer in the portal, where the list is called the logs.

mod actions;
mod attempt;
mod list;
mod message;
mod payload;
mod timeline;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use maud::Markup;
use serde::Deserialize;

use super::Pages;
use super::components::status::{Status, pill};
use super::viewer::Viewer;
use crate::domain::delivery::{Attempt, DeliveryState, Stage};
use crate::domain::message::Message;

/// The list over all applications of an environment.
pub(super) fn of_environment() -> Router<Arc<Pages>> {
    Router::new().route("/messages", get(list::of_environment))
}

/// The pages of an application's messages.
pub(super) fn of_application() -> Router<Arc<Pages>> {
    Router::new()
        .route("/messages", get(list::of_application))
        .route("/messages/{message_id}", get(message::show))
        .route("/messages/{message_id}/payload", get(payload::download))
        .route("/messages/{message_id}/payload/delete", get(actions::ask_delete).post(actions::delete))
        .route("/messages/{message_id}/endpoints/{endpoint_id}/resend", post(actions::resend))
        .route("/messages/{message_id}/attempts/{attempt_id}", get(attempt::show))
}

/// An application in a path.
#[derive(Deserialize)]
struct ApplicationPath {
    application_id: String,
}

/// A message in a path.
#[derive(Deserialize)]
struct MessagePath {
    application_id: String,
    message_id: String,
}

/// What the list is called here.
fn list_name(viewer: &Viewer) -> &'static str {
    if viewer.place.is_portal() { "Logs" } else { "Messages" }
}

/// The page of a message.
fn path_of(viewer: &Viewer, message: &Message) -> String {
    viewer.place.message(message.application_id, message.id)
}

/// How a delivery fares, in a word.
fn of_state(state: DeliveryState) -> (Status, &'static str) {
    let status = match state {
        DeliveryState::Delivered => Status::Delivered,
        DeliveryState::Failed => Status::Failed,
        DeliveryState::Cancelled | DeliveryState::Expired => Status::Disabled,
    };
    (status, state.as_str())
}

/// How a delivery of a list fares, in a word.
fn of_stage(stage: Stage) -> (Status, &'static str) {
    match stage {
        Stage::Waiting(_) => (Status::Queued, "waiting"),
        Stage::Retrying(_) => (Status::Retrying, "retrying"),
        Stage::Ended(state) => of_state(state),
    }
}

/// What came of an attempt: the status that was answered, or what went wrong.
pub(super) fn outcome(attempt: &Attempt) -> Markup {
    let status = if attempt.succeeded() { Status::Delivered } else { Status::Failed };
    match &attempt.result {
        Ok(answer) => pill(status, &answer.status.to_string()),
        Err(error) => pill(status, &error.code.as_str().replace('_', " ")),
    }
}
