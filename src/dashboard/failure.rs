//! What is answered when a page can't be shown or a form not be taken, for the one who looks at it. What can be mended
//! in a form is not here: the form is shown again with it.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;

use super::fields::sentence;
use super::{frame, site};
use crate::ops::{OpError, StoreError};

/// Why a page was not shown.
#[derive(Debug)]
pub enum Failure {
    /// Nobody is signed in to the dashboard; with the path that was asked for.
    SignIn(String),
    /// Somebody has to sign in once more to see this; with where that leads back to.
    SignInAgain(String),
    /// Nobody is signed in to this portal.
    PortalClosed,
    /// A form came from another site, or from a page of a session that has ended.
    Foreign,
    /// A form could not be read.
    Unreadable(&'static str),
    /// The operation was refused.
    Refused(OpError),
}

impl From<OpError> for Failure {
    fn from(error: OpError) -> Self {
        Self::Refused(error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, title, text) = match self {
            Self::SignIn(path) => {
                let query = serde_urlencoded::to_string([("back", path)]).unwrap_or_default();
                return Redirect::to(&format!("/sign-in?{query}")).into_response();
            }
            Self::SignInAgain(path) => {
                let query = serde_urlencoded::to_string([("back", path.as_str()), ("again", "yes")]).unwrap_or_default();
                return Redirect::to(&format!("/sign-in?{query}")).into_response();
            }
            Self::PortalClosed => (
                StatusCode::UNAUTHORIZED,
                "Your visit has ended",
                "Go back to where you came from and open this page from there once more.".to_owned(),
            ),
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                "Please try again",
                "This form was made by another page, or you have signed in anew since. Go back, reload the page, and send \
                 it again; nothing was changed."
                    .to_owned(),
            ),
            Self::Unreadable(why) => (StatusCode::BAD_REQUEST, "This could not be read", why.to_owned()),
            Self::Refused(error) => explain(&error),
        };
        site::page(
            status,
            frame::alone(
                title,
                &html! {
                    h1 { (title) }
                    p.muted { (text) }
                },
            ),
        )
    }
}

fn explain(error: &OpError) -> (StatusCode, &'static str, String) {
    let told = sentence(&error.to_string());
    match error {
        OpError::NotFound(_) => (StatusCode::NOT_FOUND, "Not found", told),
        OpError::Unauthenticated => (StatusCode::UNAUTHORIZED, "Please sign in", told),
        OpError::Forbidden(_) | OpError::AdminOnly | OpError::ReadOnly => (StatusCode::FORBIDDEN, "Not allowed", told),
        OpError::Invalid { why, .. } => (StatusCode::UNPROCESSABLE_ENTITY, "That can't be done", sentence(why)),
        OpError::Conflict { why, .. } => (StatusCode::CONFLICT, "That can't be done", sentence(why)),
        OpError::TooMany { why, .. } => (StatusCode::TOO_MANY_REQUESTS, "Please wait a moment", sentence(why)),
        OpError::Store(StoreError::Full) => {
            let text = "The disk is full. What is there can be looked at; nothing new is taken until there is room.";
            (StatusCode::SERVICE_UNAVAILABLE, "No room left", text.to_owned())
        }
        OpError::Store(error) => {
            tracing::error!(%error, "a page could not be made");
            let text = "Cornet's store did not answer. Try again in a moment; its log says more to the operator.";
            (StatusCode::SERVICE_UNAVAILABLE, "Something went wrong", text.to_owned())
        }
    }
}
