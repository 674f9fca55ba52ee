//! Webhooks as ShipEngine's documents have them: a grid with a row for each event, an edit link at its top, a URL and a
//! status slider in each row, and one Save for all of them (SEEDS C12–C16). All rows are checked before the first is
//! written: when one can't be taken, nothing is saved, and each fault stands in its row.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use maud::{Markup, html};

use super::{Arrangement, Webhooks, inbox, rows};
use crate::dashboard::Pages;
use crate::dashboard::components::data::{outside, visible};
use crate::dashboard::components::form::nothing;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::notice::{Tone, empty, notice};
use crate::dashboard::components::status::{Status, pill};
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::{Fields, Form};
use crate::dashboard::frame;
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::endpoint::{Endpoint, EndpointChange};
use crate::domain::event_type::EventType;
use crate::ops::OpError;

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/grid", post(save))
}

/// A row: an event, and the endpoint that has it alone, if there is one.
struct Row<'a> {
    event: &'a EventType,
    endpoint: Option<&'a Endpoint>,
}

/// What saving makes of a row. Deletions come first, so that they make room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Delete,
    Change,
    Create,
}

impl Row<'_> {
    fn url_field(&self) -> String {
        format!("url.{}", self.event.name)
    }

    fn status_field(&self) -> String {
        format!("status.{}", self.event.name)
    }

    fn title(&self) -> &str {
        self.event.title.as_deref().unwrap_or(&self.event.name)
    }

    /// The row as it stands, in the fields of the form.
    fn filled(&self, fields: Fields) -> Fields {
        match self.endpoint {
            Some(endpoint) => {
                let status = if endpoint.disabled.is_none() { "on" } else { "" };
                fields.with(&self.url_field(), endpoint.url.as_str()).with(&self.status_field(), status)
            }
            None => fields,
        }
    }

    /// What the fields want of it; `None` when it stays as it is.
    fn wanted(&self, fields: &Fields) -> Option<(Step, EndpointChange)> {
        let is_on = !fields.text(&self.status_field()).is_empty();
        let url = fields.text(&self.url_field()).to_owned();
        match self.endpoint {
            None if url.is_empty() && !is_on => None,
            Some(_) if url.is_empty() => Some((Step::Delete, EndpointChange::default())),
            Some(endpoint) if endpoint.url == url && endpoint.disabled.is_none() == is_on => None,
            Some(endpoint) => {
                let url = Some(url).filter(|url| *url != endpoint.url);
                Some((Step::Change, EndpointChange { url, disabled: Some(!is_on), ..EndpointChange::default() }))
            }
            None => {
                let event_types = Some(Some(vec![self.event.name.clone()]));
                let change =
                    EndpointChange { url: Some(url), disabled: Some(!is_on), event_types, ..EndpointChange::default() };
                Some((Step::Create, change))
            }
        }
    }

    async fn check(
        &self,
        pages: &Pages,
        viewer: &Viewer,
        application: &str,
        change: &EndpointChange,
    ) -> Result<(), OpError> {
        if change.url.as_ref().is_some_and(String::is_empty) {
            return Err(OpError::invalid(
                "url",
                "url_invalid",
                "enter the URL that the event is to be sent to, or switch it off",
            ));
        }
        let endpoint = self.endpoint.map(|endpoint| endpoint.id.to_string());
        pages.operations.check_endpoint(&viewer.access, application, endpoint.as_deref(), change).await
    }

    async fn apply(
        &self,
        pages: &Pages,
        viewer: &Viewer,
        application: &str,
        step: Step,
        change: EndpointChange,
    ) -> Result<(), OpError> {
        let (operations, access) = (&pages.operations, &viewer.access);
        match (step, self.endpoint.map(|endpoint| endpoint.id.to_string())) {
            (Step::Delete, Some(id)) => operations.delete_endpoint(access, application, &id).await,
            (Step::Change, Some(id)) => operations.patch_endpoint(access, application, &id, change).await.map(|_| ()),
            _ => operations.create_endpoint(access, application, change, None, None).await.map(|_| ()),
        }
    }
}

/// The endpoint that has this event alone; of several the one that is switched on.
fn alone<'a>(webhooks: &'a Webhooks, event: &str) -> Option<&'a Endpoint> {
    let all = webhooks.routes.endpoints.iter().map(|route| &route.endpoint);
    let has_it = |endpoint: &&Endpoint| matches!(endpoint.event_types.as_deref(), Some([name]) if name == event);
    all.filter(has_it).min_by_key(|endpoint| endpoint.disabled.is_some())
}

/// The rows, in the order of the catalogue.
fn rows_of(webhooks: &Webhooks) -> Vec<Row<'_>> {
    webhooks.events.iter().map(|event| Row { event, endpoint: alone(webhooks, &event.name) }).collect()
}

async fn save(State(pages): State<Arc<Pages>>, submitted: Submitted) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let webhooks = Webhooks::find(&pages, &viewer).await?;
    let (rows, application) = (rows_of(&webhooks), webhooks.id());
    if inbox::is_wanted(&fields) {
        let names: Vec<_> = rows.iter().map(Row::url_field).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let form = inbox::filled_in(&pages, &viewer, &webhooks, fields, &names).await?;
        return Ok(edited(&viewer, &webhooks, &rows, &form));
    }
    let mut steps: Vec<_> =
        rows.iter().filter_map(|row| row.wanted(&fields).map(|(step, change)| (step, row, change))).collect();
    steps.sort_by_key(|(step, ..)| *step);
    let mut form = Form::new(fields);
    for (step, row, change) in &steps {
        if *step != Step::Delete
            && let Err(error) = row.check(&pages, &viewer, &application, change).await
        {
            form = with_fault(form, row, error)?;
        }
    }
    if !form.is_fine() {
        return Ok(edited(&viewer, &webhooks, &rows, &form));
    }
    for (step, row, change) in steps {
        if let Err(error) = row.apply(&pages, &viewer, &application, step, change).await {
            // Somebody else changed it since it was checked: what came before it is saved, and stays as it was typed.
            form = with_fault(form, row, error)?;
        }
    }
    Ok(match form.is_fine() {
        true => Redirect::to(&with_notice(&viewer.place.home(), "saved")).into_response(),
        false => edited(&viewer, &webhooks, &rows, &form),
    })
}

/// The form with what is wrong with a row; what is nobody's fault is an error of the page.
fn with_fault(form: Form, row: &Row<'_>, error: OpError) -> Result<Form, OpError> {
    match error {
        OpError::Invalid { why, .. } | OpError::Conflict { why, .. } | OpError::TooMany { why, .. } => {
            Ok(form.with_error(&row.url_field(), &why))
        }
        other => Err(other),
    }
}

/// The grid, to be looked at, or to be edited where the query says so.
pub(super) fn show(viewer: &Viewer, webhooks: &Webhooks) -> Result<Response, Failure> {
    let rows = rows_of(webhooks);
    if viewer.query.filled("edit").is_some() {
        viewer.access.require_writing()?;
        let fields = rows.iter().fold(Fields::default(), |fields, row| row.filled(fields));
        return Ok(edited(viewer, webhooks, &rows, &Form::new(fields)));
    }
    let edit = html! {
        @if viewer.may_write() && !rows.is_empty() {
            a.button.small href=(viewer.place.at("?edit=1")) { (icon(Icon::Edit)) "Edit" }
        }
    };
    let lines = html! { @for row in &rows { (shown_row(viewer, row)) } };
    let body = html! {
        div.stack {
            section.card id="webhooks" data-live-part { (grid(&rows, &edit, &lines)) }
            (others(viewer, webhooks, &rows))
        }
    };
    Ok(page(viewer).live().show(body))
}

fn edited(viewer: &Viewer, webhooks: &Webhooks, rows: &[Row<'_>], form: &Form) -> Response {
    let status = if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let buttons = html! {
        div.row {
            a.button.small href=(viewer.place.home()) { "Cancel" }
            button.button.primary.small formnovalidate { "Save" }
        }
    };
    let lines = html! { @for row in rows { (edited_row(row, form)) } };
    let fields = html! {
        (grid(rows, &buttons, &lines))
        div.card-foot {
            p.muted { "An empty URL deletes the row's webhook. All rows are saved together, or none." }
            p.muted { "No servers? " (inbox::button("button-link")) ": it fills the rows that are empty, and shows what arrives." }
        }
    };
    let names: Vec<_> = rows.iter().map(Row::url_field).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let body = html! {
        @for why in form.errors_beside(&names) { (notice(Tone::Bad, &html! { (why) })) }
        @if !form.is_fine() { (notice(Tone::Bad, &html! { "Not everything could be saved: see the rows below." })) }
        (precautions())
        div.stack {
            (frame::post(viewer, &viewer.place.at("/grid"), "card", &fields))
            (others(viewer, webhooks, rows))
        }
    };
    page(viewer).status(status).show(body)
}

fn page(viewer: &Viewer) -> frame::Page<'_> {
    Arrangement::Grid.page(viewer).lead(html! { "Each event has one webhook." })
}

/// What to know before one gives a URL (SEEDS C10).
fn precautions() -> Markup {
    notice(
        Tone::Warning,
        &html! {
            strong { "Your endpoint will be public on the Internet." }
            " Take the security precautions that any public web server needs, and verify the signature of each request."
        },
    )
}

fn grid(rows: &[Row<'_>], buttons: &Markup, lines: &Markup) -> Markup {
    html! {
        header { h2 { "Webhooks" } (buttons) }
        @if rows.is_empty() {
            (empty(Icon::EventType, "No events yet", &html! { "As soon as there are events, each has its row here." }, &nothing()))
        } @else {
            div.scroll { table.webhooks.stacks {
                caption.hidden-visually { "Webhooks by event" }
                thead { tr { th scope="col" { "Event" } th scope="col" { "URL" } th.status-cell scope="col" { "Status" } } }
                tbody { (lines) }
            } }
        }
    }
}

fn event_cell(row: &Row<'_>) -> Markup {
    html! {
        th.event-cell scope="row" {
            span.name { (outside(row.title())) }
            span.small.muted { (outside(&row.event.description)) }
        }
    }
}

fn shown_row(viewer: &Viewer, row: &Row<'_>) -> Markup {
    html! {
        tr id=(format!("row-{}", row.event.name)) {
            (event_cell(row))
            @match row.endpoint {
                Some(endpoint) => {
                    td.main-cell { (rows::url(endpoint, &viewer.place.endpoint(endpoint.application_id, endpoint.id))) }
                    td.status-cell { span.spread {
                        (rows::status(endpoint))
                        (rows::test_link(viewer, endpoint, "button plain small", "Test"))
                    } }
                }
                None => {
                    td.faint { "No endpoint" }
                    td.status-cell { (pill(Status::Disabled, "Off")) }
                }
            }
        }
    }
}

fn edited_row(row: &Row<'_>, form: &Form) -> Markup {
    let (url, status) = (row.url_field(), row.status_field());
    let (error, error_id) = (form.error(&url), format!("{url}-error"));
    html! {
        tr id=(format!("row-{}", row.event.name)) {
            (event_cell(row))
            td.main-cell { div.field {
                input type="url" name=(url) value=(form.text(&url)) placeholder="https://your-server.com" autocomplete="off"
                    spellcheck="false" aria-label=(format!("URL for {}", visible(row.title())))
                    aria-invalid=[error.map(|_| "true")] aria-describedby=[error.map(|_| &error_id)];
                @if let Some(why) = error { p.error id=(error_id) { (why) } }
            } }
            td.status-cell {
                label.switch {
                    input type="checkbox" role="switch" name=(status) value="on" checked[!form.text(&status).is_empty()]
                        aria-label=(format!("Status of {}", visible(row.title())));
                    span.on { "On" } span.off { "Off" }
                }
            }
        }
    }
}

/// Endpoints that are in no row: of several events, of one that another endpoint has, or of none in the catalogue.
fn others(viewer: &Viewer, webhooks: &Webhooks, rows: &[Row<'_>]) -> Markup {
    let in_a_row = |endpoint: &Endpoint| rows.iter().any(|row| row.endpoint.is_some_and(|own| own.id == endpoint.id));
    let all = webhooks.routes.endpoints.iter().map(|route| &route.endpoint);
    let others: Vec<_> = all.filter(|endpoint| !in_a_row(endpoint)).collect();
    let others = rows::Paged::of(viewer, others);
    html! {
        @if !others.rows().is_empty() {
            section.card {
                header { h2 { "Other webhooks" } }
                div.scroll { table.webhooks {
                    caption.hidden-visually { "Webhooks that are in no row of the grid" }
                    thead { tr { th scope="col" { "Events" } th scope="col" { "URL" } th.status-cell scope="col" { "Status" } } }
                    tbody { @for endpoint in others.rows() {
                        tr id=(endpoint.id) {
                            td { (rows::events(webhooks, endpoint)) }
                            td.main-cell { (rows::url(endpoint, &viewer.place.endpoint(endpoint.application_id, endpoint.id))) }
                            td.status-cell { (rows::status(endpoint)) }
                        }
                    } }
                } }
                (others.pager(viewer))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::application::Application;
    use crate::domain::endpoint::DisabledBecause;
    use crate::domain::id::{EnvironmentId, Id};
    use crate::domain::time::Timestamp;

    fn step(endpoint: Option<(&str, bool)>, url: &str, status: &str) -> Option<Step> {
        let environment = EnvironmentId::from_number(1);
        let application = Application::blank(Id::from_number(2), environment, Timestamp::EPOCH);
        let endpoint = endpoint.map(|(url, is_on)| Endpoint {
            url: url.to_owned(),
            disabled: (!is_on).then_some(DisabledBecause::Request),
            ..Endpoint::blank(Id::from_number(3), &application, Timestamp::EPOCH)
        });
        let event = EventType::blank(environment, "batch".to_owned(), Timestamp::EPOCH);
        let row = Row { event: &event, endpoint: endpoint.as_ref() };
        let fields = Fields::default().with("url.batch", url).with("status.batch", status);
        row.wanted(&fields).map(|(step, _)| step)
    }

    #[test]
    fn a_row_is_written_only_when_something_about_it_is_different() {
        let there = Some(("https://a.example", true));
        assert_eq!(step(there, "https://a.example", "on"), None);
        assert_eq!(step(there, "https://a.example", ""), Some(Step::Change));
        assert_eq!(step(there, "https://b.example", "on"), Some(Step::Change));
        assert_eq!(step(there, "", "on"), Some(Step::Delete));
        assert_eq!(step(None, "", ""), None);
        assert_eq!(step(None, "https://a.example", ""), Some(Step::Create));
        assert_eq!(step(None, "", "on"), Some(Step::Create), "it is refused for want of a URL");
    }
}
