//! The payload of a message: as a tree, as the text that it is, and as a file. It comes from outside, so as a file it is
//! never something that a browser runs (THREATS I03).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::{MessagePath, path_of};
use crate::dashboard::Pages;
use crate::dashboard::components::json_tree;
use crate::dashboard::failure::Failure;
use crate::dashboard::viewer::Viewer;
use crate::domain::message::Message;
use crate::ops::OpError;

/// The payload as a file.
pub(super) async fn download(
    State(pages): State<Arc<Pages>>,
    viewer: Viewer,
    Path(path): Path<MessagePath>,
) -> Result<Response, Failure> {
    let message = pages.operations.message(&viewer.access, &path.application_id, &path.message_id, true).await?;
    let payload = message.payload.ok_or(OpError::NotFound("payload"))?;
    let headers = [
        (CONTENT_TYPE, "application/octet-stream"),
        (CONTENT_DISPOSITION, "attachment; filename=\"payload.json\""),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    Ok((headers, payload).into_response())
}

/// The payload on the message's page.
pub(super) fn card(viewer: &Viewer, message: &Message) -> Markup {
    let path = path_of(viewer, message);
    let may_delete = viewer.may_write() && !viewer.place.is_portal();
    html! {
        section.card aria-labelledby="payload" {
            header {
                h2 id="payload" { "Payload" }
                @if message.payload.is_some() {
                    a.button.plain.small href=(format!("{path}/payload")) download="payload.json" { "Download" }
                    @if may_delete {
                        a.button.plain.small href=(format!("{path}/payload/delete")) data-dialog { "Delete" }
                    }
                }
            }
            div.body {
                @match &message.payload {
                    Some(payload) => (shown(&String::from_utf8_lossy(payload))),
                    None => p.muted { "The payload has been deleted; that the message was accepted and what became of it stays." },
                }
            }
        }
    }
}

fn shown(text: &str) -> Markup {
    match json_tree::tree(text) {
        Some(tree) => html! {
            div.stack-small {
                (tree)
                details { summary.muted.small { "As it was posted" } (json_tree::raw("payload-text", text)) }
            }
        },
        None => json_tree::raw("payload-text", text),
    }
}
