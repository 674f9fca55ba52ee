//! Signing in and out: with an API key, or with a link that is good for once. A link is followed by sending a form, so
//! that a program which only looks where a link leads does not use it up.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};

use super::components::form::Field;
use super::components::notice::{Tone, notice};
use super::failure::Failure;
use super::fields::{Fields, Form, sentence};
use super::place::Place;
use super::submitted::{self, Submitted};
use super::viewer::remote_address;
use super::{Pages, cookie, frame, site};
use crate::domain::id::ApplicationId;
use crate::ops::{NewSession, OpError};

/// Where signing in and out is.
pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .route("/sign-in", get(show).post(sign_in))
        .route("/sign-in/code", post(follow))
        .route("/portal/{application_id}/enter", get(show_enter).post(enter))
        .route("/environments/{environment_id}/sign-out", post(sign_out))
        .route("/portal/{application_id}/sign-out", post(sign_out))
        .route("/theme", post(theme))
}

async fn show(uri: Uri) -> Result<Response, Failure> {
    let fields = query(&uri)?;
    Ok(match fields.filled("code") {
        Some(code) => site::page(StatusCode::OK, link_page("/sign-in/code", code, "the dashboard")),
        None => site::page(StatusCode::OK, form_page(&Form::new(fields))),
    })
}

async fn show_enter(Path(application): Path<String>, uri: Uri) -> Result<Response, Failure> {
    let id = ApplicationId::parse(&application).ok_or(OpError::NotFound("application"))?;
    let fields = query(&uri)?;
    let path = format!("{}/enter", Place::Portal(id).home());
    Ok(site::page(StatusCode::OK, link_page(&path, fields.text("code"), "your webhooks")))
}

fn query(uri: &Uri) -> Result<Fields, Failure> {
    let read = Fields::read(uri.query().unwrap_or_default().as_bytes());
    read.ok_or(Failure::Unreadable("The address of the page holds what is no query."))
}

/// The fields of a form that nobody is signed in for yet.
async fn fields(request: Request, pages: &Arc<Pages>) -> Result<Fields, Failure> {
    let headers = request.headers().clone();
    if !submitted::is_from_here(&headers) {
        return Err(Failure::Foreign);
    }
    submitted::read(&headers, request, pages).await
}

async fn sign_in(State(pages): State<Arc<Pages>>, request: Request) -> Result<Response, Failure> {
    let from = remote_address(request.extensions());
    let fields = fields(request, &pages).await?;
    match pages.operations.open_session_with_key(fields.text("key"), from).await {
        Ok(opened) => Ok(welcome(&pages, &opened, back(&fields))),
        Err(OpError::Unauthenticated) => {
            let form = Form::new(fields).with_error("key", "this key is unknown or has ended");
            Ok(site::page(StatusCode::UNAUTHORIZED, form_page(&form)))
        }
        Err(OpError::TooMany { why, .. }) => {
            let form = Form::new(fields).with_error("key", &why);
            Ok(site::page(StatusCode::TOO_MANY_REQUESTS, form_page(&form)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn follow(State(pages): State<Arc<Pages>>, request: Request) -> Result<Response, Failure> {
    let from = remote_address(request.extensions());
    let fields = fields(request, &pages).await?;
    match pages.operations.open_session_with_code(fields.text("code"), from).await {
        Ok(opened) => Ok(welcome(&pages, &opened, "/")),
        Err(OpError::Unauthenticated) => {
            let why =
                "this link was used already or is too old; sign in with a key, or have `cornet link` print another";
            let form = Form::default().with_error("", why);
            Ok(site::page(StatusCode::UNAUTHORIZED, form_page(&form)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn enter(State(pages): State<Arc<Pages>>, request: Request) -> Result<Response, Failure> {
    let from = remote_address(request.extensions());
    let fields = fields(request, &pages).await?;
    match pages.operations.open_session_with_code(fields.text("code"), from).await {
        Ok(opened) => Ok(welcome(&pages, &opened, "/")),
        Err(OpError::Unauthenticated) => Err(Failure::PortalClosed),
        Err(error) => Err(error.into()),
    }
}

/// Gives the browser its session and sends it on: into the portal of the one application that it opens, or to `back`.
fn welcome(pages: &Pages, opened: &NewSession, back: &str) -> Response {
    let grant = &opened.session.grant;
    let (place, path) = match grant.application() {
        Some(id) => (Place::Portal(id), Place::Portal(id).home()),
        None => (Place::Dashboard(grant.environment_id), back.to_owned()),
    };
    let cookie = cookie::set_session(&pages.site, place, &opened.text);
    (AppendHeaders([(SET_COOKIE, cookie)]), Redirect::to(&path)).into_response()
}

async fn sign_out(
    State(pages): State<Arc<Pages>>,
    headers: HeaderMap,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let place = submitted.viewer.place;
    if let Some(token) = cookie::session(&headers, &pages.site, place) {
        pages.operations.close_session(token).await?;
    }
    let cookie = cookie::clear_session(&pages.site, place);
    let headers = AppendHeaders([(SET_COOKIE, cookie)]);
    Ok(match place {
        Place::Dashboard(_) => (headers, Redirect::to("/sign-in")).into_response(),
        Place::Portal(_) => {
            let left = html! { h1 { "You have signed out" } p.muted { "You can close this page." } };
            (headers, site::page(StatusCode::OK, frame::alone("Signed out", &left))).into_response()
        }
    })
}

async fn theme(State(pages): State<Arc<Pages>>, request: Request) -> Result<Response, Failure> {
    let fields = fields(request, &pages).await?;
    let cookie = cookie::set_theme(fields.text("theme"));
    Ok((AppendHeaders([(SET_COOKIE, cookie)]), Redirect::to(back(&fields))).into_response())
}

/// Where a form leads back to.
fn back(fields: &Fields) -> &str {
    fields.path("back").unwrap_or("/")
}

fn form_page(form: &Form) -> Markup {
    frame::alone(
        "Sign in · Cornet",
        &html! {
            h1 { "Sign in" }
            p.muted { "With an API key of this server." }
            @if form.text("again") == "yes" {
                (notice(Tone::Note, &html! { "You signed in a while ago. To see a secret, please do so once more." }))
            }
            @for why in form.errors_beside(&["key"]) { (notice(Tone::Bad, &html! { (why) })) }
            form.fields method="post" action="/sign-in" {
                input type="hidden" name="back" value=(form.text("back"));
                (Field::new("key", "API key").kind("password").placeholder("ck_…").required().first().input(form))
                button.button.primary { "Sign in" }
            }
            p.muted.small {
                "No key at hand? On the server, " code { "cornet link" } " prints a link that signs you in once. The first key "
                "was shown at the first start, or lies in " code { "first-api-key" } " in the data directory."
            }
        },
    )
}

fn link_page(path: &str, code: &str, to: &str) -> Markup {
    frame::alone(
        "Come in",
        &html! {
            h1 { "Come in" }
            p.muted { (sentence(&format!("this link opens {to}, once"))) }
            form method="post" action=(path) data-submit-at-once {
                input type="hidden" name="code" value=(code);
                button.button.primary { "Continue" }
            }
        },
    )
}
