//! Receiving without a server: an inbox whose URL goes into a form (SEEDS B31, C11), or one with an endpoint at it, made
//! together, to see a first event arrive.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Arrangement, Webhooks, rows};
use crate::dashboard::Pages;
use crate::dashboard::components::data::short;
use crate::dashboard::components::form::nothing;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::{Fields, Form};
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::endpoint::EndpointChange;
use crate::domain::inbox::Inbox;
use crate::domain::target::Target;
use crate::ops::{Made, OpError};

/// What a button of a form sends when an inbox is wanted.
const ACTION: &str = "action";
const WANTED: &str = "inbox";
/// What the endpoint is called that is made with an inbox.
const NAME: &str = "Inbox";

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/inboxes", post(create)).route("/inboxes/{inbox_id}", get(show))
}

#[derive(Deserialize)]
struct InboxPath {
    inbox_id: String,
}

/// The button that wants an inbox for the form that it is in.
pub(super) fn button(class: &str) -> Markup {
    html! { button.(class) name=(ACTION) value=(WANTED) formnovalidate { "Use an inbox" } }
}

/// Whether a form was sent with that button.
pub(super) fn is_wanted(fields: &Fields) -> bool {
    fields.text(ACTION) == WANTED
}

/// The form once more, with the URL of a new inbox in those of these fields that are empty.
pub(super) async fn filled_in(
    pages: &Pages,
    viewer: &Viewer,
    webhooks: &Webhooks,
    fields: Fields,
    names: &[&str],
) -> Result<Form, OpError> {
    match made(pages, viewer, webhooks).await {
        Ok(inbox) => {
            let url = pages.operations.inbox_url(&inbox.token);
            let empty = names.iter().filter(|name| fields.filled(name).is_none());
            let filled = empty.fold(fields.clone(), |fields, name| fields.set(name, url.as_str()));
            Ok(Form::new(filled))
        }
        Err(error) => Form::refused(fields, error),
    }
}

/// Says that a URL is an inbox's, and leads there.
pub(super) async fn note(pages: &Pages, url: &str) -> Result<Markup, OpError> {
    let Ok(target) = Target::parse(url) else { return Ok(nothing()) };
    let found = pages.operations.inboxes().at(&target).await?;
    Ok(html! {
        @if let Some(inbox) = found {
            (notice(Tone::Note, &html! {
                "The URL is that of an inbox. "
                a href=(format!("/inbox/{}", inbox.token)) target="_blank" rel="noopener" { "Open the inbox" }
                " in another tab to see what arrives there."
            }))
        }
    })
}

async fn made(pages: &Pages, viewer: &Viewer, webhooks: &Webhooks) -> Result<Inbox, OpError> {
    let made = pages.operations.create_inbox(&viewer.access, Some(&webhooks.id()), None, None).await?;
    Ok(match made {
        Made::New(inbox) | Made::Before(inbox) | Made::Existing(inbox) => inbox,
    })
}

/// Makes an inbox and an endpoint at it that wants all events.
async fn create(State(pages): State<Arc<Pages>>, submitted: Submitted) -> Result<Response, Failure> {
    let viewer = submitted.viewer;
    let webhooks = Webhooks::find(&pages, &viewer).await?;
    let inbox = made(&pages, &viewer, &webhooks).await?;
    let change = EndpointChange {
        url: Some(pages.operations.inbox_url(&inbox.token)),
        description: Some(NAME.to_owned()),
        ..EndpointChange::default()
    };
    pages.operations.create_endpoint(&viewer.access, &webhooks.id(), change, None, None).await?;
    let path = viewer.place.at(&format!("/inboxes/{}", inbox.id));
    Ok(Redirect::to(&with_notice(&path, "created")).into_response())
}

/// What to do with a new inbox: look into it, and send something there.
async fn show(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<InboxPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let webhooks = Webhooks::find(&pages, &viewer).await?;
    viewer.access.require_writing()?;
    let inbox = pages.operations.inbox(&viewer.access, &path.inbox_id).await?;
    let url = pages.operations.inbox_url(&inbox.token);
    let endpoint = webhooks.routes.endpoints.iter().map(|route| &route.endpoint).find(|endpoint| endpoint.url == url);
    let body = html! {
        section.card { div.body.stack {
            p { "All events go to this inbox now. It keeps what it receives and shows it at once: headers, body, and whether the signature is right." }
            dl.facts { dt { "URL" } dd { (short("inbox-url", &url)) } }
            ol.steps {
                li { a href=(format!("/inbox/{}", inbox.token)) target="_blank" rel="noopener" { "Open the inbox" } " in another tab." }
                @if let Some(endpoint) = endpoint {
                    li { (rows::test_link(&viewer, endpoint, "button small", "Send test data")) " and see it arrive there." }
                    li {
                        "Look at "
                        a href=(viewer.place.endpoint(endpoint.application_id, endpoint.id)) { "the endpoint" }
                        ": its deliveries, its secret, and its settings, where you give it the URL of your own server when there is one."
                    }
                }
            }
            p.muted.row { (icon(Icon::Note)) "Whoever has the URL of the inbox can look into it: keep it to yourself." }
        } }
    };
    Ok(Arrangement::from(&viewer).page_below(&viewer, "Your inbox").show(body))
}
