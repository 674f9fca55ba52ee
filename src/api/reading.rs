//! What the API makes of a body by itself: its bytes, read as the handlers read them, with no key and no store. The fuzz
//! targets come in here. It knows two bodies: the one that is posted most, and the one of another product's document.

use axum::http::StatusCode;
use axum::response::IntoResponse as _;

use super::error::Problem;
use super::extract::read_json;
use super::messages::MessageIn;
use super::shipengine::WebhookIn;
use crate::ops::NewMessage;

/// The message in the body of a request that posts one.
///
/// # Errors
/// The status of the refusal.
pub fn posted_message(body: &[u8]) -> Result<NewMessage, StatusCode> {
    let message = read_json::<MessageIn>(body).and_then(MessageIn::read).map_err(status)?;
    Ok(message.0)
}

/// The URL and the event in the body of a request that makes a ShipEngine webhook.
///
/// # Errors
/// The status of the refusal.
pub fn posted_webhook(body: &[u8]) -> Result<(String, String), StatusCode> {
    let webhook = read_json::<WebhookIn>(body).map_err(status)?;
    Ok((webhook.url, webhook.event))
}

fn status(problem: Problem) -> StatusCode {
    problem.into_response().status()
}
