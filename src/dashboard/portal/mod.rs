//! The consumer's first page and the ways of working that begin there. The preset of the environment chooses the
//! arrangement, so that each seed's documents read as they did (SEEDS D5): a list, rows with a plus sign, forms that end
//! in a summary, or a grid. What stands behind a row is an endpoint in all of them, and has the same pages.

mod grid;
mod inbox;
mod plus;
mod rows;
mod standard;
mod summary;
mod test;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;

use super::Pages;
use super::failure::Failure;
use super::fields::Form;
use super::frame::{Page, Section};
use super::viewer::Viewer;
use crate::domain::application::Application;
use crate::domain::event_type::EventType;
use crate::domain::preset::Preset;
use crate::ops::{OpError, Route, Routes};

/// The consumer's own pages.
pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new()
        .route("/", get(home))
        .merge(inbox::router())
        .merge(plus::router())
        .merge(summary::router())
        .merge(test::router())
        .merge(grid::router())
}

/// How the first page is arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Arrangement {
    /// A list of endpoints, and a form to add one.
    List,
    /// A row for each event and URL, and a plus sign (SEEDS A9–A13).
    Plus,
    /// A form, and after it a summary (SEEDS B3–B12).
    Summary,
    /// A row for each event, all edited at once (SEEDS C12–C16).
    Grid,
}

impl Arrangement {
    const fn of(preset: Preset) -> Self {
        match preset {
            Preset::Standard => Self::List,
            Preset::RoseRocket => Self::Plus,
            Preset::Shoprocket => Self::Summary,
            Preset::ShipEngine => Self::Grid,
        }
    }

    /// What the first page is called, and the way to it in the words of the seed's documents.
    const fn title(self) -> (&'static [&'static str], &'static str) {
        match self {
            Self::List => (&[], "Endpoints"),
            Self::Plus => (&["Settings", "Advanced Settings"], "Webhooks"),
            Self::Summary => (&["Settings"], "Developer"),
            Self::Grid => (&[], "API Management"),
        }
    }

    /// The first page, in the frame.
    fn page(self, viewer: &Viewer) -> Page<'_> {
        let (way, title) = self.title();
        let page = way.iter().fold(Page::new(viewer, Section::Endpoints, title), |page, step| page.crumb(*step, ""));
        match self {
            Self::Grid => page.tab("Webhooks", viewer.place.home(), true),
            Self::List | Self::Plus | Self::Summary => page,
        }
    }

    /// A page that is reached from the first one.
    fn page_below<'a>(self, viewer: &'a Viewer, title: &str) -> Page<'a> {
        let (way, home) = self.title();
        let page = way.iter().fold(Page::new(viewer, Section::Endpoints, title), |page, step| page.crumb(*step, ""));
        page.crumb(home, viewer.place.home())
    }
}

impl From<&Viewer> for Arrangement {
    fn from(viewer: &Viewer) -> Self {
        Self::of(viewer.environment.settings.preset)
    }
}

async fn home(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    let webhooks = Webhooks::find(&pages, &viewer).await?;
    match Arrangement::from(&viewer) {
        Arrangement::List => standard::show(&pages, &viewer, &webhooks).await,
        Arrangement::Plus => plus::show(&pages, &viewer, &webhooks, &Form::default()).await,
        Arrangement::Summary => summary::list(&pages, &viewer, &webhooks).await,
        Arrangement::Grid => grid::show(&viewer, &webhooks),
    }
}

/// The part of a path that names a webhook.
#[derive(Deserialize)]
struct WebhookPath {
    endpoint_id: String,
}

/// What the pages are about: the application's endpoints, and the events that there are for them.
struct Webhooks {
    routes: Arc<Routes>,
    events: Vec<EventType>,
}

impl Webhooks {
    async fn find(pages: &Pages, viewer: &Viewer) -> Result<Self, Failure> {
        let own = viewer.application.as_ref().ok_or(OpError::NotFound("application"))?;
        let routes = pages.operations.routes(&viewer.access, &own.id.to_string()).await?;
        let events = pages.operations.event_types_in_order(&viewer.access, false).await?;
        Ok(Self { routes, events })
    }

    fn application(&self) -> &Application {
        &self.routes.application
    }

    /// The application's id, as operations take it.
    fn id(&self) -> String {
        self.application().id.to_string()
    }

    fn named(&self, path: &WebhookPath) -> Result<&Arc<Route>, OpError> {
        self.routes.endpoint_by_text(&path.endpoint_id).ok_or(OpError::NotFound("endpoint"))
    }

    fn event(&self, name: &str) -> Option<&EventType> {
        self.events.iter().find(|event| event.name == name)
    }

    /// What people call an event.
    fn called<'a>(&'a self, name: &'a str) -> &'a str {
        self.event(name).and_then(|event| event.title.as_deref()).unwrap_or(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_preset_has_an_arrangement_of_its_own() {
        let all = Preset::ALL.map(Arrangement::of);
        assert_eq!(all, [Arrangement::List, Arrangement::Plus, Arrangement::Summary, Arrangement::Grid]);
        assert_eq!(Arrangement::Plus.title().0.join(" › "), "Settings › Advanced Settings");
    }
}
