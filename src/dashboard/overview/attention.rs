//! What needs attention: endpoints that fail or are switched off, and a queue that is late; and how much waits.

use std::time::Duration;

use maud::{Markup, html};

use crate::dashboard::components::chart::grouped;
use crate::dashboard::components::data;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::status::{Status, pill};
use crate::dashboard::components::time::{ago, length};
use crate::dashboard::viewer::Viewer;
use crate::domain::application::Application;
use crate::domain::endpoint::{DisabledBecause, Endpoint};
use crate::ops::{Backlog, EndpointFilter, FailingGroup, OpError, Operations, WalkedPage};

/// Of each kind, so many are shown.
const SHOWN: usize = 5;
/// A delivery that has been due for so long is late.
const LATE: Duration = Duration::from_secs(5 * 60);

/// What needs attention, and what waits.
pub(super) struct Attention {
    failing: Vec<FailingGroup>,
    disabled: Vec<(Endpoint, Application)>,
    backlog: Backlog,
}

/// What needs attention now.
pub(super) async fn read(operations: &Operations, viewer: &Viewer) -> Result<Attention, OpError> {
    let switched_off = EndpointFilter { text: None, disabled: Some(true) };
    let page = WalkedPage { before: None, limit: SHOWN };
    Ok(Attention {
        failing: operations.failing(&viewer.access, 1).await?,
        disabled: operations.endpoints_of_environment(&viewer.access, switched_off, page).await?.rows,
        backlog: operations.backlog(&viewer.access).await?,
    })
}

impl Attention {
    /// As two cards beside each other.
    pub(super) fn shown(&self, viewer: &Viewer) -> Markup {
        html! { div.columns { (self.needed(viewer)) (self.waiting(viewer)) } }
    }

    /// For how long the oldest delivery has been late.
    fn late(&self, viewer: &Viewer) -> Option<Duration> {
        let late = viewer.now.since(self.backlog.oldest_due?);
        (self.backlog.ready > 0 && late >= LATE).then_some(late)
    }

    fn needed(&self, viewer: &Viewer) -> Markup {
        let late = self.late(viewer);
        let is_calm = self.failing.is_empty() && self.disabled.is_empty() && late.is_none();
        html! {
            section.card {
                header {
                    h2 { "Needs attention" }
                    @if self.failing.len() > SHOWN {
                        a.small href=(viewer.place.at("/failing")) { "All " (self.failing.len()) }
                    }
                }
                @if is_calm {
                    p.body.row.muted { (icon(Icon::Check)) "Nothing has failed today." }
                } @else {
                    ul.rows {
                        @if let Some(late) = late {
                            li { (pill(Status::Retrying, "late")) " The oldest delivery has been due for " (length(late)) "." }
                        }
                        @for group in self.failing.iter().take(SHOWN) { (failing(viewer, group)) }
                        @for (endpoint, application) in &self.disabled { (disabled(viewer, endpoint, application)) }
                    }
                }
            }
        }
    }

    fn waiting(&self, viewer: &Viewer) -> Markup {
        let more = if self.backlog.more { " or more" } else { "" };
        html! {
            section.card {
                header { h2 { "Queue" } }
                dl.facts.pairs.body {
                    dt { "Due, or under way" } dd.number { (grouped(self.backlog.ready)) (more) }
                    dt { "Scheduled for later" } dd.number { (grouped(self.backlog.scheduled)) (more) }
                    dt { "Endpoints that wait" } dd.number { (grouped(self.backlog.endpoints)) (more) }
                    dt { "Oldest is due" }
                    dd.number { @match self.backlog.oldest_due { Some(due) => (ago(due, viewer.now)), None => "–" } }
                }
            }
        }
    }
}

fn failing(viewer: &Viewer, group: &FailingGroup) -> Markup {
    let failing = &group.failing;
    let (status, word) = if failing.ended > 0 { (Status::Failed, "failed") } else { (Status::Retrying, "failing") };
    html! {
        li {
            div.row {
                (pill(status, word))
                (link(viewer, &group.route.endpoint))
            }
            p.muted.small {
                (grouped(failing.ended + failing.retried)) " failed attempts, the last " (ago(failing.last_at, viewer.now)) ". "
                (failing.cause.explanation())
            }
        }
    }
}

fn disabled(viewer: &Viewer, endpoint: &Endpoint, application: &Application) -> Markup {
    let why = match endpoint.disabled {
        Some(DisabledBecause::Gone) => "It answered 410 Gone.",
        Some(DisabledBecause::Failing) => "It failed for too long.",
        Some(DisabledBecause::Request) | None => "Somebody switched it off.",
    };
    html! {
        li {
            div.row { (pill(Status::Disabled, "disabled")) (link(viewer, endpoint)) }
            p.muted.small { (data::outside(&application.name)) ". " (why) }
        }
    }
}

fn link(viewer: &Viewer, endpoint: &Endpoint) -> Markup {
    html! {
        a.mono.subject.cut href=(viewer.place.endpoint(endpoint.application_id, endpoint.id)) title=(data::visible(&endpoint.url)) {
            (data::outside(&endpoint.url))
        }
    }
}
