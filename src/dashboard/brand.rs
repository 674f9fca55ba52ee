//! The platform's brand on its consumers' pages: the colour as a small style sheet of its own, and the logo. The paths of
//! both tell their content, so browsers may keep them.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::{Markup, html};
use serde::Deserialize;

use super::Pages;
use super::failure::Failure;
use super::viewer::Viewer;
use crate::domain::portal::Colour;
use crate::ops::OpError;

/// They are shown to who is signed in.
const FOR_EVER: &str = "private, max-age=31536000, immutable";
/// Of the surfaces that text stands on, the darkest of the light theme and the lightest of the dark one: what can be
/// read there can be read on all.
const SURFACES: [&str; 2] = ["#f1f1ee", "#232321"];

#[derive(Deserialize)]
pub(super) struct BrandPath {
    version: String,
}

/// The routes of a portal's brand.
pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/look/{version}", get(style_sheet)).route("/logo/{version}", get(logo))
}

/// What the head of a page has so that the page is in the brand's colour.
pub(super) fn style(viewer: &Viewer) -> Markup {
    let path = viewer.look.accent.map(|accent| {
        let version = accent.to_string();
        viewer.place.at(&format!("/look/{}.css", version.trim_start_matches('#')))
    });
    html! { @if let Some(path) = path { link rel="stylesheet" href=(path); } }
}

/// The logo, or the name where there is none.
pub(super) fn mark(viewer: &Viewer, name: &str) -> Markup {
    html! {
        @match &viewer.look.logo {
            Some((_, version)) => img src=(viewer.place.at(&format!("/logo/{version}"))) alt=(name) height="28";,
            None => (name),
        }
    }
}

/// What is in the accent of a page, in this colour. Text is mixed with black or white until it can be read.
fn sheet(accent: Colour) -> String {
    let [light, dark] =
        SURFACES.map(|surface| Colour::parse(surface).map_or(accent, |surface| accent.readable_on(surface)));
    let on_accent = accent.on_colour();
    // Away from the text that stands on it.
    let pressed = if on_accent == Colour::WHITE { "#000000" } else { "#ffffff" };
    format!(
        "@layer tokens {{ :root {{\n  --accent: light-dark({light}, {dark});\n  --accent-fill: {accent};\n  \
         --accent-hover: color-mix(in srgb, {accent} 88%, {pressed});\n  --on-accent: {on_accent};\n  \
         --accent-soft: color-mix(in srgb, var(--accent) 6%, var(--surface));\n}} }}\n"
    )
}

async fn style_sheet(_: Viewer, Path(path): Path<BrandPath>) -> Result<Response, Failure> {
    let accent = path.version.strip_suffix(".css").and_then(|digits| Colour::parse(&format!("#{digits}")));
    let accent = accent.ok_or(OpError::NotFound("page"))?;
    Ok(([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, FOR_EVER)], sheet(accent)).into_response())
}

/// The logo of the environment.
pub(super) async fn logo(
    State(pages): State<Arc<Pages>>,
    viewer: Viewer,
    Path(path): Path<BrandPath>,
) -> Result<Response, Failure> {
    let logo = pages.operations.portal_logo(viewer.access.environment_id).await?;
    if logo.version != path.version {
        return Err(OpError::NotFound("logo").into());
    }
    Ok(([(CONTENT_TYPE, logo.kind.media_type()), (CACHE_CONTROL, FOR_EVER)], logo.image).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_colour_gives_text_that_can_be_read_and_nothing_but_colours() {
        let shown = sheet(Colour::parse("#ffd400").unwrap());
        assert!(shown.contains("--accent-fill: #ffd400;") && shown.contains("--on-accent: #000000;"), "{shown}");
        assert!(!shown.contains("light-dark(#ffd400"), "yellow can't be read on a light surface: {shown}");
        let shown = sheet(Colour::parse("#2b55c9").unwrap());
        assert!(shown.contains("light-dark(#2b55c9, "), "what can be read stays: {shown}");
        assert!(shown.contains("--on-accent: #ffffff;"), "{shown}");
    }
}
