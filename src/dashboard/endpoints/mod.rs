//! Endpoints: the list of an environment's, adding one, and the pages of one, each view under its own address. All but
//! the environment's list are the operator's and the consumer's alike.

mod deliveries;
mod filter;
mod list;
mod new;
mod overview;
mod recovery;
mod secret;
mod settings;
mod state;
mod testing;
mod transformation;

use std::sync::Arc;

use axum::Router;
use maud::{Markup, html};
use serde::Deserialize;

use super::Pages;
use super::components::data::visible;
use super::components::form::nothing;
use super::components::icon::{Icon, icon};
use super::components::notice::{Tone, notice};
use super::components::status::{Status, pill};
use super::components::time::ago;
use super::failure::Failure;
use super::frame::{self, Page, Section};
use super::place::Place;
use super::viewer::Viewer;
use crate::domain::application::Application;
use crate::domain::endpoint::{DisabledBecause, Endpoint, Rest};
use crate::domain::figures::Strip;
use crate::ops::{OpError, Route, Routes};

pub(super) use list::{add_button, of_application as list_of_application};

/// How much of a description or a URL a title shows.
const TITLE_CHARS: usize = 80;

/// The operator's pages of an environment's endpoints.
pub(super) fn of_environment() -> Router<Arc<Pages>> {
    list::router()
}

/// The pages of an application's endpoints.
pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .merge(new::router())
        .merge(overview::router())
        .merge(deliveries::router())
        .merge(recovery::router())
        .merge(testing::router())
        .merge(transformation::router())
        .merge(secret::router())
        .merge(filter::router())
        .merge(settings::router())
        .merge(state::router())
}

/// The parts of the path of an endpoint's page.
#[derive(Deserialize)]
struct EndpointPath {
    application_id: String,
    endpoint_id: String,
}

/// The views of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    Overview,
    Deliveries,
    Testing,
    Transformation,
    Secret,
    Filter,
    Settings,
}

impl View {
    const ALL: [Self; 7] = [
        Self::Overview,
        Self::Deliveries,
        Self::Testing,
        Self::Filter,
        Self::Transformation,
        Self::Secret,
        Self::Settings,
    ];

    const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Deliveries => "Deliveries",
            Self::Testing => "Testing",
            Self::Transformation => "Transformation",
            Self::Secret => "Secret",
            Self::Filter => "Filter",
            Self::Settings => "Settings",
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Deliveries => "/deliveries",
            Self::Testing => "/test",
            Self::Transformation => "/transformation",
            Self::Secret => "/secret",
            Self::Filter => "/filter",
            Self::Settings => "/settings",
        }
    }
}

/// An endpoint that a page is about, with its application.
struct Shown {
    routes: Arc<Routes>,
    route: Arc<Route>,
    rest: Option<Rest>,
}

impl Shown {
    async fn find(pages: &Pages, viewer: &Viewer, path: &EndpointPath) -> Result<Self, Failure> {
        let routes = pages.operations.routes(&viewer.access, &path.application_id).await?;
        let route = routes.endpoint_by_text(&path.endpoint_id).ok_or(OpError::NotFound("endpoint"))?.clone();
        let rest = pages.operations.rest(&route.endpoint);
        Ok(Self { routes, route, rest })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.route.endpoint
    }

    fn application(&self) -> &Application {
        &self.routes.application
    }

    /// Its ids, as operations take them.
    fn ids(&self) -> (String, String) {
        (self.application().id.to_string(), self.endpoint().id.to_string())
    }

    /// A page of the endpoint: `path` begins with a slash, or is empty for its first page.
    fn at(&self, place: Place, path: &str) -> String {
        place.endpoint(self.application().id, self.endpoint().id) + path
    }

    fn title(&self) -> String {
        title(self.endpoint())
    }

    /// One of its views, in the frame.
    fn page<'a>(&self, viewer: &'a Viewer, shown: View) -> Page<'a> {
        let place = viewer.place;
        let mut page = self.page_below(viewer, self.title());
        if !self.endpoint().description.is_empty() {
            page = page.lead(html! { span.mono { (visible(&self.endpoint().url)) } });
        }
        for view in View::ALL {
            page = page.tab(view.title(), self.at(place, view.path()), view == shown);
        }
        page
    }

    /// A page that is reached from one of its views.
    fn page_below<'a>(&self, viewer: &'a Viewer, title: String) -> Page<'a> {
        let (place, application) = (viewer.place, self.application());
        let page = Page::new(viewer, Section::Endpoints, title);
        match place {
            Place::Dashboard(_) => page
                .crumb("Endpoints", place.at("/endpoints"))
                .crumb(visible(&application.name), place.application(application.id)),
            Place::Portal(_) => page.crumb("Endpoints", place.home()),
        }
    }

    /// A page that asks or tells something about it, with the way back to it.
    fn question<'a>(&self, viewer: &'a Viewer, title: &str) -> Page<'a> {
        self.page_below(viewer, title.to_owned()).crumb(self.title(), self.at(viewer.place, ""))
    }

    /// Says that it is switched off, and why, and what can be done about it; or that it is left in peace.
    fn banner(&self, viewer: &Viewer) -> Markup {
        let Some(because) = self.endpoint().disabled else {
            return self.rest.map_or_else(nothing, |rest| resting(rest, viewer));
        };
        let buttons = html! {
            p.row {
                button.button.small name="to" value="enabled" { "Enable" }
                button.button.small name="to" value="recovered" { "Enable and recover what failed" }
            }
        };
        let text = html! {
            p { strong { "This endpoint is disabled." } " " (why(because)) " New messages are not sent here; what was queued waits." }
            @if viewer.may_write() {
                (frame::post(viewer, &self.at(viewer.place, "/state"), "", &buttons))
            }
        };
        notice(Tone::Warning, &text)
    }
}

/// What people call an endpoint: its description, or its URL; as text that can be shown.
fn title(endpoint: &Endpoint) -> String {
    let text = if endpoint.description.is_empty() { &endpoint.url } else { &endpoint.description };
    let line = text.lines().next().unwrap_or_default();
    let mut title = visible(&line.chars().take(TITLE_CHARS).collect::<String>());
    if title.chars().count() < text.chars().count() {
        title.push('…');
    }
    title
}

const fn why(because: DisabledBecause) -> &'static str {
    match because {
        DisabledBecause::Request => "Somebody switched it off.",
        DisabledBecause::Gone => "It answered 410 Gone: its server says that nothing is there any more.",
        DisabledBecause::Failing => "It failed for too long.",
    }
}

/// Says that an endpoint is left in peace, and until when.
fn resting(rest: Rest, viewer: &Viewer) -> Markup {
    let text = html! {
        p {
            strong { "This endpoint is left in peace" } " after " (rest.failures) " failures in a row. "
            "One message is tried now and then, next "
            @if rest.until > viewer.now { (ago(rest.until, viewer.now)) } @else { "at any moment" }
            "; when it is taken, what waits is sent, slowly at first. Changing the endpoint has it sent to at once."
        }
    };
    notice(Tone::Warning, &text)
}

/// How an endpoint fares, by its last day: it fails when the last hour in which anything was sent mostly failed.
fn health(endpoint: &Endpoint, day: &Strip) -> Markup {
    if endpoint.disabled.is_some() {
        return pill(Status::Disabled, "Disabled");
    }
    match day.hours.iter().rev().find(|hour| **hour != (0, 0)) {
        None => pill(Status::Queued, "No traffic"),
        Some((delivered, failed)) if failed >= delivered => pill(Status::Failed, "Failing"),
        Some(_) => pill(Status::Delivered, "Healthy"),
    }
}

/// What an endpoint wants, in tags; more than `at_most` are counted.
fn event_tags(event_types: Option<&[String]>, at_most: usize) -> Markup {
    html! {
        @match event_types {
            None => span.tag { "all events" },
            Some(names) => ul.tags {
                @for name in names.iter().take(at_most) { li.tag { (visible(name)) } }
                @if names.len() > at_most {
                    li.tag title=(names.join(", ")) { "+" (names.len() - at_most) }
                }
            }
        }
    }
}

/// The way to a test, as a button that opens it in a dialog where scripts run.
fn test_button(shown: &Shown, viewer: &Viewer, class: &str) -> Markup {
    html! {
        @if viewer.may_write() {
            a.button.(class) href=(shown.at(viewer.place, "/test")) data-dialog { (icon(Icon::Send)) "Send test event" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;
    use crate::domain::time::Timestamp;

    fn endpoint() -> Endpoint {
        let application = Application::blank(Id::from_number(1), Id::from_number(2), Timestamp::EPOCH);
        Endpoint::blank(Id::from_number(3), &application, Timestamp::EPOCH)
    }

    #[test]
    fn health_is_that_of_the_last_hour_with_traffic() {
        let day = |hours: &[(u64, u64)]| Strip { hours: hours.to_vec(), accepted: 0 };
        let told = |day: &Strip| health(&endpoint(), day).into_string();
        assert!(told(&day(&[(9, 0), (0, 2), (0, 0)])).contains("Failing"));
        assert!(told(&day(&[(0, 9), (3, 2), (0, 0)])).contains("Healthy"));
        assert!(told(&day(&[(0, 0)])).contains("No traffic"));
        let off = Endpoint { disabled: Some(DisabledBecause::Gone), ..endpoint() };
        assert!(health(&off, &day(&[(9, 0)])).into_string().contains("Disabled"));
    }

    #[test]
    fn a_title_is_short_and_shows_what_would_hide() {
        let named = |description: &str| title(&Endpoint { description: description.to_owned(), ..endpoint() });
        assert_eq!(named("Warehouse"), "Warehouse");
        assert_eq!(named("a\u{202e}b"), "a\u{fffd}b");
        assert_eq!(named(&"x".repeat(500)).chars().count(), TITLE_CHARS + 1);
        assert_eq!(named("one\ntwo"), "one…");
    }
}
