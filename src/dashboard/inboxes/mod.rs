//! Inboxes, the built-in receivers: the list of an environment for its operator, and the page of each, which is for
//! whoever has its URL. They do not know how requests get to them.

mod list;
mod page;
mod request;
mod sent;
mod signature;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use super::Pages;

/// The operator's list.
pub(super) fn of_environment() -> Router<Arc<Pages>> {
    Router::new()
        .route("/inboxes", get(list::show).post(list::make))
        .route("/inboxes/{inbox_id}/delete", get(list::ask).post(list::delete))
}

/// The page of each inbox. What belongs to the page is not below the inbox's URL: whatever is there, the inbox receives.
pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .route("/inbox/{token}", get(page::show))
        .route("/inboxes/{token}/answer", post(page::answer))
        .route("/inboxes/{token}/clear", get(page::ask).post(page::clear))
        .route("/inboxes/{token}/live", get(page::news))
}

/// The page of the inbox with this token.
fn page_of(token: &str) -> String {
    format!("/inbox/{token}")
}

/// Where something that belongs to the page of the inbox is.
fn beside_page(token: &str, what: &str) -> String {
    format!("/inboxes/{token}/{what}")
}
