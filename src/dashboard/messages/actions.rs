//! What can be done with a message: have it sent again, and delete its payload.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{Redirect, Response};
use maud::html;
use serde::Deserialize;

use super::{MessagePath, list_name, path_of};
use crate::dashboard::Pages;
use crate::dashboard::failure::Failure;
use crate::dashboard::frame::{Page, Section, post};
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::message::Message;
use crate::ops::{OpError, Operations};

/// A message in a path, and one of its endpoints.
#[derive(Deserialize)]
pub(super) struct DeliveryPath {
    application_id: String,
    message_id: String,
    endpoint_id: String,
}

/// Has a message sent to an endpoint again.
pub(super) async fn resend(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<DeliveryPath>,
    Submitted { viewer, .. }: Submitted,
) -> Result<Redirect, Failure> {
    let (operations, access) = (&pages.operations, &viewer.access);
    operations.resend(access, &path.application_id, &path.message_id, &path.endpoint_id, None).await?;
    let message = operations.message(access, &path.application_id, &path.message_id, false).await?;
    Ok(Redirect::to(&with_notice(&path_of(&viewer, &message), "resent")))
}

/// The message whose payload the operator wants to delete: it is the operator's, not the consumer's.
async fn own(operations: &Operations, viewer: &Viewer, path: &MessagePath) -> Result<Message, OpError> {
    if viewer.place.is_portal() {
        return Err(OpError::NotFound("page"));
    }
    operations.message(&viewer.access, &path.application_id, &path.message_id, false).await
}

/// Asks whether the payload is to be deleted.
pub(super) async fn ask_delete(
    State(pages): State<Arc<Pages>>,
    viewer: Viewer,
    Path(path): Path<MessagePath>,
) -> Result<Response, Failure> {
    let message = own(&pages.operations, &viewer, &path).await?;
    let back = path_of(&viewer, &message);
    let buttons = html! {
        button.button.danger { "Delete the payload" }
        a.button.plain href=(back) data-close { "Keep it" }
    };
    let page = Page::new(&viewer, Section::Messages, "Delete the payload?")
        .crumb(list_name(&viewer), viewer.place.at("/messages"))
        .crumb(message.id.to_string(), back.clone());
    Ok(page.show(html! {
        div.card {
            div.body {
                div.stack data-dialog-body {
                    p {
                        "It can't be brought back. Deliveries of this message that still wait expire, and it can't be resent. "
                        "What became of it so far stays."
                    }
                    (post(&viewer, &format!("{back}/payload/delete"), "row", &buttons))
                }
            }
        }
    }))
}

/// Deletes the payload.
pub(super) async fn delete(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<MessagePath>,
    Submitted { viewer, .. }: Submitted,
) -> Result<Redirect, Failure> {
    let message = own(&pages.operations, &viewer, &path).await?;
    pages.operations.expunge_message(&viewer.access, &path.application_id, &message.id.to_string()).await?;
    Ok(Redirect::to(&with_notice(&path_of(&viewer, &message), "payload-deleted")))
}
