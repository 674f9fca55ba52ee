//! An endpoint's secret: hidden until it is asked for, rotated with a choice of how long the one before it goes on
//! signing, and how receivers verify with it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::{Markup, html};

use super::{EndpointPath, Shown, View};
use crate::dashboard::Pages;
use crate::dashboard::components::data::{block, short};
use crate::dashboard::components::form::Field;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::components::time::ago;
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::Form;
use crate::dashboard::frame;
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::ops::SecretRotation;

/// What stands where a secret is hidden.
const HIDDEN: &str = "••••••••••••••••••••••••";

/// How long the secret before it goes on signing: seconds, and what that is called.
const GRACES: [(&str, &str); 4] = [
    ("86400", "For a day, so that receivers can change over"),
    ("3600", "For an hour"),
    ("604800", "For a week"),
    ("0", "Not at all: it ends now"),
];

/// How receivers verify, in several ways.
const WAYS: [(&str, &str); 4] = [
    (
        "JavaScript",
        "import { Webhook } from \"standardwebhooks\";\n\n// The body as it came, before anything parses it.\n\
         const event = new Webhook(process.env.WEBHOOK_SECRET).verify(body, {\n  \"webhook-id\": request.headers[\"webhook-id\"],\n  \
         \"webhook-timestamp\": request.headers[\"webhook-timestamp\"],\n  \
         \"webhook-signature\": request.headers[\"webhook-signature\"],\n});",
    ),
    (
        "Python",
        "import os\n\nfrom standardwebhooks.webhooks import Webhook\n\n# The body as it came, before anything parses it. The headers \
         are\n# webhook-id, webhook-timestamp and webhook-signature.\nevent = Webhook(os.environ[\"WEBHOOK_SECRET\"]).verify(body, \
         dict(request.headers))",
    ),
    (
        "Rust",
        "use standardwebhooks::Webhook;\n\n// The body as it came, before anything parses it. The headers are\n// webhook-id, \
         webhook-timestamp and webhook-signature.\nWebhook::new(&std::env::var(\"WEBHOOK_SECRET\")?)?.verify(&body, &headers)?;",
    ),
    (
        "Command line",
        "# Says why a request that you have kept does not verify.\ncornet verify --secret-file secret.txt --body-file body.json \\\n  \
         --id \"$WEBHOOK_ID\" --timestamp \"$WEBHOOK_TIMESTAMP\" --signature \"$WEBHOOK_SIGNATURE\"",
    ),
];

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .route("/endpoints/{endpoint_id}/secret", get(show).post(reveal))
        .route("/endpoints/{endpoint_id}/rotate", get(ask).post(rotate))
}

async fn show(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let shown = Shown::find(&pages, &viewer, &path).await?;
    Ok(page(&viewer, &shown, None))
}

async fn reveal(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let viewer = submitted.viewer;
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let (application, endpoint) = shown.ids();
    viewer.require_fresh(shown.at(viewer.place, "/secret"))?;
    let secret = pages.operations.endpoint_secret(&viewer.access, &application, &endpoint).await?;
    // No browser keeps the page, and no button leads back to it.
    Ok(page(&viewer, &shown, Some(&secret)).into_response())
}

fn page(viewer: &Viewer, shown: &Shown, secret: Option<&str>) -> Response {
    let body = html! {
        (shown.banner(viewer))
        div.stack {
            section.card {
                header {
                    h2 { "Signing secret" }
                    @if viewer.may_write() {
                        a.button.small href=(shown.at(viewer.place, "/rotate")) data-dialog { (icon(Icon::Retry)) "Rotate" }
                    }
                }
                div.body.stack {
                    p.muted { "Each request is signed with it. Keep it as you keep a password: out of code, logs and chats." }
                    (secret_line(viewer, shown, secret))
                    (earlier(viewer, shown))
                }
            }
            (how_to_verify())
        }
    };
    shown.page(viewer, View::Secret).show(body)
}

fn secret_line(viewer: &Viewer, shown: &Shown, secret: Option<&str>) -> Markup {
    html! {
        @match secret {
            Some(secret) => {
                div role="status" { (short("secret", secret)) }
                @if secret.starts_with("whpk_") {
                    p.small.muted { "This endpoint signs with a key pair: what you see is the public key that verifies." }
                }
            }
            None if viewer.may_write() => (frame::post(viewer, &shown.at(viewer.place, "/secret"), "row", &html! {
                code.mono aria-label="A hidden secret" { (HIDDEN) }
                button.button.small { (icon(Icon::Eye)) "Reveal" }
            })),
            None => code.mono aria-label="A hidden secret" { (HIDDEN) },
        }
    }
}

/// The secrets before this one that still sign.
fn earlier(viewer: &Viewer, shown: &Shown) -> Markup {
    let ends = shown.route.signers.iter().skip(1).filter_map(|(_, end)| *end).filter(|end| *end > viewer.now);
    let ends: Vec<_> = ends.collect();
    html! {
        @if !ends.is_empty() {
            h3 { "Earlier secrets that still sign" }
            ul { @for end in ends { li { "A secret that ends " (ago(end, viewer.now)) } } }
        }
    }
}

fn how_to_verify() -> Markup {
    html! {
        section.card id="verify" {
            header { h2 { "How to verify" } }
            div.body.stack-small {
                p.muted {
                    code { "webhook-signature" } " signs " code { "webhook-id" } ", " code { "webhook-timestamp" }
                    " and the body's bytes, as Standard Webhooks says; libraries for many languages check it. Refuse what does not \
                     verify, and skip ids that you know already."
                }
                @for (place, (name, text)) in WAYS.iter().enumerate() {
                    details name="ways" open[place == 0] {
                        summary { (name) }
                        (block(&format!("way-{place}"), text))
                    }
                }
            }
        }
    }
}

async fn ask(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let shown = Shown::find(&pages, &viewer, &path).await?;
    viewer.access.require_writing()?;
    Ok(question(&viewer, &shown, &Form::default()))
}

fn question(viewer: &Viewer, shown: &Shown, form: &Form) -> Response {
    let status = if form.is_fine() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let body = html! {
        section.card { div.body { div.stack data-dialog-body {
            p { "A new secret is made, and requests are signed with it from now on." }
            @for why in form.errors_beside(&["grace", "key"]) { (notice(Tone::Bad, &html! { (why) })) }
            (frame::post(viewer, &shown.at(viewer.place, "/rotate"), "fields", &html! {
                (Field::new("grace", "The secret before it goes on signing").select(form, GRACES))
                details open[form.error("key").is_some()] {
                    summary { "Bring your own" }
                    (Field::new("key", "New secret").placeholder("whsec_…")
                        .hint("Empty for one that is made for you.").input(form))
                }
                div.row {
                    button.button.primary { "Rotate" }
                    a.button href=(shown.at(viewer.place, "/secret")) data-close { "Cancel" }
                }
            }))
        } } }
    };
    shown.question(viewer, "Rotate the secret").status(status).show(body)
}

async fn rotate(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let wanted = SecretRotation {
        key: fields.filled("key").map(str::to_owned),
        grace: fields.text("grace").parse().ok().map(Duration::from_secs),
    };
    let (application, endpoint) = shown.ids();
    match pages.operations.rotate_secret(&viewer.access, &application, &endpoint, wanted, None).await {
        Ok(_) => Ok(Redirect::to(&with_notice(&shown.at(viewer.place, "/secret"), "rotated")).into_response()),
        Err(error) => {
            // A secret that was typed is not sent back.
            let form = Form::refused(fields.set("key", ""), error)?.shown_as("gracePeriodSeconds", "grace");
            Ok(question(&viewer, &shown, &form))
        }
    }
}
