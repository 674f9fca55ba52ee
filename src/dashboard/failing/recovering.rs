//! Putting back what failed: first the question, with how much it is, then the deed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{Redirect, Response};
use axum::routing::get;
use maud::{Markup, html};

use crate::dashboard::Pages;
use crate::dashboard::components::chart::grouped;
use crate::dashboard::components::data::outside;
use crate::dashboard::components::time::exact;
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::Fields;
use crate::dashboard::frame::{self, Page, Section};
use crate::dashboard::notices::with_counted_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::id::{ApplicationId, EndpointId};
use crate::domain::time::Timestamp;
use crate::ops::{FailingGroup, OpError};

/// Deliveries that are counted, over all endpoints.
const COUNTED: usize = 10_000;
/// Endpoints that are recovered at once.
const PICKED: usize = 200;

/// An endpoint that was picked: its application, a slash, and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Picked {
    application_id: ApplicationId,
    endpoint_id: EndpointId,
}

impl Picked {
    pub(super) fn of(group: &FailingGroup) -> Self {
        Self { application_id: group.failing.application_id, endpoint_id: group.failing.endpoint_id }
    }
}

impl fmt::Display for Picked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.application_id, self.endpoint_id)
    }
}

impl FromStr for Picked {
    type Err = OpError;

    fn from_str(text: &str) -> Result<Self, OpError> {
        let read = || {
            let (application, endpoint) = text.split_once('/')?;
            Some((ApplicationId::parse(application)?, EndpointId::parse(endpoint)?))
        };
        let (application_id, endpoint_id) = read().ok_or(OpError::NotFound("endpoint"))?;
        Ok(Self { application_id, endpoint_id })
    }
}

/// What is asked for: the endpoints, and since when.
struct Wanted {
    endpoints: Vec<Picked>,
    since: Timestamp,
}

impl Wanted {
    fn read(fields: &Fields, now: Timestamp) -> Result<Self, OpError> {
        let mut endpoints: Vec<Picked> = Vec::new();
        for picked in fields.all("endpoint") {
            let picked = picked.parse()?;
            if !endpoints.contains(&picked) && endpoints.len() < PICKED {
                endpoints.push(picked);
            }
        }
        let since = Timestamp::parse(fields.text("since")).unwrap_or_else(|| super::since(now, super::USUAL.1));
        Ok(Self { endpoints, since })
    }

    /// Counts what failed at each endpoint; `true` stands for more than were counted.
    async fn counted(&self, pages: &Pages, viewer: &Viewer) -> Result<(Vec<usize>, bool), OpError> {
        let (mut counts, mut left, mut more) = (Vec::with_capacity(self.endpoints.len()), COUNTED, false);
        for picked in &self.endpoints {
            let (application, endpoint) = (picked.application_id.to_string(), picked.endpoint_id.to_string());
            let access = &viewer.access;
            let counted = pages.operations.recoverable(access, &application, &endpoint, self.since, None, left).await?;
            left = left.saturating_sub(counted.number);
            more |= counted.more;
            counts.push(counted.number);
        }
        Ok((counts, more))
    }
}

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/failing/recover", get(ask).post(recover))
}

/// Such as `412 deliveries` or `more than 10 000 deliveries`.
fn in_words(number: usize, more: bool) -> String {
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    match (number, more) {
        (_, true) => format!("more than {} deliveries", grouped(number)),
        (1, false) => "1 delivery".to_owned(),
        (_, false) => format!("{} deliveries", grouped(number)),
    }
}

async fn ask(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    let wanted = Wanted::read(&viewer.query, viewer.now)?;
    let (counts, more) = wanted.counted(&pages, &viewer).await?;
    let mut listed = Vec::with_capacity(counts.len());
    for (picked, count) in wanted.endpoints.iter().zip(&counts) {
        let (application, endpoint) = (picked.application_id.to_string(), picked.endpoint_id.to_string());
        let endpoint = pages.operations.endpoint(&viewer.access, &application, &endpoint).await?;
        listed.push((*picked, endpoint.url, *count));
    }
    let total = counts.iter().sum();
    let back = viewer.place.at("/failing");
    let question = html! {
        p { "Send " strong { (in_words(total, more)) } " again?" }
        p.muted {
            "They failed since " (exact(wanted.since)) ". Each is tried again by its schedule from the start; what waits or has "
            "arrived meanwhile is left alone."
        }
        (endpoints(&listed))
        input type="hidden" name="since" value=(wanted.since);
        div.row { button.button.primary { "Send again" } a.button.plain href=(back) { "Cancel" } }
    };
    let body = html! {
        @if listed.is_empty() {
            p { "No endpoint is selected: tick those whose failed deliveries are to be sent again." }
            p { a.button href=(back) { "Back" } }
        } @else if total == 0 {
            p { "Nothing that failed since " (exact(wanted.since)) " is left to be sent again." }
            p { a.button href=(back) { "Back" } }
        } @else {
            (frame::post(&viewer, &viewer.place.at("/failing/recover"), "stack", &question))
        }
    };
    Ok(Page::new(&viewer, Section::Failing, "Recover what failed")
        .crumb("Failing", back.clone())
        .show(html! { div.card.padded { div.stack data-dialog-body { (body) } } }))
}

fn endpoints(listed: &[(Picked, String, usize)]) -> Markup {
    html! {
        ul.plain-list {
            @for (picked, url, count) in listed {
                li.spread {
                    input type="hidden" name="endpoint" value=(picked);
                    code { (outside(url)) }
                    span.muted { (in_words(*count, false)) }
                }
            }
        }
    }
}

async fn recover(
    State(pages): State<Arc<Pages>>,
    Submitted { viewer, fields }: Submitted,
) -> Result<Redirect, Failure> {
    let wanted = Wanted::read(&fields, viewer.now)?;
    let (counts, more) = wanted.counted(&pages, &viewer).await?;
    for picked in &wanted.endpoints {
        let (application, endpoint) = (picked.application_id.to_string(), picked.endpoint_id.to_string());
        pages.operations.recover(&viewer.access, &application, &endpoint, wanted.since, None).await?;
    }
    let name = if more { "recovering-more" } else { "recovering" };
    Ok(Redirect::to(&with_counted_notice(&viewer.place.at("/failing"), name, counts.iter().sum())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_read_as_they_are_picked_and_once_each() {
        let picked = Picked { application_id: ApplicationId::from_number(5), endpoint_id: EndpointId::from_number(7) };
        let fields = Fields::default().with("endpoint", picked.to_string()).with("endpoint", picked.to_string());
        let wanted = Wanted::read(&fields.with("since", "2026-01-02T00:00:00Z"), Timestamp::EPOCH).unwrap();
        assert_eq!(wanted.endpoints, [picked]);
        assert_eq!(wanted.since.to_string(), "2026-01-02T00:00:00.000Z");
        assert!(Wanted::read(&Fields::default().with("endpoint", "x"), Timestamp::EPOCH).is_err());
    }

    #[test]
    fn a_count_is_told_with_what_it_is() {
        assert_eq!([in_words(1, false), in_words(2, false)], ["1 delivery", "2 deliveries"]);
        assert_eq!(in_words(10_000, true), "more than 10\u{202f}000 deliveries");
    }
}
