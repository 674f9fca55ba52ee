//! The transformation of an endpoint: its code, its variables, which are written and never read, and beside them a
//! message to try the code on. Trying sends and keeps nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::{Markup, html};

use super::testing::{example, first_wanted};
use super::{EndpointPath, Shown, View};
use crate::dashboard::Pages;
use crate::dashboard::components::data::{block, outside, visible};
use crate::dashboard::components::form::{Field, check, nothing};
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::{Fields, Form};
use crate::dashboard::frame;
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::json;
use crate::domain::transformation::{CONCEALED, Transformation, TransformationChange};
use crate::ops::{Simulated, Simulation};

/// What an endpoint without code begins with.
const BEGINNING: &str = "function handler(webhook) {\n  return webhook;\n}\n";
/// The fields of the form.
const FIELDS: [&str; 5] = ["code", "enabled", "variables", "event_type", "payload"];

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/endpoints/{endpoint_id}/transformation", get(show).post(save_or_try))
}

async fn show(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let (application, endpoint) = shown.ids();
    let transformation = pages.operations.transformation(&viewer.access, &application, &endpoint).await?;
    let catalogue = pages.operations.event_types_in_order(&viewer.access, false).await?;
    let name = first_wanted(shown.endpoint(), &catalogue);
    let fields =
        fields_of(&transformation).with("payload", example(&viewer, &catalogue, &name)).with("event_type", name);
    Ok(page(&viewer, &shown, &Form::new(fields), None))
}

/// The transformation as its form holds it.
fn fields_of(transformation: &Transformation) -> Fields {
    let variables: Vec<_> = transformation.variables.names().map(|name| format!("{name}={CONCEALED}")).collect();
    Fields::default()
        .with("code", transformation.code.as_deref().unwrap_or(BEGINNING))
        .with("enabled", if transformation.enabled { "yes" } else { "" })
        .with("variables", variables.join("\n"))
}

/// The variables as they were typed: a name, `=` and a value in each line.
fn variables(text: &str) -> Result<BTreeMap<String, String>, String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| match line.split_once('=') {
            Some((name, value)) => Ok((name.trim().to_owned(), value.to_owned())),
            None => Err(format!("{:?} has no `=`: write NAME=value", line.trim())),
        })
        .collect()
}

async fn save_or_try(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let variables = match variables(fields.raw("variables")) {
        Ok(variables) => variables,
        Err(why) => return Ok(page(&viewer, &shown, &Form::new(fields).with_error("variables", &why), None)),
    };
    let code = fields.raw("code").replace("\r\n", "\n");
    let (application, endpoint) = shown.ids();
    if fields.text("do") == "try" {
        let wanted = Simulation {
            code,
            variables,
            event_type: fields.text("event_type").to_owned(),
            channels: Vec::new(),
            payload: Bytes::from(fields.text("payload").to_owned()),
        };
        return match pages.operations.simulate_transformation(&viewer.access, &application, &endpoint, wanted).await {
            Ok(simulated) => Ok(page(&viewer, &shown, &Form::new(fields), Some(&simulated))),
            Err(error) => {
                let form = Form::refused(fields, error)?.shown_as("eventType", "event_type");
                Ok(page(&viewer, &shown, &form, None))
            }
        };
    }
    let code = (!code.trim().is_empty()).then_some(code);
    let change = TransformationChange {
        code: Some(code),
        enabled: Some(fields.has("enabled", "yes")),
        variables: Some(variables),
    };
    match pages.operations.change_transformation(&viewer.access, &application, &endpoint, change).await {
        Ok(_) => Ok(Redirect::to(&with_notice(&shown.at(viewer.place, "/transformation"), "saved")).into_response()),
        Err(error) => Ok(page(&viewer, &shown, &Form::refused(fields, error)?, None)),
    }
}

fn page(viewer: &Viewer, shown: &Shown, form: &Form, simulated: Option<&Simulated>) -> Response {
    let status = if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let parts = html! {
        section.card {
            header { h2 { "Transformation" } }
            div.body.stack { (code(form)) @if viewer.may_write() { div.row { button.button.primary name="do" value="save" { "Save" } } } }
        }
        @if viewer.may_write() {
            section.card {
                header { h2 { "Try it" } }
                div.body.stack { (trial(form)) (simulated.map_or_else(nothing, result)) }
            }
        }
    };
    let body = html! {
        (shown.banner(viewer))
        @for why in form.errors_beside(&FIELDS) { (notice(Tone::Bad, &html! { (why) })) }
        @if viewer.may_write() {
            (frame::post(viewer, &shown.at(viewer.place, "/transformation"), "columns", &parts))
        } @else {
            div.columns { (parts) }
        }
    };
    shown.page(viewer, View::Transformation).status(status).show(body)
}

fn code(form: &Form) -> Markup {
    html! {
        p.muted {
            "JavaScript that is given each delivery before it is signed. What " code { "handler" } " returns is sent: change "
            code { "payload" } ", " code { "url" } ", " code { "method" } " or " code { "headers" } ", or set "
            code { "cancel" } " to leave a message out."
        }
        (check(form, "enabled", "yes", &html! { "Run it on every delivery" }))
        (Field::new("code", "Code").hint("When it fails, nothing is sent; the delivery is tried again by its schedule.").area(form, 16))
        (Field::new("variables", "Variables")
            .placeholder("TOKEN=secret")
            .hint_markup(html! {
                "One in each line, read in the code as " code { "webhook.variables.TOKEN" } ". Values are never shown again: "
                code { (CONCEALED) } " keeps the one that is there."
            })
            .area(form, 3))
    }
}

fn trial(form: &Form) -> Markup {
    html! {
        (Field::new("event_type", "Event type").input(form))
        (Field::new("payload", "Payload").hint("The code is run on it as it stands on this page; nothing is sent or saved.").area(form, 8))
        div.row { button.button name="do" value="try" { (icon(Icon::Check)) "Run the code" } }
    }
}

/// What would be sent.
fn result(simulated: &Simulated) -> Markup {
    if simulated.cancelled {
        return notice(Tone::Note, &html! { p { strong { "Cancelled." } " Nothing would be sent of this message." } });
    }
    let headers: Vec<_> = simulated.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let body = json::indented(&String::from_utf8_lossy(&simulated.body));
    html! {
        div.stack-small role="status" {
            (notice(Tone::Good, &html! { p { strong { "It ran." } " This would be sent:" } }))
            p.small { code.mono { (simulated.method) } " " span.mono { (outside(&simulated.url)) } }
            @if !headers.is_empty() { (block("simulated-headers", &visible(&headers.join("\n")))) }
            (block("simulated-body", &body))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_line_by_line() {
        let read = variables("TOKEN=a=b c\n\n OTHER =\r\nKEPT=•••").unwrap();
        let expected = [("KEPT", CONCEALED), ("OTHER", ""), ("TOKEN", "a=b c")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert!(variables("TOKEN").unwrap_err().contains("TOKEN"));
    }

    #[test]
    fn a_result_from_outside_stays_text() {
        let simulated = Simulated {
            cancelled: false,
            method: "PUT".to_owned(),
            url: "https://example.com/<b>".to_owned(),
            headers: [("x-a".to_owned(), "<script>".to_owned())].into(),
            body: Bytes::from_static(b"{\"a\":\"</pre><script>\"}"),
        };
        let shown = result(&simulated).into_string();
        assert!(!shown.contains("<script>") && !shown.contains("<b>") && shown.contains("PUT"), "{shown}");
        assert!(result(&Simulated { cancelled: true, ..simulated }).into_string().contains("Cancelled."));
    }
}
