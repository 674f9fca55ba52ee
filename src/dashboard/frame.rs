//! What stands around every page: the head of the document, the side bar of the dashboard, the head of the portal with
//! its own brand, and the title of the page with the way to it and what can be done on it.

use axum::http::StatusCode;
use axum::response::Response;
use maud::{DOCTYPE, Markup, html};

use super::assets::{ICON, SCRIPT, STYLE};
use super::brand;
use super::components::form::nothing;
use super::components::icon::{Icon, icon};
use super::components::notice::{Tone, notice};
use super::fields::Fields;
use super::notices;
use super::place::Place;
use super::site;
use super::viewer::Viewer;

/// A part of the dashboard or of the portal, as its menu names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// How everything fares.
    Overview,
    /// What was posted.
    Messages,
    /// What fails, and why.
    Failing,
    /// The platform's customers.
    Applications,
    /// Where messages go.
    Endpoints,
    /// What messages can tell of.
    EventTypes,
    /// Built-in receivers.
    Inboxes,
    /// How the environment sends.
    Settings,
    /// The environments.
    Environments,
    /// Who may ask.
    Keys,
    /// The machine.
    System,
}

impl Section {
    const fn icon(self) -> Icon {
        match self {
            Self::Overview => Icon::Overview,
            Self::Messages => Icon::Message,
            Self::Failing => Icon::Attention,
            Self::Applications => Icon::Application,
            Self::Endpoints => Icon::Endpoint,
            Self::EventTypes => Icon::EventType,
            Self::Inboxes => Icon::Inbox,
            Self::Settings => Icon::Settings,
            Self::Environments => Icon::Environment,
            Self::Keys => Icon::Key,
            Self::System => Icon::System,
        }
    }

    /// What the operator's menu calls it.
    const fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Messages => "Messages",
            Self::Failing => "Failing",
            Self::Applications => "Applications",
            Self::Endpoints => "Endpoints",
            Self::EventTypes => "Event types",
            Self::Inboxes => "Inboxes",
            Self::Settings => "Settings",
            Self::Environments => "Environments",
            Self::Keys => "API keys",
            Self::System => "System",
        }
    }

    /// Where it is, behind the place's home.
    const fn path(self) -> &'static str {
        match self {
            Self::Overview => "",
            Self::Messages => "/messages",
            Self::Failing => "/failing",
            Self::Applications => "/applications",
            Self::Endpoints => "/endpoints",
            Self::EventTypes => "/event-types",
            Self::Inboxes => "/inboxes",
            Self::Settings => "/settings",
            Self::Environments => "/environments",
            Self::Keys => "/keys",
            Self::System => "/system",
        }
    }
}

/// The operator's menu, in its groups.
const GROUPS: [(&str, &[Section]); 3] = [
    ("Traffic", &[Section::Overview, Section::Messages, Section::Failing]),
    ("Set-up", &[Section::Applications, Section::Endpoints, Section::EventTypes, Section::Inboxes]),
    ("Administration", &[Section::Settings, Section::Keys, Section::Environments, Section::System]),
];

/// The consumer's menu: what each part is called there and where it is.
const PORTAL: [(Section, &str, &str); 3] = [
    (Section::Endpoints, "Endpoints", ""),
    (Section::Messages, "Logs", "/messages"),
    (Section::EventTypes, "Event catalogue", "/event-types"),
];

/// A page within its frame.
pub struct Page<'a> {
    viewer: &'a Viewer,
    section: Section,
    title: String,
    lead: Option<Markup>,
    crumbs: Vec<(String, String)>,
    actions: Markup,
    tabs: Vec<(String, String, bool)>,
    is_live: bool,
    status: StatusCode,
}

impl<'a> Page<'a> {
    /// A page of this part.
    pub fn new(viewer: &'a Viewer, section: Section, title: impl Into<String>) -> Self {
        Self {
            viewer,
            section,
            title: title.into(),
            lead: None,
            crumbs: Vec::new(),
            actions: nothing(),
            tabs: Vec::new(),
            is_live: false,
            status: StatusCode::OK,
        }
    }

    /// What the page is for, in a sentence under its title.
    pub fn lead(self, lead: Markup) -> Self {
        Self { lead: Some(lead), ..self }
    }

    /// One more step of the way to the page; one without a path is named only.
    pub fn crumb(mut self, name: impl Into<String>, path: impl Into<String>) -> Self {
        self.crumbs.push((name.into(), path.into()));
        self
    }

    /// What can be done, at the right of the title.
    pub fn actions(self, actions: Markup) -> Self {
        Self { actions, ..self }
    }

    /// One more view of the same thing.
    pub fn tab(mut self, name: impl Into<String>, path: impl Into<String>, shown: bool) -> Self {
        self.tabs.push((name.into(), path.into(), shown));
        self
    }

    /// The parts of the page marked `data-live-part` are made anew when something happens.
    pub fn live(self) -> Self {
        Self { is_live: true, ..self }
    }

    /// Something on it was refused.
    pub fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The page with this body, as an answer.
    pub fn show(self, body: Markup) -> Response {
        let viewer = self.viewer;
        let brand = match viewer.place {
            Place::Dashboard(_) => "Cornet",
            Place::Portal(_) => self.portal_name(),
        };
        let live = self.has_news().then(|| viewer.place.at("/live"));
        let content = html! {
            main.content id="content" tabindex="-1" {
                (notices::shown(&viewer.query))
                @if viewer.access.read_only {
                    (notice(Tone::Note, &html! { "You may look at everything here, and change nothing." }))
                }
                (self.head())
                (body)
            }
        };
        let body = match viewer.place {
            Place::Dashboard(_) => html! { div.frame { (self.side()) (content) } },
            Place::Portal(_) => html! { div.portal { (self.portal_head()) (content) } },
        };
        site::page(
            self.status,
            document(&format!("{} · {brand}", self.title), viewer.theme, live, &brand::style(viewer), &body),
        )
    }

    /// A form that was refused may be where only forms are taken, and can't be asked for anew.
    fn has_news(&self) -> bool {
        self.is_live && self.status == StatusCode::OK
    }

    fn head(&self) -> Markup {
        html! {
            @if !self.crumbs.is_empty() {
                nav aria-label="Way to this page" {
                    ol.crumbs {
                        @for (name, path) in &self.crumbs {
                            li { @if path.is_empty() { (name) } @else { a href=(path) { (name) } } }
                        }
                    }
                }
            }
            div.page-head {
                div.titles {
                    h1 { (self.title) }
                    @if let Some(lead) = &self.lead { p { (lead) } }
                }
                div.actions {
                    @if self.has_news() { span.live role="status" hidden { "Live" } }
                    (self.actions)
                }
            }
            @if !self.tabs.is_empty() {
                nav aria-label="Views" {
                    ul.tabs {
                        @for (name, path, shown) in &self.tabs {
                            li { a href=(path) aria-current=[shown.then_some("page")] { (name) } }
                        }
                    }
                }
            }
        }
    }

    /// The operator's side bar.
    fn side(&self) -> Markup {
        let place = self.viewer.place;
        html! {
            header.side {
                div.side-top {
                    a.brand href="/" { img src=(ICON.path()) alt="" width="24" height="24"; "Cornet" }
                    button.button.plain.menu-button type="button" popovertarget="menu" { (icon(Icon::Menu)) "Menu" }
                }
                div.menu id="menu" popover {
                    a.button.chooser href=(place.at("/switch")) data-dialog title="Switch environment" {
                        (icon(Icon::Environment)) span.cut { (self.viewer.environment.name) } (icon(Icon::Chooser))
                    }
                    nav aria-label="Main" {
                        @for (name, sections) in GROUPS {
                            div {
                                h2 { (name) }
                                ul {
                                    @for section in sections.iter().filter(|section| self.may_see(**section)) {
                                        li {
                                            a href=(place.at(section.path()))
                                                aria-current=[(*section == self.section).then_some("page")] {
                                                (icon(section.icon())) (section.title())
                                            }
                                        }
                                    }
                                }
                            }
                        }
                    }
                    div.foot { (theme_switch(self.viewer.theme, &self.viewer.here)) (sign_out(self.viewer)) }
                }
            }
        }
    }

    fn may_see(&self, section: Section) -> bool {
        let is_for_admins = matches!(section, Section::Keys | Section::Environments | Section::System);
        !is_for_admins || self.viewer.is_admin()
    }

    fn portal_name(&self) -> &str {
        self.viewer.look.name.as_deref().unwrap_or("Webhooks")
    }

    /// The consumer's head: the platform's brand, not ours.
    fn portal_head(&self) -> Markup {
        let place = self.viewer.place;
        html! {
            header.portal-head {
                div {
                    a.brand href=(place.home()) { (brand::mark(self.viewer, self.portal_name())) }
                    nav aria-label="Main" {
                        ul.tabs {
                            @for (section, name, path) in PORTAL {
                                li {
                                    a href=(place.at(path)) aria-current=[(section == self.section).then_some("page")] {
                                        (name)
                                    }
                                }
                            }
                        }
                    }
                    div.foot { (theme_switch(self.viewer.theme, &self.viewer.here)) (sign_out(self.viewer)) }
                }
            }
        }
    }
}

/// A form that changes something; `fields` are its parts, and what shows that it was made here goes in by itself. Who may
/// only look is shown what it holds.
pub fn post(viewer: &Viewer, path: &str, class: &str, fields: &Markup) -> Markup {
    html! {
        @if viewer.may_write() {
            form.(class) method="post" action=(path) {
                input type="hidden" name="csrf" value=(viewer.csrf());
                (fields)
            }
        } @else {
            fieldset.(class) disabled { (fields) }
        }
    }
}

fn theme_switch(theme: Option<&str>, here: &str) -> Markup {
    let (other, shape, name) = match theme {
        Some("dark") => ("light", Icon::Sun, "Light"),
        Some("light") => ("system", Icon::System, "As the system"),
        _ => ("dark", Icon::Moon, "Dark"),
    };
    html! {
        form method="post" action="/theme" {
            input type="hidden" name="back" value=(here);
            button.button.plain.small name="theme" value=(other) title=(format!("Theme: {name}")) {
                (icon(shape)) span { (name) }
            }
        }
    }
}

fn sign_out(viewer: &Viewer) -> Markup {
    html! {
        form method="post" action=(viewer.place.at("/sign-out")) {
            input type="hidden" name="csrf" value=(viewer.csrf());
            button.button.plain.small { (icon(Icon::Leave)) span { "Sign out" } }
        }
    }
}

/// A page with one card in the middle, for who is not signed in.
pub fn alone(title: &str, body: &Markup) -> Markup {
    let body = html! {
        div.alone {
            header.brand { img src=(ICON.path()) alt="" width="28" height="28"; "Cornet" }
            main.card id="content" tabindex="-1" { (body) }
        }
    };
    document(title, None, None, &nothing(), &body)
}

/// A page for whoever knows where it is, signed in or not.
pub struct Open<'a> {
    /// What it is called.
    pub title: &'a str,
    /// The theme that was chosen.
    pub theme: Option<&'static str>,
    /// The path and query that show it again.
    pub here: &'a str,
    /// What its query holds.
    pub query: &'a Fields,
    /// The stream that says when its live parts are to be made anew.
    pub live: Option<String>,
}

/// An open page with this content.
pub fn open(page: &Open<'_>, content: &Markup) -> Markup {
    let body = html! {
        div.portal.open {
            header.portal-head {
                div {
                    a.brand href="/" { img src=(ICON.path()) alt="" width="24" height="24"; "Cornet" }
                    div.foot { (theme_switch(page.theme, page.here)) }
                }
            }
            main.content id="content" tabindex="-1" { (notices::shown(page.query)) (content) }
        }
    };
    document(&format!("{} · Cornet", page.title), page.theme, page.live.clone(), &nothing(), &body)
}

/// A whole document.
fn document(title: &str, theme: Option<&str>, live: Option<String>, style: &Markup, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" data-theme=[theme] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" type="image/svg+xml" href=(ICON.path());
                link rel="stylesheet" href=(STYLE.path());
                (style)
                script type="module" src=(SCRIPT.path()) {}
            }
            body data-live=[live] {
                nav.skip aria-label="Shortcut" { a href="#content" { "To the content" } }
                (body)
            }
        }
    }
}
