//! The portal's look: its name, its colour and its logo.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};

use super::{PATH, filled, show};
use crate::dashboard::Pages;
use crate::dashboard::brand;
use crate::dashboard::components::form::{Field, check};
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::{Fields, Form};
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::SubmittedWithFile;
use crate::dashboard::viewer::Viewer;
use crate::domain::portal::{PORTAL_LOGO_BYTES_MAX, PortalLook};
use crate::ops::WantedLook;

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/settings/look", post(change)).route("/settings/logo/{version}", get(brand::logo))
}

/// The fields of a look as it is.
fn fields_of(look: &PortalLook) -> Fields {
    Fields::default()
        .with("name", look.name.clone().unwrap_or_default())
        .with("accent", look.accent.map(|accent| accent.to_string()).unwrap_or_default())
}

/// The card with the look's form, as the look is or as it was refused.
pub(super) fn card(viewer: &Viewer, look: &PortalLook, refused: Option<&Form>) -> Markup {
    let own = Form::new(fields_of(look));
    let form = refused.unwrap_or(&own);
    html! {
        section.card {
            header { h2 { "Portal" } }
            div.body {
                // Not `frame::post`: a file is sent in a form of another kind.
                form.fields method="post" action=(viewer.place.at("/settings/look")) enctype="multipart/form-data" {
                    input type="hidden" name="csrf" value=(viewer.csrf());
                    p.muted { "What consumers see on their own pages, in your colours." }
                    @for why in form.errors_beside(&["name", "accent", "logo"]) { (notice(Tone::Bad, &html! { (why) })) }
                    (Field::new("name", "Name").placeholder("Webhooks").hint("Stands at the top, unless there is a logo.").input(form))
                    (Field::new("accent", "Colour").placeholder("#2b55c9").length_max(7)
                        .hint("For links and buttons. Where it could not be read it is made darker or lighter.").input(form))
                    (logo(viewer, look, form))
                    @if viewer.may_write() { div { button.button.primary { "Save" } } }
                }
            }
        }
    }
}

fn logo(viewer: &Viewer, look: &PortalLook, form: &Form) -> Markup {
    let error = form.error("logo");
    html! {
        div.field {
            label for="logo" { "Logo" }
            @if let Some((_, version)) = &look.logo {
                img.logo src=(viewer.place.at(&format!("/settings/logo/{version}"))) alt="The logo now" height="28";
            }
            input type="file" id="logo" name="logo" accept="image/png,image/jpeg,image/webp,image/gif"
                aria-describedby=(if error.is_some() { "logo-hint logo-error" } else { "logo-hint" })
                aria-invalid=[error.map(|_| "true")];
            @if let Some(why) = error { p.error id="logo-error" { (why) } }
            p.hint id="logo-hint" {
                "PNG, JPEG, WebP or GIF of at most " (PORTAL_LOGO_BYTES_MAX / 1024) " KiB; shown 28 pixels high. Without a file the logo stays."
            }
            @if look.logo.is_some() { (check(form, "remove_logo", "yes", &html! { "Remove the logo" })) }
        }
    }
}

async fn change(
    State(pages): State<Arc<Pages>>,
    SubmittedWithFile { viewer, fields, file }: SubmittedWithFile,
) -> Result<Response, Failure> {
    let optional = |name: &str| Some(fields.filled(name).map(str::to_owned));
    let logo = if fields.has("remove_logo", "yes") { Some(None) } else { file.map(Some) };
    let wanted = WantedLook { name: optional("name"), accent: optional("accent"), logo };
    match pages.operations.set_portal_look(&viewer.access, wanted).await {
        Ok(_) => Ok(Redirect::to(&with_notice(&viewer.place.at(PATH), "saved")).into_response()),
        Err(error) => {
            let sending = Form::new(filled(&viewer.environment.settings));
            show(&pages, &viewer, &sending, Some(&Form::refused(fields, error)?)).await
        }
    }
}
