//! What came to an inbox, as its page shows it: the list, and one request with its signature, headers and body.

use std::borrow::Cow;

use maud::{Markup, html};
use serde::Deserialize;

use super::signature;
use crate::dashboard::components::icon::Icon;
use crate::dashboard::components::list::{pager, segments};
use crate::dashboard::components::notice::empty;
use crate::dashboard::components::status::dots;
use crate::dashboard::components::time::{ago, exact};
use crate::dashboard::components::{data, form, json_tree};
use crate::dashboard::fields::Fields;
use crate::domain::inbox::{InboxRequest, SignatureCheck, SignatureChecker};
use crate::domain::time::Timestamp;
use crate::ops::Listed;

/// How much of a path, a name or a value is shown in a line.
const LINE_CHARS: usize = 120;

/// The request that is looked at.
pub(super) struct Chosen<'a> {
    /// It.
    pub(super) request: &'a InboxRequest,
    /// What is to be said of its signature.
    pub(super) check: SignatureCheck,
    /// The page that it is on.
    pub(super) path: &'a str,
    /// What the page's query holds.
    pub(super) query: &'a Fields,
}

/// The list, newest first.
pub(super) fn list(
    path: &str,
    query: &Fields,
    listed: &Listed<InboxRequest>,
    checker: &SignatureChecker,
    chosen: Option<&InboxRequest>,
    now: Timestamp,
) -> Markup {
    let link = |changes: &[(&str, &str)]| format!("{path}{}", query.query_with(changes));
    let start = query.filled("after").map(|_| link(&[("after", ""), ("request", ""), ("notice", "")]));
    let next = listed.items.last().filter(|_| !listed.done).map(|last| {
        let last = last.id.to_string();
        link(&[("after", &last), ("request", ""), ("notice", "")])
    });
    html! {
        header { h2 { "Requests" } }
        @if listed.items.is_empty() && start.is_none() {
            (empty(
                Icon::Inbox,
                "Waiting for the first request",
                &html! { "Send something to the URL above. It shows up here by itself." },
                &form::nothing(),
            ))
        } @else {
            ol.requests {
                @for request in &listed.items {
                    @let is_chosen = chosen.is_some_and(|chosen| chosen.id == request.id);
                    @let id = request.id.to_string();
                    li id=(id) {
                        a href=(link(&[("request", &id), ("notice", "")])) aria-current=[is_chosen.then_some("true")] {
                            span.what { code { (request.method) } " " (data::outside(&cut(&title(request)))) }
                            (dots(&[signature::mark(&checker.check(request))]))
                            span.faint.small { (ago(request.received_at(), now)) }
                            span.faint.small { (size(request.body_bytes)) }
                        }
                    }
                }
            }
            (pager(start.as_deref(), next.as_deref()))
        }
    }
}

/// Members by which the bodies that Cornet sends tell what happened.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow, rename = "type", alias = "event_type", alias = "resource_type")]
    what: Cow<'a, str>,
}

/// What a request is about, as far as it says so; otherwise where it went.
fn title(request: &InboxRequest) -> String {
    if let Some(told) = request.header("ce-type") {
        return told.to_owned();
    }
    if let Ok(Told { what }) = serde_json::from_slice(&request.body) {
        return what.into_owned();
    }
    // Behind the token is the sender's own; the token itself says nothing.
    let rest = request.path.splitn(4, '/').nth(3).map(|rest| format!("/{rest}"));
    rest.or_else(|| request.header("webhook-id").map(str::to_owned)).unwrap_or_else(|| "to this URL".to_owned())
}

/// The start of a text that may be long.
fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(LINE_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1_024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// One request.
pub(super) fn one(chosen: &Chosen<'_>) -> Markup {
    let Chosen { request, check, .. } = chosen;
    html! {
        div.stack {
            section.card {
                header { h2 { code { (request.method) } " " (data::outside(&cut(&title(request)))) } }
                div.body {
                    dl.facts {
                        dt { "Received" } dd { (exact(request.received_at())) }
                        dt { "Path" } dd.mono { (data::outside(&request.path)) }
                        dt { "Answered" }
                        dd {
                            (request.status)
                            @if request.delay_ms > 0 { " after " (request.delay_ms) " ms" } @else { " at once" }
                        }
                        dt { "Id" } dd { (data::short("request-id", &request.id.to_string())) }
                    }
                }
            }
            section.card {
                header { h2 { "Signature" } }
                div.body.stack-small { (signature::explained(check, request)) }
            }
            (body(chosen))
            (headers(request))
        }
    }
}

fn body(chosen: &Chosen<'_>) -> Markup {
    let Chosen { request, path, query, .. } = chosen;
    let text = String::from_utf8_lossy(&request.body);
    let tree = json_tree::tree(&text);
    let as_text = query.text("body") == "text" || tree.is_none();
    let view = |name: &str| format!("{path}{}", query.query_with(&[("body", name), ("notice", "")]));
    html! {
        section.card {
            header {
                h2 { "Body" }
                span.faint.small { (size(request.body_bytes)) }
                @if tree.is_some() {
                    (segments("Body as", [("Tree", view(""), !as_text), ("Text", view("text"), as_text)]))
                }
            }
            div.body.stack-small {
                @if request.body_bytes == 0 {
                    p.muted { "There is none." }
                } @else if let (Some(tree), false) = (&tree, as_text) {
                    (tree)
                } @else {
                    (json_tree::raw("body-text", &text))
                }
                @if request.is_cut() {
                    p.faint.small { "Only its first " (request.body.len()) " bytes were kept." }
                }
            }
        }
    }
}

fn headers(request: &InboxRequest) -> Markup {
    html! {
        section.card {
            header { h2 { "Headers" } span.faint.small { (request.headers.len()) } }
            div.scroll tabindex="0" role="region" aria-label="Headers" {
                table.pairs {
                    caption.hidden-visually { "Headers in the order in which they came" }
                    thead.hidden-visually { tr { th scope="col" { "Name" } th scope="col" { "Value" } } }
                    tbody {
                        @for (name, value) in &request.headers {
                            tr {
                                th.mono scope="row" { (data::outside(&cut(name))) }
                                td.mono { (data::outside(value)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;

    fn request(path: &str, headers: &[(&str, &str)], body: &'static str) -> InboxRequest {
        InboxRequest {
            id: Id::from_number(1),
            inbox_id: Id::from_number(2),
            method: "POST".to_owned(),
            path: path.to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: body.as_bytes().into(),
            body_bytes: body.len() as u64,
            status: 200,
            delay_ms: 0,
        }
    }

    #[test]
    fn a_request_is_called_by_what_it_tells() {
        let body = r#"{"a":[1],"type":"order.created"}"#;
        assert_eq!(title(&request("/inbox/t", &[("ce-type", "a.b")], body)), "a.b");
        assert_eq!(title(&request("/inbox/t/orders", &[], body)), "order.created");
        assert_eq!(title(&request("/inbox/t/orders?x=1", &[], "{")), "/orders?x=1");
        assert_eq!(title(&request("/inbox/t", &[("webhook-id", "msg_1")], "{}")), "msg_1");
        assert_eq!(title(&request("/inbox/t", &[], "{}")), "to this URL");
    }

    #[test]
    fn what_came_stays_text_and_bounded() {
        let hostile = "<script>alert(1)</script>\u{202e}";
        let long = format!("/inbox/t/{}", "x".repeat(10_000));
        let request = request(&long, &[("x-a", hostile)], "{\"type\":\"<script>\"}");
        let query = Fields::default();
        let chosen = Chosen { request: &request, check: SignatureCheck::NoSecret, path: "/inbox/t", query: &query };
        let shown = one(&chosen).into_string();
        assert!(!shown.contains("<script>") && !shown.contains('\u{202e}'), "{shown}");
        let listed = Listed { items: vec![request.clone()], done: true };
        let checker = SignatureChecker::new(Vec::new());
        let shown = list("/inbox/t", &query, &listed, &checker, None, Timestamp::from_ms(0)).into_string();
        assert!(!shown.contains("<script>") && shown.len() < 2_000, "{shown}");
    }
}
