//! What the arrangements share: the status of a webhook, where it leads, what can be done with it, and lists that are
//! too long for one page.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::{Pages, Webhooks};
use crate::dashboard::components::data::outside;
use crate::dashboard::components::form::nothing;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::status::{Status, pill};
use crate::dashboard::viewer::Viewer;
use crate::domain::endpoint::{DisabledBecause, Endpoint};
use crate::domain::figures::Strip;
use crate::domain::id::EndpointId;
use crate::ops::OpError;

/// Rows on a page.
const ROWS: usize = 100;

/// Whether a webhook is sent to.
pub(super) fn status(endpoint: &Endpoint) -> Markup {
    match endpoint.disabled {
        None => pill(Status::Delivered, "Enabled"),
        Some(DisabledBecause::Request) => pill(Status::Disabled, "Disabled"),
        Some(DisabledBecause::Gone) => pill(Status::Disabled, "Disabled: it answered 410 Gone"),
        Some(DisabledBecause::Failing) => pill(Status::Disabled, "Disabled: it failed for too long"),
    }
}

/// The URL of a webhook, which leads to a page about it.
pub(super) fn url(endpoint: &Endpoint, path: &str) -> Markup {
    html! {
        a.subject.mono.cut href=(path) title=(endpoint.url) { (outside(&endpoint.url)) }
        @if !endpoint.description.is_empty() { span.small.muted.cut { (outside(&endpoint.description)) } }
    }
}

/// The events of a webhook in a line.
pub(super) fn events(webhooks: &Webhooks, endpoint: &Endpoint) -> Markup {
    const SHOWN: usize = 4;
    html! {
        @match &endpoint.event_types {
            None => span.tag { "all events" },
            Some(names) => ul.tags {
                @for name in names.iter().take(SHOWN) { li.tag { (outside(webhooks.called(name))) } }
                @if names.len() > SHOWN { li.tag { "+" (names.len() - SHOWN) } }
            }
        }
    }
}

/// The path of a page of the portal about this webhook; `page` begins with a slash, or is empty for its summary.
pub(super) fn at(viewer: &Viewer, endpoint: &Endpoint, page: &str) -> String {
    viewer.place.at(&format!("/webhooks/{}{page}", endpoint.id))
}

/// The way to a test of the webhook.
pub(super) fn test_link(viewer: &Viewer, endpoint: &Endpoint, class: &str, label: &str) -> Markup {
    html! {
        @if viewer.may_write() {
            a.(class) href=(at(viewer, endpoint, "/test")) data-dialog
                aria-label=[(label != "Send test data").then(|| format!("Send test data to {}", endpoint.url))] {
                (icon(Icon::Send)) (label)
            }
        }
    }
}

/// The way to deleting the webhook: a page that asks first.
pub(super) fn removal_link(viewer: &Viewer, endpoint: &Endpoint, class: &str, label: &str) -> Markup {
    html! {
        @if viewer.may_write() {
            a.(class) href=(viewer.place.endpoint(endpoint.application_id, endpoint.id) + "/delete") data-dialog
                aria-label=[(label != "Delete").then(|| format!("{label} {}", endpoint.url))] {
                (icon(Icon::Delete)) (label)
            }
        }
    }
}

/// A list that may be long, and what of it is on this page.
pub(super) struct Paged<'a> {
    rows: Vec<&'a Endpoint>,
    start: usize,
    total: usize,
}

impl<'a> Paged<'a> {
    /// The part of `all` that the query asks for.
    pub(super) fn of(viewer: &Viewer, all: Vec<&'a Endpoint>) -> Self {
        let total = all.len();
        let start = viewer.query.text("from").parse().unwrap_or(0_usize).min(total);
        Self { rows: all.into_iter().skip(start).take(ROWS).collect(), start, total }
    }

    pub(super) fn rows(&self) -> &[&'a Endpoint] {
        &self.rows
    }

    /// Where the rest is, if there is more than a page.
    pub(super) fn pager(&self, viewer: &Viewer) -> Markup {
        let end = self.start + self.rows.len();
        if self.rows.len() == self.total {
            return nothing();
        }
        let link = |from: usize| viewer.place.at(&format!("?from={from}"));
        html! {
            nav.pager aria-label="Pages" {
                @if self.start > 0 { a href=(link(self.start.saturating_sub(ROWS))) rel="prev" { "Previous" } } @else { span {} }
                span { (self.start + 1) " to " (end) " of " (self.total) }
                @if end < self.total { a href=(link(end)) rel="next" { "Next" } } @else { span {} }
            }
        }
    }

    /// How each row fared in the last 24 hours.
    pub(super) async fn strips(&self, pages: &Pages, viewer: &Viewer) -> Result<BTreeMap<EndpointId, Strip>, OpError> {
        let ids: Vec<_> = self.rows.iter().map(|endpoint| endpoint.id).collect();
        pages.operations.strips_of_endpoints(&viewer.access, &ids).await
    }
}
