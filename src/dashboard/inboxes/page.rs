//! The page of one inbox, for whoever has its URL: where to send, what it answers, what came, and one request of it.

use std::sync::Arc;

use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use futures_util::stream;
use maud::{Markup, html};

use super::request::{self, Chosen};
use super::sent::{InboxPath, Sent};
use super::{beside_page, page_of};
use crate::dashboard::components::data;
use crate::dashboard::components::form::Field;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::{Fields, Form};
use crate::dashboard::frame::{self, Open};
use crate::dashboard::live::{self, Moment, happened};
use crate::dashboard::notices::with_notice;
use crate::dashboard::{Pages, cookie, site};
use crate::domain::id::InboxRequestId;
use crate::domain::inbox::{INBOX_DELAY_MAX, Inbox, InboxChange};
use crate::ops::{OpError, Page as Part};

/// Requests that the page lists.
const SHOWN: usize = 50;

/// The page.
pub(super) async fn show(
    State(pages): State<Arc<Pages>>,
    Path(InboxPath { token }): Path<InboxPath>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let query = Fields::read(uri.query().unwrap_or_default().as_bytes());
    let query = query.ok_or(Failure::Unreadable("The address of the page holds what is no query."))?;
    let inbox = pages.operations.inbox_by_token(&token).await?;
    let form = Form::new(settings(&inbox));
    page(&pages, &inbox, &headers, query, &form).await
}

/// What the form about the inbox starts with.
fn settings(inbox: &Inbox) -> Fields {
    Fields::default()
        .with("name", inbox.name.as_str())
        .with("status", inbox.answer.status.to_string())
        .with("delayMs", inbox.answer.delay_ms.to_string())
        .with("body", inbox.answer.body.as_str())
}

async fn page(
    pages: &Pages,
    inbox: &Inbox,
    headers: &HeaderMap,
    query: Fields,
    form: &Form,
) -> Result<Response, Failure> {
    let after = query.filled("after").and_then(InboxRequestId::parse);
    let part = Part { limit: SHOWN, after, backwards: false, descending: true };
    let listed = pages.operations.requests_of_inbox(&inbox.token, part).await?;
    let checker = pages.operations.signature_checker(inbox).await?;
    let asked = match query.filled("request") {
        Some(id) => Some(pages.operations.inbox_request(&inbox.token, id).await),
        None => None,
    };
    // A request that the inbox has no more, because newer ones took its place, is no reason to show nothing.
    let gone = matches!(asked, Some(Err(OpError::NotFound(_))));
    let asked = match asked {
        Some(Err(error)) if !gone => return Err(error.into()),
        Some(Ok(request)) => Some(request),
        _ => None,
    };
    let chosen = asked.as_ref().or(if gone { None } else { listed.items.first() });
    let path = page_of(&inbox.token);
    let content = html! {
        (head(&inbox.name, &inbox.token))
        div.columns { (where_to_send(pages, inbox)) (answer_form(inbox, form)) }
        div.list-and-one {
            section.card aria-label="Requests" id="requests" data-live-part {
                (request::list(&path, &query, &listed, &checker, chosen, pages.operations.now()))
            }
            section aria-label="The request" id="request" data-live-part {
                @if gone {
                    (notice(Tone::Note, &html! {
                        "This request is not here any more: the inbox keeps the newest only. " a href=(path) { "Show the newest" }
                    }))
                }
                @if let Some(chosen) = chosen {
                    (request::one(&Chosen { request: chosen, check: checker.check(chosen), path: &path, query: &query }))
                }
            }
        }
    };
    let page = Open {
        title: &inbox.name,
        theme: cookie::theme(headers),
        here: &format!("{path}{}", query.query_with(&[("notice", "")])),
        query: &query,
        // A refused form is where only forms are taken: what would be made anew can't be asked for there.
        live: form.is_fine().then(|| beside_page(&inbox.token, "live")),
    };
    let status = if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    Ok(site::page(status, frame::open(&page, &content)))
}

fn head(name: &str, token: &str) -> Markup {
    html! {
        div.page-head {
            div.titles {
                h1 { (data::outside(name)) }
                p { "A receiver to try things out with. Whoever has its URL may look at it, and send to it." }
            }
            div.actions {
                span.live role="status" hidden { "Live" }
                a.button href=(beside_page(token, "clear")) data-dialog { (icon(Icon::Delete)) "Clear" }
            }
        }
    }
}

fn where_to_send(pages: &Pages, inbox: &Inbox) -> Markup {
    let url = pages.operations.inbox_url(&inbox.token);
    let curl = format!("curl {url} -H 'Content-Type: application/json' -d '{{\"hello\": \"inbox\"}}'");
    html! {
        section.card {
            header { h2 { "Send something here" } }
            div.body.stack {
                div.field { span.label { "URL" } (data::short("url", &url)) }
                p.hint.muted { "Give it to an endpoint, or try it from a shell:" }
                (data::block("curl", &curl))
            }
        }
    }
}

fn answer_form(inbox: &Inbox, form: &Form) -> Markup {
    let delay_max = INBOX_DELAY_MAX.as_millis();
    let other: Vec<_> = form.errors_beside(&["name", "status", "delayMs", "body"]).collect();
    html! {
        section.card {
            header { h2 { "What it answers" } }
            form.body.stack method="post" action=(beside_page(&inbox.token, "answer")) {
                @for why in other { (notice(Tone::Bad, &html! { (why) })) }
                div.three {
                    (Field::new("name", "Name").required().input(form))
                    (Field::new("status", "Status").kind("number").required().input(form))
                    (Field::new("delayMs", "Delay (ms)").kind("number").required().input(form))
                }
                (Field::new("body", "Body").placeholder("Nothing").area(form, 2))
                div.spread {
                    button.button { "Save" }
                    span.small.faint { "503 fails and is tried again, 410 has gone; a delay of up to " (delay_max) " ms is slow." }
                }
            }
        }
    }
}

/// Changes what the inbox is called and answers.
pub(super) async fn answer(
    State(pages): State<Arc<Pages>>,
    headers: HeaderMap,
    sent: Sent,
) -> Result<Response, Failure> {
    let Sent { inbox, fields } = sent;
    let (status, delay_ms) = (fields.text("status").parse(), fields.text("delayMs").parse());
    let mut form = Form::new(fields.clone());
    if status.is_err() {
        form = form.with_error("status", "must be a whole number, 200 to 599");
    }
    if delay_ms.is_err() {
        form = form.with_error("delayMs", "must be a whole number of milliseconds");
    }
    if let (Ok(status), Ok(delay_ms)) = (status, delay_ms) {
        let change = InboxChange {
            name: Some(fields.text("name").to_owned()),
            status: Some(status),
            delay_ms: Some(delay_ms),
            body: Some(fields.raw("body").to_owned()),
            secret: None,
        };
        match pages.operations.change_inbox_by_token(&inbox.token, change).await {
            Ok(inbox) => return Ok(Redirect::to(&with_notice(&page_of(&inbox.token), "saved")).into_response()),
            // The operation's field of this name is the whole of a request elsewhere.
            Err(OpError::Invalid { code: "inbox_body", why, .. }) => form = form.with_error("body", &why),
            Err(error) => form = Form::refused(fields, error)?,
        }
    }
    page(&pages, &inbox, &headers, Fields::default(), &form).await
}

/// Asks before everything that was received is dropped.
pub(super) async fn ask(
    State(pages): State<Arc<Pages>>,
    Path(InboxPath { token }): Path<InboxPath>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let inbox = pages.operations.inbox_by_token(&token).await?;
    let path = page_of(&token);
    let page = Open {
        title: "Clear this inbox?",
        theme: cookie::theme(&headers),
        here: &beside_page(&token, "clear"),
        query: &Fields::default(),
        live: None,
    };
    let content = html! {
        div.page-head { div.titles { h1 { "Clear this inbox?" } } }
        div.stack data-dialog-body {
            p { "All that " strong { (data::outside(&inbox.name)) } " received is dropped. It goes on receiving." }
            form.row method="post" action=(beside_page(&token, "clear")) {
                button.button.danger { (icon(Icon::Delete)) "Clear" }
                a.button.plain href=(path) { "Cancel" }
            }
        }
    };
    Ok(site::page(StatusCode::OK, frame::open(&page, &content)))
}

/// Drops everything that was received.
pub(super) async fn clear(State(pages): State<Arc<Pages>>, sent: Sent) -> Result<Redirect, Failure> {
    pages.operations.clear_inbox(&sent.inbox.token).await?;
    Ok(Redirect::to(&with_notice(&page_of(&sent.inbox.token), "cleared")))
}

/// Says `happened` whenever something has come, until the inbox is gone.
pub(super) async fn news(
    State(pages): State<Arc<Pages>>,
    Path(InboxPath { token }): Path<InboxPath>,
) -> Result<Response, Failure> {
    let inbox = pages.operations.inbox_by_token(&token).await?;
    let open = pages.streams.open(&token, pages.site.draining())?;
    let watch = pages.operations.inboxes().watch(&inbox);
    let news = stream::unfold((pages, token, watch, open), |(pages, token, mut watch, mut open)| async move {
        loop {
            match open.wait(watch.changed()).await {
                Moment::Stopping => return None,
                Moment::LookAgain => pages.operations.inbox_by_token(&token).await.ok().map(|_| ())?,
                Moment::Happened(more) => {
                    watch.skip();
                    return more.then(|| (Ok(happened()), (pages, token, watch, open)));
                }
            }
        }
    });
    Ok(live::answer(news))
}
