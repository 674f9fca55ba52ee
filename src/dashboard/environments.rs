//! The environments: which there are, making, renaming and deleting them, and choosing the one to look at.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::{Markup, html};
use serde::Deserialize;

use super::Pages;
use super::components::data::outside;
use super::components::form::Field;
use super::components::icon::{Icon, icon};
use super::components::list::pager;
use super::components::notice::{Tone, notice};
use super::components::time::ago;
use super::failure::Failure;
use super::fields::{Fields, Form};
use super::frame::{self, Page, Section};
use super::notices::with_notice;
use super::place::Place;
use super::submitted::Submitted;
use super::viewer::Viewer;
use super::words;
use crate::domain::environment::{Environment, EnvironmentChange, EnvironmentType, SettingsChange};
use crate::domain::id::EnvironmentId;
use crate::domain::preset::Preset;
use crate::ops::{Listed, Made, OpError, Page as Part};

/// Environments on a page.
const LISTED: usize = 100;
const TYPES: [(&str, &str); 2] =
    [("development", "Development: tests and trials"), ("production", "Production: live traffic")];

#[derive(Deserialize)]
struct OtherPath {
    other_id: String,
}

/// The routes of environments.
pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .route("/switch", get(switch))
        .route("/environments", get(list).post(create))
        .route("/environments/new", get(new))
        .route("/environments/{other_id}/edit", get(edit).post(change))
        .route("/environments/{other_id}/delete", get(ask_delete).post(delete))
}

fn home(viewer: &Viewer) -> String {
    viewer.place.at("/environments")
}

fn status(form: &Form) -> StatusCode {
    if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
}

/// A page of the environments that the viewer may look at.
async fn seen(pages: &Pages, viewer: &Viewer, after: Option<EnvironmentId>) -> Result<Listed<Environment>, OpError> {
    if !viewer.is_admin() {
        return Ok(Listed { items: vec![viewer.environment.clone()], done: true });
    }
    let part = Part { limit: LISTED, after, backwards: false, descending: false };
    pages.operations.list_environments(&viewer.access, part).await
}

async fn switch(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    let listed = seen(&pages, &viewer, None).await?;
    let body = html! {
        div.card.padded {
            div.stack-small data-dialog-body {
                ul.choices {
                    @for environment in &listed.items {
                        @let is_shown = environment.id == viewer.environment.id;
                        li {
                            a href=(Place::Dashboard(environment.id).home()) aria-current=[is_shown.then_some("true")] {
                                (icon(Icon::Environment))
                                span { (outside(&environment.name)) }
                                span.faint.small { (environment.environment_type.as_str()) }
                                @if is_shown { (icon(Icon::Check)) span.hidden-visually { "shown now" } }
                            }
                        }
                    }
                }
                @if viewer.is_admin() { p { a href=(home(&viewer)) { "All environments" } } }
            }
        }
    };
    Ok(Page::new(&viewer, Section::Environments, "Switch environment").show(body))
}

async fn list(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    require_admin(&viewer)?;
    let after = EnvironmentId::parse(viewer.query.text("after"));
    let listed = seen(&pages, &viewer, after).await?;
    let home = home(&viewer);
    let next = listed.items.last().filter(|_| !listed.done).map(|last| format!("{home}?after={}", last.id));
    let body = html! {
        section.card {
            div.scroll {
                table {
                    caption.hidden-visually { "Environments" }
                    thead {
                        tr {
                            th scope="col" { "Name" } th.wide scope="col" { "Type" } th scope="col" { "Modelled on" }
                            th.wide scope="col" { "Id" } th.wide scope="col" { "Created" }
                            th scope="col" { span.hidden-visually { "Actions" } }
                        }
                    }
                    tbody { @for environment in &listed.items { (row(&viewer, environment)) } }
                }
            }
            (pager(after.map(|_| home.as_str()), next.as_deref()))
        }
    };
    let actions = html! {
        @if viewer.may_write() {
            a.button.primary href=(viewer.place.at("/environments/new")) { (icon(Icon::Plus)) "New environment" }
        }
    };
    Ok(Page::new(&viewer, Section::Environments, "Environments")
        .lead(html! { "Each has applications, event types, settings and keys of its own." })
        .actions(actions)
        .show(body))
}

fn row(viewer: &Viewer, environment: &Environment) -> Markup {
    let path = format!("{}/{}", home(viewer), environment.id);
    let is_shown = environment.id == viewer.environment.id;
    html! {
        tr id=(environment.id) {
            th scope="row" {
                a.subject href=(Place::Dashboard(environment.id).home()) { (outside(&environment.name)) }
                @if is_shown { " " span.tag { "shown now" } }
            }
            td.wide { (type_name(environment.environment_type)) }
            td { (words::preset(environment.settings.preset)) }
            td.wide { code.faint { (environment.id) } }
            td.wide { (ago(environment.created_at, viewer.now)) }
            td.number.nowrap {
                @if viewer.may_write() {
                    a.button.plain.small href=(format!("{path}/edit")) data-dialog { "Rename" }
                    @if !is_shown { " " a.button.plain.small href=(format!("{path}/delete")) data-dialog { "Delete" } }
                }
            }
        }
    }
}

const fn type_name(kind: EnvironmentType) -> &'static str {
    match kind {
        EnvironmentType::Production => "Production",
        EnvironmentType::Development => "Development",
    }
}

fn require_admin(viewer: &Viewer) -> Result<(), OpError> {
    if viewer.is_admin() { Ok(()) } else { Err(OpError::AdminOnly) }
}

/// What a preset stands for.
const fn meaning(preset: Preset) -> &'static str {
    match preset {
        Preset::Standard => {
            "Standard Webhooks: each payload as it was posted, ten attempts over three days, and an empty catalogue to fill."
        }
        Preset::RoseRocket => {
            "Freight: 21 events in four groups. An event object with the record's id; one attempt, and answers are never acted on. In the portal: choose an event, enter a URL, click the plus sign."
        }
        Preset::Shoprocket => {
            "A shop: orders and customers. Each payload as {data, type, webhook_environment}, ten attempts. In the portal: Add Webhook, select events, Save, and Send test data."
        }
        Preset::ShipEngine => {
            "Shipping: one endpoint for each event, thin payloads with a link, three attempts two hours apart. In the portal: a grid of events with URL and status."
        }
    }
}

fn show_new(viewer: &Viewer, form: &Form) -> Response {
    let fields = html! {
        @for why in form.errors_beside(&["name", "type", "preset"]) { (notice(Tone::Bad, &html! { (why) })) }
        (Field::new("name", "Name").required().first().placeholder("Staging").input(form))
        (Field::new("type", "Type").select(form, TYPES))
        fieldset {
            legend { "How it sends" }
            p.hint.muted { "What it starts with; every setting can be changed afterwards." }
            div.cards {
                @for preset in Preset::ALL {
                    label.preset {
                        input type="radio" name="preset" value=(preset.as_str()) checked[form.has("preset", preset.as_str())];
                        span { strong { (words::preset(preset)) } span.muted { (meaning(preset)) } }
                    }
                }
            }
            @if let Some(why) = form.error("preset") { p.error { (why) } }
        }
        div.row { button.button.primary { "Create environment" } a.button.plain href=(home(viewer)) { "Cancel" } }
    };
    Page::new(viewer, Section::Environments, "New environment")
        .crumb("Environments", home(viewer))
        .status(status(form))
        .show(html! { div.card.padded { (frame::post(viewer, &home(viewer), "fields wide-fields", &fields)) } })
}

async fn new(viewer: Viewer) -> Result<Response, Failure> {
    require_admin(&viewer)?;
    let fields = Fields::default().with("type", "development").with("preset", Preset::default().as_str());
    Ok(show_new(&viewer, &Form::new(fields)))
}

fn wanted(fields: &Fields) -> Result<EnvironmentChange, OpError> {
    let refused = |field: &str| OpError::invalid(field, "choice", "must be one of these");
    let preset = match fields.filled("preset") {
        Some(name) => Some(Preset::parse(name).ok_or_else(|| refused("preset"))?),
        None => None,
    };
    Ok(EnvironmentChange {
        name: Some(fields.text("name").to_owned()),
        environment_type: Some(EnvironmentType::parse(fields.text("type")).ok_or_else(|| refused("type"))?),
        settings: SettingsChange { preset, ..SettingsChange::default() },
    })
}

async fn create(State(pages): State<Arc<Pages>>, Submitted { viewer, fields }: Submitted) -> Result<Response, Failure> {
    let made = async { pages.operations.create_environment(&viewer.access, wanted(&fields)?, None).await };
    match made.await {
        Ok(Made::New(made) | Made::Before(made) | Made::Existing(made)) => {
            let path = Place::Dashboard(made.id).at("/event-types");
            Ok(Redirect::to(&with_notice(&path, "created")).into_response())
        }
        Err(error) => Ok(show_new(&viewer, &Form::refused(fields, error)?)),
    }
}

fn show_edit(viewer: &Viewer, id: &str, form: &Form) -> Response {
    let fields = html! {
        @for why in form.errors_beside(&["name", "type"]) { (notice(Tone::Bad, &html! { (why) })) }
        (Field::new("name", "Name").required().first().input(form))
        (Field::new("type", "Type").select(form, TYPES))
        div.row { button.button.primary { "Save" } a.button.plain href=(home(viewer)) { "Cancel" } }
    };
    let path = format!("{}/{id}/edit", home(viewer));
    Page::new(viewer, Section::Environments, "Rename environment")
        .crumb("Environments", home(viewer))
        .status(status(form))
        .show(html! { div.card.padded { div data-dialog-body { (frame::post(viewer, &path, "fields", &fields)) } } })
}

async fn edit(
    State(pages): State<Arc<Pages>>,
    viewer: Viewer,
    Path(path): Path<OtherPath>,
) -> Result<Response, Failure> {
    let other = pages.operations.environment(&viewer.access, &path.other_id).await?;
    let fields = Fields::default().with("name", &*other.name).with("type", other.environment_type.as_str());
    Ok(show_edit(&viewer, &other.id.to_string(), &Form::new(fields)))
}

async fn change(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<OtherPath>,
    Submitted { viewer, fields }: Submitted,
) -> Result<Response, Failure> {
    let changed = async { pages.operations.change_environment(&viewer.access, &path.other_id, wanted(&fields)?).await };
    match changed.await {
        Ok(_) => Ok(Redirect::to(&with_notice(&home(&viewer), "saved")).into_response()),
        Err(error) => Ok(show_edit(&viewer, &path.other_id, &Form::refused(fields, error)?)),
    }
}

fn show_delete(viewer: &Viewer, other: &Environment, form: &Form) -> Response {
    let fields = html! {
        @for why in form.errors_beside(&["typed"]) { (notice(Tone::Bad, &html! { (why) })) }
        p {
            "All that " strong { (outside(&other.name)) } " has goes with it: applications, endpoints, messages, keys. What "
            "waits to be sent is cancelled. This can't be taken back."
        }
        (Field::new("typed", "Type its name to delete it").required().first().placeholder(&other.name).input(form))
        div.row { button.button.danger { "Delete environment" } a.button.plain href=(home(viewer)) { "Cancel" } }
    };
    let path = format!("{}/{}/delete", home(viewer), other.id);
    Page::new(viewer, Section::Environments, "Delete environment?")
        .crumb("Environments", home(viewer))
        .status(status(form))
        .show(html! { div.card.padded { div data-dialog-body { (frame::post(viewer, &path, "fields", &fields)) } } })
}

async fn ask_delete(
    State(pages): State<Arc<Pages>>,
    viewer: Viewer,
    Path(path): Path<OtherPath>,
) -> Result<Response, Failure> {
    let other = pages.operations.environment(&viewer.access, &path.other_id).await?;
    Ok(show_delete(&viewer, &other, &Form::default()))
}

async fn delete(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<OtherPath>,
    Submitted { viewer, fields }: Submitted,
) -> Result<Response, Failure> {
    let other = pages.operations.environment(&viewer.access, &path.other_id).await?;
    if fields.text("typed") != other.name.trim() {
        let form = Form::new(fields).with_error("typed", "that is not its name");
        return Ok(show_delete(&viewer, &other, &form));
    }
    match pages.operations.delete_environment(&viewer.access, &path.other_id).await {
        Ok(()) => Ok(Redirect::to(&with_notice(&home(&viewer), "deleted")).into_response()),
        Err(error) => Ok(show_delete(&viewer, &other, &Form::refused(fields, error)?)),
    }
}
