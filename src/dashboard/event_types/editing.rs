//! Making, changing, archiving and deleting event types.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};

use super::{EventTypePath, PATH, title};
use crate::dashboard::Pages;
use crate::dashboard::components::form::{Field, check};
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::{Fields, Form};
use crate::dashboard::frame::{self, Page, Section};
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::event_type::{EventType, EventTypeChange, with_newest_schema};
use crate::domain::json;
use crate::domain::retry::RetrySchedule;
use crate::ops::OpError;

/// Where the form for a new one is.
const NEW: &str = "/event-types/new";
/// The fields that show what is wrong with them.
const FIELDS: [&str; 8] =
    ["name", "title", "description", "groupName", "schemas", "example", "featureFlags", "retrySchedule"];

/// The routes of what changes event types.
pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .route(NEW, get(new).post(create))
        .route("/event-types/{name}/edit", get(edit).post(change))
        .route("/event-types/{name}/archive", post(archive))
        .route("/event-types/{name}/delete", get(ask_delete).post(delete))
}

/// What a form wants of an event type. Texts of JSON lose the spaces between their parts.
fn wanted(fields: &Fields, before: Option<&EventType>) -> Result<EventTypeChange, OpError> {
    let optional = |name: &str| fields.filled(name).map(str::to_owned);
    let flags = fields.text("featureFlags").split([',', ' ', '\r', '\n']).filter(|flag| !flag.is_empty());
    let schemas = fields.filled("schemas").map(json::compact).map(|schema| {
        let refused = |error| OpError::invalid("schemas", "schemas", format!("must be a JSON Schema: {error}"));
        with_newest_schema(before.and_then(|event_type| event_type.schemas.as_deref()), &schema).map_err(refused)
    });
    Ok(EventTypeChange {
        title: Some(optional("title")),
        description: Some(fields.text("description").replace("\r\n", "\n")),
        deprecated: Some(fields.has("deprecated", "yes")),
        group_name: Some(optional("groupName")),
        feature_flags: Some(flags.map(str::to_owned).collect()),
        schemas: Some(schemas.transpose()?),
        example: Some(fields.filled("example").map(json::compact)),
        ..EventTypeChange::default()
    })
}

/// The schedule that a form wants; `None` is the environment's.
fn wanted_schedule(fields: &Fields) -> Result<Option<RetrySchedule>, OpError> {
    let text = fields.filled("retrySchedule");
    text.map(str::parse).transpose().map_err(|error| OpError::invalid("retrySchedule", "retry_schedule", error))
}

/// The fields of an event type as it is.
fn filled(event_type: &EventType, schedule: Option<&RetrySchedule>) -> Fields {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let indented = |text: Option<String>| text.map(|text| json::indented(&text)).unwrap_or_default();
    Fields::default()
        .with("title", text(&event_type.title))
        .with("description", &*event_type.description)
        .with("groupName", text(&event_type.group_name))
        .with("schemas", indented(event_type.newest_schema()))
        .with("example", indented(event_type.example.clone()))
        .with("featureFlags", event_type.feature_flags.join(", "))
        .with("retrySchedule", schedule.map(ToString::to_string).unwrap_or_default())
        .with("deprecated", if event_type.deprecated { "yes" } else { "" })
}

fn inputs(form: &Form, is_new: bool, back: &str) -> Markup {
    html! {
        @for why in form.errors_beside(&FIELDS) { (notice(Tone::Bad, &html! { (why) })) }
        @if is_new {
            (Field::new("name", "Name").required().first().placeholder("order.created")
                .hint("Words joined by dots. Producers name it with each message; it can't be changed later.").input(form))
        }
        (Field::new("title", "Title").placeholder("Order created").hint("What people read instead of the name.").input(form))
        (Field::new("description", "Description").placeholder("An order was placed in the shop.").area(form, 2))
        (Field::new("groupName", "Group").placeholder("Orders").hint("People find it under this heading.").input(form))
        (Field::new("schemas", "JSON Schema").hint("What a payload must look like (draft 2020-12). Where the environment checks schemas, a message that does not fit is refused.").area(form, 12))
        (Field::new("example", "Example payload").hint("A JSON object. It is sent by tests.").area(form, 8))
        (Field::new("retrySchedule", "Retry schedule").placeholder("As the environment says")
            .hint("Delays such as 5s,5m,2h, or none for a single attempt.").input(form))
        (Field::new("featureFlags", "Feature flags").hint("Shown only to consumers whose portal link has one of these. Empty is everybody.").input(form))
        (check(form, "deprecated", "yes", &html! { "Deprecated: still sent, and no longer to be built on" }))
        div.row {
            button.button.primary { @if is_new { "Create event type" } @else { "Save" } }
            a.button.plain href=(back) { "Cancel" }
        }
    }
}

fn show_new(viewer: &Viewer, form: &Form) -> Response {
    let (path, list) = (viewer.place.at(NEW), viewer.place.at(PATH));
    Page::new(viewer, Section::EventTypes, "New event type")
        .crumb(title(viewer), list.clone())
        .status(status(form))
        .show(html! { div.card.padded { (frame::post(viewer, &path, "fields", &inputs(form, true, &list))) } })
}

fn show_edit(viewer: &Viewer, name: &str, form: &Form) -> Response {
    let path = viewer.place.event_type(name);
    Page::new(viewer, Section::EventTypes, "Edit event type")
        .crumb(title(viewer), viewer.place.at(PATH))
        .crumb(name, path.clone())
        .status(status(form))
        .show(html! {
            div.card.padded { (frame::post(viewer, &format!("{path}/edit"), "fields", &inputs(form, false, &path))) }
        })
}

fn status(form: &Form) -> StatusCode {
    if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
}

async fn new(viewer: Viewer) -> Response {
    let form = Form::new(Fields::default().with("name", viewer.query.text("name")));
    show_new(&viewer, &form)
}

async fn create(State(pages): State<Arc<Pages>>, Submitted { viewer, fields }: Submitted) -> Result<Response, Failure> {
    let name = fields.text("name").to_owned();
    let made = async {
        let (change, schedule) = (wanted(&fields, None)?, wanted_schedule(&fields)?);
        pages.operations.create_event_type(&viewer.access, name.clone(), change, None).await?;
        set_schedule(&pages, &viewer, &name, schedule).await
    };
    match made.await {
        Ok(()) => Ok(Redirect::to(&with_notice(&viewer.place.event_type(&name), "created")).into_response()),
        Err(error) => Ok(show_new(&viewer, &Form::refused(fields, error)?)),
    }
}

async fn set_schedule(
    pages: &Pages,
    viewer: &Viewer,
    name: &str,
    schedule: Option<RetrySchedule>,
) -> Result<(), OpError> {
    let delays = schedule.map(|schedule| schedule.delays().to_vec());
    pages.operations.set_event_type_schedule(&viewer.access, name, delays).await.map(|_| ())
}

async fn edit(
    State(pages): State<Arc<Pages>>,
    viewer: Viewer,
    Path(path): Path<EventTypePath>,
) -> Result<Response, Failure> {
    let event_type = pages.operations.event_type(&viewer.access, &path.name).await?;
    let schedule = pages.operations.event_type_schedule(&viewer.access, &path.name).await?;
    Ok(show_edit(&viewer, &event_type.name, &Form::new(filled(&event_type, schedule.as_ref()))))
}

async fn change(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EventTypePath>,
    Submitted { viewer, fields }: Submitted,
) -> Result<Response, Failure> {
    let before = pages.operations.event_type(&viewer.access, &path.name).await?;
    let changed = async {
        let (change, schedule) = (wanted(&fields, Some(&before))?, wanted_schedule(&fields)?);
        pages.operations.patch_event_type(&viewer.access, &path.name, change).await?;
        set_schedule(&pages, &viewer, &path.name, schedule).await
    };
    match changed.await {
        Ok(()) => Ok(Redirect::to(&with_notice(&viewer.place.event_type(&path.name), "saved")).into_response()),
        Err(error) => Ok(show_edit(&viewer, &path.name, &Form::refused(fields, error)?)),
    }
}

async fn archive(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EventTypePath>,
    Submitted { viewer, fields }: Submitted,
) -> Result<Redirect, Failure> {
    let archived = Some(fields.has("archived", "yes"));
    let change = EventTypeChange { archived, ..EventTypeChange::default() };
    pages.operations.patch_event_type(&viewer.access, &path.name, change).await?;
    Ok(Redirect::to(&with_notice(&viewer.place.event_type(&path.name), "saved")))
}

async fn ask_delete(
    State(pages): State<Arc<Pages>>,
    viewer: Viewer,
    Path(path): Path<EventTypePath>,
) -> Result<Response, Failure> {
    let event_type = pages.operations.event_type(&viewer.access, &path.name).await?;
    let path = viewer.place.event_type(&event_type.name);
    let question = html! {
        p {
            code { (event_type.name) } " goes for good, with its schema and its example. Messages that have it stay, and "
            "endpoints that chose it keep the name. To hide it from consumers and keep the rest, archive it instead."
        }
        div.row { button.button.danger { "Delete" } a.button.plain href=(path) { "Cancel" } }
    };
    Ok(Page::new(&viewer, Section::EventTypes, "Delete event type?")
        .crumb(title(&viewer), viewer.place.at(PATH))
        .crumb(&event_type.name, path.clone())
        .show(html! {
            div.card.padded {
                div data-dialog-body { (frame::post(&viewer, &format!("{path}/delete"), "stack", &question)) }
            }
        }))
}

async fn delete(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EventTypePath>,
    Submitted { viewer, .. }: Submitted,
) -> Result<Redirect, Failure> {
    pages.operations.delete_event_type(&viewer.access, &path.name, true).await?;
    Ok(Redirect::to(&with_notice(&viewer.place.at(PATH), "deleted")))
}
