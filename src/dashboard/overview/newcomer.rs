//! A newcomer's first three steps: an endpoint, a message, and seeing it arrive. Each is done with a click here, or with
//! a command elsewhere; a step is ticked when it is done, however that was.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Redirect;
use bytes::Bytes;
use maud::{Markup, html};

use crate::dashboard::Pages;
use crate::dashboard::components::data;
use crate::dashboard::components::form::nothing;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::time::ago;
use crate::dashboard::failure::Failure;
use crate::dashboard::frame::post;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::application::{Application, ApplicationChange, DEFAULT_APPLICATION_UID};
use crate::domain::delivery::Attempt;
use crate::domain::endpoint::{Endpoint, EndpointChange};
use crate::domain::figures::Window;
use crate::domain::inbox::Inbox;
use crate::domain::message::{Message, MessageFilter};
use crate::domain::time::Span;
use crate::ops::{EndpointFilter, FiguresOf, MessagesPage, NewMessage, OpError, Operations, Page as Part, WalkedPage};

/// What an environment without a catalogue is shown with.
const EXAMPLE_TYPE: &str = "order.created";
const EXAMPLE_PAYLOAD: &str = r#"{"order":{"id":"ord_1001","total":40.0,"currency":"EUR"}}"#;
/// For how long it is known that nothing was delivered.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How far a newcomer has come.
pub(super) struct Start {
    base_url: String,
    endpoint: Option<(Endpoint, Application)>,
    message: Option<Message>,
    inbox: Option<Inbox>,
    inbox_url: Option<String>,
    /// What curl would post.
    example: (String, String),
    arrived: bool,
}

impl Start {
    /// How far the viewer's environment has come; `None` when it is long past that. `attempts` are the newest there.
    pub(super) async fn read(
        pages: &Pages,
        viewer: &Viewer,
        attempts: &[(Attempt, Option<String>)],
    ) -> Result<Option<Self>, OpError> {
        let (operations, access) = (&pages.operations, &viewer.access);
        let arrived = attempts.iter().filter(|(attempt, _)| attempt.succeeded()).count();
        if arrived > 1 {
            return Ok(None);
        }
        let page = MessagesPage { before: None, limit: 1, with_content: false };
        let messages =
            operations.messages_of_environment(access, None, Span::ALL, MessageFilter::default(), page).await?;
        let message = messages.rows.into_iter().next();
        let is_old = viewer.now.since(viewer.environment.created_at) > REMEMBERED;
        if message.is_some() && is_old {
            return Ok(None);
        }
        // More of them than the newest attempts tell of.
        let month = operations.figures(access, FiguresOf::Everything, Window::Month).await?;
        if month.total.delivered > 1 {
            return Ok(None);
        }
        let endpoint = first_endpoint(operations, viewer).await?;
        let part = Part { limit: 1, after: None, backwards: false, descending: true };
        let inbox: Option<Inbox> = operations.list_inboxes(access, part).await?.items.into_iter().next();
        Ok(Some(Self {
            base_url: pages.site.base_url().to_owned(),
            example: example(operations, viewer, endpoint.as_ref().map(|(endpoint, _)| endpoint)).await?,
            endpoint,
            message,
            inbox_url: inbox.as_ref().map(|inbox| operations.inbox_url(&inbox.token)),
            inbox,
            arrived: arrived > 0,
        }))
    }

    /// Whether a message was delivered.
    pub(super) fn has_arrived(&self) -> bool {
        self.arrived
    }

    /// The steps, as a list that ticks itself.
    pub(super) fn shown(&self, viewer: &Viewer) -> Markup {
        html! {
            section.card.start aria-labelledby="start" {
                header {
                    h2 id="start" { @if self.arrived { "Your first message has arrived" } @else { "Three steps to a first delivery" } }
                }
                ol.checklist {
                    (step(self.endpoint.is_some(), "Create an endpoint", &self.first(viewer)))
                    (step(self.message.is_some(), "Send a message", &self.second(viewer)))
                    (step(self.arrived, "See it arrive", &self.third(viewer)))
                }
            }
        }
    }

    fn first(&self, viewer: &Viewer) -> Markup {
        match &self.endpoint {
            Some((endpoint, application)) => html! {
                p.muted {
                    "Messages go to "
                    a.mono href=(viewer.place.endpoint(application.id, endpoint.id)) { (data::outside(&endpoint.url)) }
                }
            },
            None => html! {
                p.muted {
                    "An endpoint is a URL that messages are sent to. An inbox is one that Cornet answers itself, so that you see what "
                    "arrives before you have written a receiver."
                }
                @if viewer.may_write() {
                    (post(viewer, &viewer.place.at("/start/endpoint"), "row", &html! {
                        button.button.primary { (icon(Icon::Inbox)) "Create an inbox endpoint" }
                        a.button.plain href=(viewer.place.at("/endpoints")) { "Use a URL of your own" }
                    }))
                }
            },
        }
    }

    fn second(&self, viewer: &Viewer) -> Markup {
        let Some((_, application)) = &self.endpoint else {
            return html! { p.faint { "Your program posts what has happened; every endpoint that wants it gets it, signed." } };
        };
        let known = application.uid.clone().unwrap_or_else(|| application.id.to_string());
        let label = if self.message.is_some() { "Send another" } else { "Send an example" };
        html! {
            @if let Some(message) = &self.message {
                p.muted { span.mono { (message.event_type) } " was accepted " (ago(message.id.time(), viewer.now)) "." }
            } @else {
                p.muted { "Send an example from here, or paste the command into a terminal: it posts the same as your program will." }
            }
            @if viewer.may_write() && !self.arrived {
                (post(viewer, &viewer.place.at("/start/message"), "row", &html! {
                    button.button.(if self.message.is_some() { "small" } else { "primary" }) { (icon(Icon::Send)) (label) }
                }))
            }
            @if self.message.is_none() { (data::block("start-curl", &curl(&self.base_url, &known, &self.example))) }
        }
    }

    fn third(&self, viewer: &Viewer) -> Markup {
        let Some(message) = &self.message else { return nothing() };
        let inbox = self.inbox.as_ref().zip(self.inbox_url.as_deref());
        html! {
            @if self.arrived {
                p.muted { "It was signed, sent and taken. What your program posts next shows up on this page." }
            } @else {
                p.muted { "It is on its way. If it does not arrive, the message's page says why." }
            }
            div.row {
                a.button.small href=(viewer.place.message(message.application_id, message.id)) { "Look at the message" }
                @if let Some((inbox, url)) = inbox { a.button.small href=(url) { "Open " (data::outside(&inbox.name)) } }
            }
        }
    }
}

fn step(is_done: bool, title: &str, body: &Markup) -> Markup {
    html! {
        li.(if is_done { "done" } else { "open" }) {
            h3 {
                (title)
                @if is_done { span.tick { (icon(Icon::Check)) span.hidden-visually { " (done)" } } }
            }
            (body)
        }
    }
}

/// The command that posts the example, good for pasting.
fn curl(base_url: &str, application: &str, (event_type, payload): &(String, String)) -> String {
    let body = format!(r#"{{"eventType":"{event_type}","payload":{payload}}}"#).replace('\'', r"'\''");
    format!(
        "curl {base_url}/api/v1/app/{application}/msg \\\n  -H \"authorization: Bearer $CORNET_API_KEY\" \\\n  \
         -H 'content-type: application/json' \\\n  -d '{body}'"
    )
}

async fn first_endpoint(operations: &Operations, viewer: &Viewer) -> Result<Option<(Endpoint, Application)>, OpError> {
    let page = WalkedPage { before: None, limit: 1 };
    let found = operations.endpoints_of_environment(&viewer.access, EndpointFilter::default(), page).await?;
    Ok(found.rows.into_iter().next())
}

/// An event type that the endpoint wants, and a payload for it that can be sent.
async fn example(
    operations: &Operations,
    viewer: &Viewer,
    endpoint: Option<&Endpoint>,
) -> Result<(String, String), OpError> {
    let known = operations.event_types_in_order(&viewer.access, false).await?;
    let wanted = endpoint.and_then(|endpoint| endpoint.event_types.as_ref()?.first().cloned());
    let chosen = match &wanted {
        Some(name) => known.iter().find(|event_type| event_type.name == *name),
        None => known.first(),
    };
    let payload = chosen.map_or_else(|| EXAMPLE_PAYLOAD.to_owned(), |event_type| event_type.example(0));
    let payload = viewer.environment.settings.envelope.fit_example(Bytes::from(payload));
    let name = wanted.or_else(|| chosen.map(|event_type| event_type.name.clone()));
    Ok((name.unwrap_or_else(|| EXAMPLE_TYPE.to_owned()), String::from_utf8_lossy(&payload).into_owned()))
}

/// Makes an inbox and an endpoint at its URL, in the application that every environment has from the start.
pub(super) async fn create_endpoint(
    State(pages): State<Arc<Pages>>,
    Submitted { viewer, .. }: Submitted,
) -> Result<Redirect, Failure> {
    let (operations, access) = (&pages.operations, &viewer.access);
    let wanted = ApplicationChange { name: Some("Default".to_owned()), ..ApplicationChange::default() };
    let routes = operations.routes_or_new(access, DEFAULT_APPLICATION_UID, Some(wanted)).await?;
    let application = routes.application.id.to_string();
    let inbox =
        operations.create_inbox(access, Some(&application), Some("First inbox".to_owned()), None).await?.into_inner();
    let event_types = match viewer.environment.settings.endpoint_rules.one_for_each_event_type {
        true => Some(Some(vec![example(operations, &viewer, None).await?.0])),
        false => None,
    };
    let change = EndpointChange {
        url: Some(operations.inbox_url(&inbox.token)),
        description: Some("An inbox, to see what arrives".to_owned()),
        event_types,
        ..EndpointChange::default()
    };
    operations.create_endpoint(access, &application, change, None, None).await?;
    Ok(Redirect::to(&viewer.place.home()))
}

/// Posts the example to the application of the first endpoint, as a program would.
pub(super) async fn send_example(
    State(pages): State<Arc<Pages>>,
    Submitted { viewer, .. }: Submitted,
) -> Result<Redirect, Failure> {
    let operations = &pages.operations;
    let (endpoint, application) = first_endpoint(operations, &viewer).await?.ok_or(OpError::NotFound("endpoint"))?;
    let (event_type, payload) = example(operations, &viewer, Some(&endpoint)).await?;
    let new = NewMessage {
        event_type,
        event_id: None,
        channels: Vec::new(),
        payload: Bytes::from(payload),
        payload_retention_days: None,
    };
    operations.accept(&viewer.access, &application.id.to_string(), None, new, None).await?;
    Ok(Redirect::to(&viewer.place.home()))
}

#[cfg(test)]
mod tests {
    use super::curl;

    #[test]
    fn the_command_can_be_pasted() {
        let example = ("a.b".to_owned(), r#"{"it's":1}"#.to_owned());
        let expected = "curl http://127.0.0.1:1/api/v1/app/default/msg \\\n  \
            -H \"authorization: Bearer $CORNET_API_KEY\" \\\n  -H 'content-type: application/json' \\\n  \
            -d '{\"eventType\":\"a.b\",\"payload\":{\"it'\\''s\":1}}'";
        assert_eq!(curl("http://127.0.0.1:1", "default", &example), expected);
    }
}
