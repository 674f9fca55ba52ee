//! Recovering: what failed at an endpoint since some time is sent once more. First it is counted, then it is done.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use maud::html;

use super::{EndpointPath, Shown};
use crate::dashboard::Pages;
use crate::dashboard::components::chart::grouped;
use crate::dashboard::components::form::Field;
use crate::dashboard::components::notice::{Tone, notice};
use crate::dashboard::components::time::exact;
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::{Fields, Form};
use crate::dashboard::frame;
use crate::dashboard::notices::with_notice;
use crate::dashboard::submitted::Submitted;
use crate::dashboard::viewer::Viewer;
use crate::domain::time::Timestamp;
use crate::ops::Counted;

/// What failed is counted so far; beyond that the page says that there is more.
const COUNTED: usize = 10_000;
const HOUR: Duration = Duration::from_secs(3_600);

/// Since when what failed is sent again, as the form calls it.
const SINCE: [(&str, &str, Duration); 5] = [
    ("1h", "The last hour", HOUR),
    ("24h", "The last 24 hours", Duration::from_secs(24 * 3_600)),
    ("7d", "The last 7 days", Duration::from_secs(7 * 24 * 3_600)),
    ("30d", "The last 30 days", Duration::from_secs(30 * 24 * 3_600)),
    ("90d", "All that is kept", Duration::from_secs(90 * 24 * 3_600)),
];
/// What is chosen at first.
const FIRST: &str = "24h";

pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/endpoints/{endpoint_id}/recover", get(show).post(recover))
}

/// Since when, by the name in the form.
fn since(fields: &Fields, now: Timestamp) -> (&'static str, Timestamp) {
    let wanted = fields.filled("since").unwrap_or(FIRST);
    let found = SINCE.iter().find(|(name, ..)| *name == wanted).unwrap_or(&SINCE[1]);
    (found.0, now.minus(found.2))
}

async fn show(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let (name, since) = since(&viewer.query, viewer.now);
    let (application, endpoint) = shown.ids();
    let counted = pages.operations.recoverable(&viewer.access, &application, &endpoint, since, None, COUNTED).await?;
    let form = Form::new(viewer.query.clone().set("since", name));
    let path = shown.at(viewer.place, "/recover");
    let body = html! {
        section.card { div.body { div.stack data-dialog-body {
            p { "What failed here for good is queued once more and sent, with the same ids. What was delivered is left alone." }
            form.row.ends method="get" action=(path) data-filters {
                (Field::new("since", "Messages of").select(&form, SINCE.map(|(name, shown, _)| (name, shown))))
                button.button { "Count" }
            }
            p role="status" { strong { (in_words(counted)) } " of messages accepted since " (exact(since)) "." }
            @if shown.endpoint().disabled.is_some() {
                (notice(Tone::Warning, &html! { "The endpoint is disabled. Enable it first." }))
            } @else if counted.number > 0 && viewer.may_write() {
                (frame::post(&viewer, &path, "row", &html! {
                    input type="hidden" name="since" value=(name);
                    button.button.primary { "Recover " (in_words(counted)) }
                    a.button href=(shown.at(viewer.place, "/deliveries")) data-close { "Cancel" }
                }))
            }
        } } }
    };
    Ok(shown.question(&viewer, "Recover what failed").show(body))
}

fn in_words(counted: Counted) -> String {
    let number = grouped(u64::try_from(counted.number).unwrap_or(u64::MAX));
    match (counted.number, counted.more) {
        (_, true) => format!("{number} failed deliveries or more"),
        (1, false) => "1 failed delivery".to_owned(),
        (_, false) => format!("{number} failed deliveries"),
    }
}

async fn recover(
    State(pages): State<Arc<Pages>>,
    Path(path): Path<EndpointPath>,
    submitted: Submitted,
) -> Result<Response, Failure> {
    let Submitted { viewer, fields } = submitted;
    let shown = Shown::find(&pages, &viewer, &path).await?;
    let (_, since) = since(&fields, viewer.now);
    let (application, endpoint) = shown.ids();
    pages.operations.recover(&viewer.access, &application, &endpoint, since, None).await?;
    let path = with_notice(&shown.at(viewer.place, "/deliveries"), "recovery");
    Ok(Redirect::to(&path).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_sent_is_told_in_words() {
        let told = |number, more| in_words(Counted { number, more });
        assert_eq!(told(0, false), "0 failed deliveries");
        assert_eq!(told(1, false), "1 failed delivery");
        assert_eq!(told(10_000, true), "10\u{202f}000 failed deliveries or more");
    }

    #[test]
    fn a_time_that_is_none_of_the_choices_is_the_first_choice() {
        let now = Timestamp::from_ms(1_000_000_000_000);
        assert_eq!(since(&Fields::default().with("since", "forever"), now).0, FIRST);
        assert_eq!(since(&Fields::default().with("since", "1h"), now), ("1h", now.minus(HOUR)));
    }
}
