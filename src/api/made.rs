//! The answer to a request that makes a noun: its status says whether the noun is new.

use axum::Json;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::Problem;
use crate::ops::Made;

/// Tells a caller that its request was done before (THREATS H01).
const IDEMPOTENT_REPLAY: HeaderName = HeaderName::from_static("idempotent-replay");

/// Answers 201 with a new noun, also when it is the same request again, and 200 with one that was there.
pub(super) fn created<N, T: Serialize>(made: Made<N>, show: impl FnOnce(N) -> T) -> Response {
    answer(StatusCode::CREATED, made, show)
}

/// Answers with `new` for a noun that this request made, now or before, and 200 with one that was there.
pub(super) fn answer<N, T: Serialize>(new: StatusCode, made: Made<N>, show: impl FnOnce(N) -> T) -> Response {
    respond(new, made, |noun| Json(show(noun)))
}

/// As [`answer`], for a noun that may turn out not to be showable.
pub(super) fn try_answer<N, R: IntoResponse>(
    new: StatusCode,
    made: Made<N>,
    show: impl FnOnce(N) -> Result<R, Problem>,
) -> Result<Response, Problem> {
    let shown = match made {
        Made::New(noun) => Made::New(show(noun)?),
        Made::Before(noun) => Made::Before(show(noun)?),
        Made::Existing(noun) => Made::Existing(show(noun)?),
    };
    Ok(respond(new, shown, |shown| shown))
}

fn respond<N, R: IntoResponse>(new: StatusCode, made: Made<N>, show: impl FnOnce(N) -> R) -> Response {
    match made {
        Made::New(noun) => (new, show(noun)).into_response(),
        Made::Before(noun) => (new, [(IDEMPOTENT_REPLAY, "true")], show(noun)).into_response(),
        Made::Existing(noun) => show(noun).into_response(),
    }
}
