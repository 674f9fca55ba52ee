//! Who may ask: the API keys of an environment. A key's text is on the page that answers its making and nowhere else.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::{Markup, html};
use serde::Deserialize;

use super::Pages;
use super::components::data::{block, outside};
use super::components::form::Field;
use super::components::icon::{Icon, icon};
use super::components::list::pager;
use super::components::notice::{Tone, notice};
use super::components::status::{Status, pill};
use super::components::time::ago;
use super::failure::Failure;
use super::fields::{Fields, Form};
use super::frame::{self, Page, Section};
use super::notices::with_notice;
use super::submitted::Submitted;
use super::viewer::Viewer;
use crate::domain::id::ApiKeyId;
use crate::domain::key::{ApiKey, Scope};
use crate::ops::{NewKey, OpError, Page as Part, ShownKey, WantedScope};

/// Keys on a page.
const LISTED: usize = 50;
/// When a key that goes is refused: what is sent, how long that is, and what is shown.
const GRACES: [(&str, Duration, &str); 4] = [
    ("now", Duration::ZERO, "At once"),
    ("1h", Duration::from_secs(3_600), "In an hour"),
    ("1d", Duration::from_secs(24 * 3_600), "In a day"),
    ("3d", Duration::from_secs(3 * 24 * 3_600), "In three days"),
];

#[derive(Deserialize)]
struct KeyPath {
    key_id: String,
}

/// The routes of keys.
pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .route("/keys", get(list).post(create))
        .route("/keys/new", get(new))
        .route("/keys/{key_id}/replace", get(ask_replace).post(replace))
        .route("/keys/{key_id}/expire", get(ask_expire).post(expire))
}

fn home(viewer: &Viewer) -> String {
    viewer.place.at("/keys")
}

fn environment(viewer: &Viewer) -> String {
    viewer.environment.id.to_string()
}

async fn list(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    let after = ApiKeyId::parse(viewer.query.text("after"));
    let part = Part { limit: LISTED, after, backwards: false, descending: true };
    let listed = pages.operations.list_keys(&viewer.access, &environment(&viewer), part).await?;
    let home = home(&viewer);
    let next = listed.items.last().filter(|_| !listed.done).map(|key| format!("{home}?after={}", key.id));
    let body = html! {
        section.card {
            div.scroll {
                table {
                    caption.hidden-visually { "API keys of this environment" }
                    thead {
                        tr {
                            th scope="col" { "Name" } th scope="col" { "Key" } th scope="col" { "Opens" }
                            th.wide scope="col" { "Created" } th scope="col" { "State" }
                            th scope="col" { span.hidden-visually { "Actions" } }
                        }
                    }
                    tbody { @for key in &listed.items { (row(&viewer, key)) } }
                }
            }
            (pager(after.map(|_| home.as_str()), next.as_deref()))
        }
    };
    let actions = html! {
        @if viewer.may_write() {
            a.button.primary href=(viewer.place.at("/keys/new")) data-dialog { (icon(Icon::Plus)) "New key" }
        }
    };
    Ok(Page::new(&viewer, Section::Keys, "API keys")
        .lead(html! { "What programs prove themselves with, and people who sign in." })
        .actions(actions)
        .show(body))
}

fn row(viewer: &Viewer, key: &ApiKey) -> Markup {
    let path = format!("{}/{}", home(viewer), key.id);
    let is_valid = key.is_valid(viewer.now);
    html! {
        tr id=(key.id) {
            th scope="row" { (outside(&key.name)) }
            td { code.nowrap { (key.shown) "…" } }
            td { (opens(viewer, key.scope)) }
            td.wide { (ago(key.created_at, viewer.now)) }
            td {
                @match key.expires_at {
                    None => (pill(Status::Delivered, "Active")),
                    Some(end) if is_valid => { (pill(Status::Retrying, "Ends")) " " (ago(end, viewer.now)) }
                    Some(end) => { (pill(Status::Disabled, "Ended")) " " (ago(end, viewer.now)) }
                }
            }
            td.number.nowrap {
                @if is_valid && viewer.may_write() {
                    a.button.plain.small href=(format!("{path}/replace")) data-dialog { "Replace" }
                    " " a.button.plain.small href=(format!("{path}/expire")) data-dialog { "End" }
                }
            }
        }
    }
}

fn opens(viewer: &Viewer, scope: Scope) -> Markup {
    match scope {
        Scope::Admin => html! { "Everything, everywhere" },
        Scope::Environment => html! { "This environment" },
        Scope::Application(id) => html! { a href=(viewer.place.application(id)) { "One application" } },
    }
}

fn show_form(viewer: &Viewer, form: &Form) -> Response {
    let scopes = [
        ("environment", "This environment, without its keys"),
        ("application", "One application"),
        ("admin", "Everything, in every environment, keys too"),
    ];
    let fields = html! {
        @for why in form.errors_beside(&["name", "scope", "application"]) { (notice(Tone::Bad, &html! { (why) })) }
        (Field::new("name", "Name").required().first().placeholder("Checkout service").hint("To recognise it by.").input(form))
        (Field::new("scope", "Opens").select(form, scopes))
        (Field::new("application", "Application").placeholder("app_… or its uid").hint("Only for a key of one application.").input(form))
        div.row { button.button.primary { "Create key" } a.button.plain href=(home(viewer)) { "Cancel" } }
    };
    Page::new(viewer, Section::Keys, "New API key")
        .crumb("API keys", home(viewer))
        .status(if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY })
        .show(html! { div.card.padded { div data-dialog-body { (frame::post(viewer, &home(viewer), "fields", &fields)) } } })
}

async fn new(viewer: Viewer) -> Result<Response, Failure> {
    require_admin(&viewer)?;
    Ok(show_form(&viewer, &Form::default()))
}

/// Refuses whoever could not send the form.
fn require_admin(viewer: &Viewer) -> Result<(), OpError> {
    if viewer.is_admin() { Ok(()) } else { Err(OpError::AdminOnly) }
}

/// The scope that a form wants.
fn wanted_scope(fields: &Fields) -> Result<WantedScope, OpError> {
    match (fields.text("scope"), fields.filled("application")) {
        ("admin", _) => Ok(WantedScope::Admin),
        ("environment", _) => Ok(WantedScope::Environment),
        ("application", Some(application)) => Ok(WantedScope::Application(application.to_owned())),
        ("application", None) => Err(OpError::invalid("application", "application", "must be said for a key of one")),
        _ => Err(OpError::invalid("scope", "scope", "must be one of these")),
    }
}

async fn create(State(pages): State<Arc<Pages>>, Submitted { viewer, fields }: Submitted) -> Result<Response, Failure> {
    let made = async {
        let wanted = NewKey { name: fields.text("name").to_owned(), scope: wanted_scope(&fields)? };
        pages.operations.create_key(&viewer.access, &environment(&viewer), wanted, None).await
    };
    match made.await {
        Ok(made) => Ok(show_made(&viewer, &made, &html! {})),
        Err(OpError::NotFound("application")) => {
            let why = "there is no such application in this environment";
            Ok(show_form(&viewer, &Form::new(fields).with_error("application", why)))
        }
        Err(error) => Ok(show_form(&viewer, &Form::refused(fields, error)?)),
    }
}

/// The only page that shows a key's text.
fn show_made(viewer: &Viewer, made: &ShownKey, besides: &Markup) -> Response {
    Page::new(viewer, Section::Keys, "Your new key").crumb("API keys", home(viewer)).show(html! {
        div.card.padded {
            div.stack data-dialog-body {
                p { "This is " strong { (outside(&made.key.name)) } ". Copy it now: it is shown this once, and only a hash of it is kept." }
                (block("key", &made.text))
                (besides)
                div { a.button.primary href=(home(viewer)) { "I have copied it" } }
            }
        }
    })
}

fn grace(fields: &Fields) -> Result<Duration, OpError> {
    let found = GRACES.into_iter().find(|(name, ..)| *name == fields.text("grace"));
    found.map(|(_, grace, _)| grace).ok_or_else(|| OpError::invalid("grace", "expiry", "must be one of these"))
}

/// What a page about the end of a key asks.
struct Question {
    title: &'static str,
    /// The last part of its path.
    path: &'static str,
    text: &'static str,
    label: &'static str,
    button: &'static str,
}

const REPLACE: Question = Question {
    title: "Replace key?",
    path: "replace",
    text: "A new key that opens the same is made and shown once. The old one goes on being accepted until then, so that you can change over.",
    label: "The old one ends",
    button: "Make a new key",
};
const EXPIRE: Question = Question {
    title: "End key?",
    path: "expire",
    text: "Whatever uses it is refused from then on. This can't be taken back.",
    label: "It ends",
    button: "End key",
};

async fn ask(pages: &Pages, viewer: &Viewer, id: &str, question: &Question, form: &Form) -> Result<Response, Failure> {
    let key = pages.operations.key(&viewer.access, &environment(viewer), id).await?;
    let fields = html! {
        @for why in form.errors_beside(&["grace"]) { (notice(Tone::Bad, &html! { (why) })) }
        p { strong { (outside(&key.name)) } " (" code { (key.shown) "…" } "): " (question.text) }
        (Field::new("grace", question.label).select(form, GRACES.map(|(name, _, shown)| (name, shown))))
        div.row {
            button.button.danger { (question.button) }
            a.button.plain href=(home(viewer)) { "Cancel" }
        }
    };
    let path = format!("{}/{}/{}", home(viewer), key.id, question.path);
    Ok(Page::new(viewer, Section::Keys, question.title)
        .crumb("API keys", home(viewer))
        .status(if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY })
        .show(html! { div.card.padded { div data-dialog-body { (frame::post(viewer, &path, "fields", &fields)) } } }))
}

async fn ask_replace(
    State(pages): State<Arc<Pages>>,
    viewer: Viewer,
    Path(path): Path<KeyPath>,
) -> Result<Response, Failure> {
    let form = Form::new(Fields::default().with("grace", "1d"));
    ask(&pages, &viewer, &path.key_id, &REPLACE, &form).await
}

async fn replace(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<KeyPath>,
    Submitted { viewer, fields }: Submitted,
) -> Result<Response, Failure> {
    let environment = environment(&viewer);
    let replaced = async {
        let grace = grace(&fields)?;
        let old = pages.operations.key(&viewer.access, &environment, &path.key_id).await?;
        let scope = match old.scope {
            Scope::Admin => WantedScope::Admin,
            Scope::Environment => WantedScope::Environment,
            Scope::Application(id) => WantedScope::Application(id.to_string()),
        };
        let new = NewKey { name: old.name, scope };
        let made = pages.operations.create_key(&viewer.access, &environment, new, None).await?;
        pages.operations.expire_key(&viewer.access, &environment, &path.key_id, grace).await?;
        Ok(made)
    };
    match replaced.await {
        Ok(made) => Ok(show_made(&viewer, &made, &html! { p.muted { "The old one ends as you chose." } })),
        Err(error) => ask(&pages, &viewer, &path.key_id, &REPLACE, &Form::refused(fields, error)?).await,
    }
}

async fn ask_expire(
    State(pages): State<Arc<Pages>>,
    viewer: Viewer,
    Path(path): Path<KeyPath>,
) -> Result<Response, Failure> {
    ask(&pages, &viewer, &path.key_id, &EXPIRE, &Form::default()).await
}

async fn expire(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<KeyPath>,
    Submitted { viewer, fields }: Submitted,
) -> Result<Response, Failure> {
    let ended = async {
        pages.operations.expire_key(&viewer.access, &environment(&viewer), &path.key_id, grace(&fields)?).await
    };
    match ended.await {
        Ok(()) => Ok(Redirect::to(&with_notice(&home(&viewer), "saved")).into_response()),
        Err(error) => ask(&pages, &viewer, &path.key_id, &EXPIRE, &Form::refused(fields, error)?).await,
    }
}
