//! How the environment sends, and how its consumers' portal looks.

mod audit;
mod look;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};

use super::Pages;
use super::components::form::{Field, check};
use super::components::notice::{Tone, notice};
use super::components::schedule::timeline;
use super::failure::Failure;
use super::fields::{Fields, Form};
use super::frame::{self, Page, Section};
use super::notices::with_notice;
use super::submitted::Submitted;
use super::viewer::Viewer;
use super::words;
use crate::domain::envelope::Envelope;
use crate::domain::environment::{EnvironmentChange, Settings, SettingsChange};
use crate::domain::preset::Preset;
use crate::domain::retry::RetrySchedule;
use crate::ops::OpError;

const PATH: &str = "/settings";

/// The routes of the settings.
pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .route(PATH, get(page).post(change))
        .route("/settings/preset", post(start_over))
        .merge(look::router())
        .merge(audit::router())
}

/// A page of the settings. Only admins have the log, so they alone choose.
fn with_tabs<'a>(viewer: &'a Viewer, title: &str, path: &str) -> Page<'a> {
    let page = Page::new(viewer, Section::Settings, title);
    if !viewer.is_admin() {
        return page;
    }
    let at = |tab: &str| viewer.place.at(tab);
    page.tab("Settings", at(PATH), path == PATH).tab("Audit log", at(audit::PATH), path == audit::PATH)
}

/// Whether the viewer may change how the environment sends.
fn may_change(viewer: &Viewer) -> bool {
    viewer.is_admin() && viewer.may_write()
}

/// The fields of settings as they are.
fn filled(settings: &Settings) -> Fields {
    let ticked = [
        ("one_for_each_event_type", settings.endpoint_rules.one_for_each_event_type),
        ("https_only", settings.endpoint_rules.https_only),
        ("heeds_answers", settings.heeds_answers),
        ("checks_schemas", settings.checks_schemas),
    ];
    let start = Fields::default()
        .with("retry_schedule", settings.retry_schedule.to_string())
        .with("envelope", settings.envelope.as_str());
    ticked.into_iter().filter(|(_, is_on)| *is_on).fold(start, |fields, (name, _)| fields.with(name, "yes"))
}

/// What a form wants of the settings.
fn wanted(fields: &Fields) -> Result<SettingsChange, OpError> {
    let schedule: Result<RetrySchedule, _> = fields.text("retry_schedule").parse();
    let refused = |error| OpError::invalid("retry_schedule", "retry_schedule", error);
    let envelope = Envelope::parse(fields.text("envelope"));
    let is_on = |name: &str| Some(fields.has(name, "yes"));
    Ok(SettingsChange {
        preset: None,
        retry_schedule: Some(schedule.map_err(refused)?),
        envelope: Some(envelope.ok_or_else(|| OpError::invalid("envelope", "envelope", "must be one of these"))?),
        one_for_each_event_type: is_on("one_for_each_event_type"),
        https_only: is_on("https_only"),
        heeds_answers: is_on("heeds_answers"),
        checks_schemas: is_on("checks_schemas"),
    })
}

async fn page(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    let form = Form::new(filled(&viewer.environment.settings));
    show(&pages, &viewer, &form, None).await
}

/// The page with the form of how it sends, and that of the look if it was refused.
async fn show(pages: &Pages, viewer: &Viewer, form: &Form, refused_look: Option<&Form>) -> Result<Response, Failure> {
    let look = pages.operations.portal_look(viewer.access.environment_id).await?;
    let is_fine = form.is_fine() && refused_look.is_none();
    let body = html! {
        div.stack {
            (sending(viewer, form))
            (look::card(viewer, &look, refused_look))
            @if may_change(viewer) { (presets(viewer)) }
        }
    };
    let preset = words::preset(viewer.environment.settings.preset);
    Ok(with_tabs(viewer, "Settings", PATH)
        .lead(html! { "Of this environment, which is modelled on " (preset) "." })
        .status(if is_fine { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY })
        .show(body))
}

fn sending(viewer: &Viewer, form: &Form) -> Markup {
    let schedule = &viewer.environment.settings.retry_schedule;
    let may_change = may_change(viewer);
    let fields = html! {
        fieldset.fields disabled[!may_change] {
            legend.hidden-visually { "How it sends" }
            (inputs(form))
            @if may_change { div { button.button.primary { "Save" } } }
        }
    };
    html! {
        section.card {
            header { h2 { "How it sends" } }
            div.body.stack {
                @if !may_change { p.muted { "Only an admin key may change this." } }
                div.stack-small {
                    h3 { "Retries now" }
                    (timeline(schedule))
                    p.muted { (words::schedule(schedule)) " Each delay is up to a tenth longer, by chance." }
                }
                hr;
                (frame::post(viewer, &viewer.place.at(PATH), "", &fields))
            }
        }
    }
}

fn inputs(form: &Form) -> Markup {
    let box_with =
        |name: &str, label: &str, hint: &str| check(form, name, "yes", &html! { (label) br; span.muted { (hint) } });
    html! {
        @for why in form.errors_beside(&["retry_schedule", "envelope"]) { (notice(Tone::Bad, &html! { (why) })) }
        (Field::new("retry_schedule", "Retry schedule").required().placeholder("5s,5m,30m,2h")
            .hint("The delays before the second attempt, the third and so on, such as 5s,5m,30m,2h; or none. What waits already keeps its time.")
            .input(form))
        (Field::new("envelope", "Around each payload").select(form, Envelope::ALL.map(|envelope| (envelope.as_str(), words::envelope(envelope)))))
        (box_with("one_for_each_event_type", "One endpoint for each event type",
            "An endpoint has exactly one event type, and an application at most one endpoint for each."))
        (box_with("https_only", "Only https", "Endpoints with http:// are refused."))
        (box_with("heeds_answers", "Heed what endpoints answer",
            "Retry-After moves the next attempt; 410 switches the endpoint off."))
        (box_with("checks_schemas", "Hold messages against their schemas",
            "A message that does not fit the schema of its event type is refused."))
    }
}

fn presets(viewer: &Viewer) -> Markup {
    let current = Form::new(Fields::default().with("preset", viewer.environment.settings.preset.as_str()));
    let fields = html! {
        (Field::new("preset", "Preset").select(&current, Preset::ALL.map(|preset| (preset.as_str(), words::preset(preset)))))
        div { button.button { "Take all its settings" } }
    };
    html! {
        section.card {
            header { h2 { "Start from a preset" } }
            div.body.stack-small {
                p.muted { "Sets everything under “How it sends” and the portal's style as the preset has them, and adds its event types. Those that are there stay." }
                (frame::post(viewer, &viewer.place.at("/settings/preset"), "fields", &fields))
            }
        }
    }
}

async fn change(State(pages): State<Arc<Pages>>, Submitted { viewer, fields }: Submitted) -> Result<Response, Failure> {
    let changed = async { set(&pages, &viewer, wanted(&fields)?).await };
    match changed.await {
        Ok(()) => Ok(Redirect::to(&with_notice(&viewer.place.at(PATH), "saved")).into_response()),
        Err(error) => show(&pages, &viewer, &Form::refused(fields, error)?, None).await,
    }
}

async fn set(pages: &Pages, viewer: &Viewer, settings: SettingsChange) -> Result<(), OpError> {
    let change = EnvironmentChange { settings, ..EnvironmentChange::default() };
    let id = viewer.environment.id.to_string();
    pages.operations.change_environment(&viewer.access, &id, change).await.map(|_| ())
}

async fn start_over(
    State(pages): State<Arc<Pages>>,
    Submitted { viewer, fields }: Submitted,
) -> Result<Redirect, Failure> {
    let preset = Preset::parse(fields.text("preset")).ok_or(OpError::NotFound("preset"))?;
    set(&pages, &viewer, SettingsChange { preset: Some(preset), ..SettingsChange::default() }).await?;
    pages.operations.load_own_catalogue(&viewer.access, preset).await?;
    Ok(Redirect::to(&with_notice(&viewer.place.at(PATH), "saved")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_that_is_sent_as_it_is_shown_changes_nothing() {
        for preset in Preset::ALL {
            let settings = preset.settings();
            let change = wanted(&filled(&settings)).unwrap();
            assert_eq!(settings.clone().changed(&change), settings);
        }
        let nothing_ticked = Fields::default().with("retry_schedule", "none").with("envelope", "raw");
        assert_eq!(wanted(&nothing_ticked).unwrap().heeds_answers, Some(false));
        assert!(wanted(&Fields::default().with("retry_schedule", "soon").with("envelope", "raw")).is_err());
    }
}
