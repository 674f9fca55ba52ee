//! Switching an endpoint off and on again, and deleting it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::html;

use super::{EndpointPath, Shown};
use crate::dashboard::Pages;
use crate::dashboard::components::data::visible;
use crate::dashboard::failure::Failure;
use crate::dashboard::frame;
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::endpoint::EndpointChange;
use crate::domain::message::MessageFilter;
use crate::domain::time::Span;
use crate::ops::{DestinedFilter, MessagesPage};

/// What waits is counted so far.
const COUNTED: usize = 100;

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .route("/endpoints/{endpoint_id}/state", post(switch))
        .route("/endpoints/{endpoint_id}/delete", get(ask).post(delete))
}

/// Switches it on or off; `recovered` leads on to what failed meanwhile.
async fn switch(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let (disabled, next, notice) = match fields.text("to") {
        "disabled" => (true, "", "disabled"),
        "recovered" => (false, "/recover", "enabled"),
        _ => (false, "", "enabled"),
    };
    let change = EndpointChange { disabled: Some(disabled), ..EndpointChange::default() };
    let (application, endpoint) = shown.ids();
    pages.operations.patch_endpoint(&viewer.access, &application, &endpoint, change).await?;
    Ok(Redirect::to(&with_notice(&shown.at(viewer.place, next), notice)).into_response())
}

async fn ask(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let shown = Shown::find(&pages, &viewer, &path).await?;
    viewer.access.require_writing()?;
    let filter =
        DestinedFilter { accepted: Span::ALL, waiting: true, ended: Vec::new(), messages: MessageFilter::default() };
    let page = MessagesPage { before: None, limit: COUNTED, with_content: false };
    let (application, endpoint) = shown.ids();
    let waiting = pages.operations.destined_for(&viewer.access, &application, &endpoint, filter, page).await?;
    let body = html! {
        section.card { div.body { div.stack data-dialog-body {
            p { "Nothing is sent to " strong.mono { (visible(&shown.endpoint().url)) } " any more, and its secret is gone for good." }
            p {
                @match (waiting.rows.len(), waiting.next.is_some()) {
                    (0, _) => "Nothing waits for it.",
                    (1, false) => "One message that waits for it is cancelled.",
                    (count, false) => { (count) " messages that wait for it are cancelled." },
                    (count, true) => { (count) " or more messages that wait for it are cancelled." },
                }
                " To stop for a while, disable it instead."
            }
            (frame::post(&viewer, &shown.at(viewer.place, "/delete"), "row", &html! {
                button.button.danger { "Delete endpoint" }
                a.button href=(shown.at(viewer.place, "/settings")) data-close { "Keep it" }
            }))
        } } }
    };
    Ok(shown.question(&viewer, "Delete endpoint?").show(body))
}

async fn delete(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let viewer = submitted.viewer;
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let (application, endpoint) = shown.ids();
    pages.operations.delete_endpoint(&viewer.access, &application, &endpoint).await?;
    let list = viewer.place.application(shown.application().id);
    Ok(Redirect::to(&with_notice(&list, "deleted")).into_response())
}
