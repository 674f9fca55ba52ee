//! What is to be said of a request's signature, in words: step by step as a receiver checks it, up to where it fails.

use maud::{Markup, html};

use crate::dashboard::components::data;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::status::{Status, pill};
use crate::dashboard::fields::sentence;
use crate::domain::inbox::{InboxRequest, SignatureCheck};
use crate::domain::signature::{TOLERANCE, VerifyError};

/// How one step of a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Right,
    Wrong,
    Open,
}

/// The outcome as a status and a word.
pub(super) fn mark(check: &SignatureCheck) -> (Status, &'static str) {
    match check {
        SignatureCheck::Verified { .. } => (Status::Delivered, "Verified"),
        SignatureCheck::Wrong(VerifyError::Missing(_)) => (Status::Disabled, "Unsigned"),
        SignatureCheck::Wrong(_) => (Status::Failed, "Not verified"),
        SignatureCheck::NoSecret | SignatureCheck::BodyCut => (Status::Disabled, "Not checked"),
    }
}

/// The outcome, why it is so, and how one gets there.
pub(super) fn explained(check: &SignatureCheck, request: &InboxRequest) -> Markup {
    let (status, word) = mark(check);
    let [headers, timestamp, signature] = steps(check);
    let minutes = TOLERANCE.as_secs() / 60;
    html! {
        p.row { (pill(status, word)) span { (with_code(&sentence(&check.explanation()))) } }
        ol.findings {
            (step(headers, &html! {
                "The headers " code { "webhook-id" } ", " code { "webhook-timestamp" } " and " code { "webhook-signature" }
                " are there."
            }))
            (step(timestamp, &html! { "The timestamp is within " (minutes) " minutes of when the request came." }))
            (step(signature, &html! {
                "The signature is of the signed content"
                @if headers == Step::Right { ": " code { (data::outside(&signed(request))) } }
                @else { ": id, timestamp and body, with dots between." }
            }))
        }
    }
}

/// A text in which names stand between backticks.
fn with_code(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn step(step: Step, text: &Markup) -> Markup {
    let (class, shape, word) = match step {
        Step::Right => ("delivered", Icon::Check, "Right: "),
        Step::Wrong => ("failed", Icon::Cross, "Wrong: "),
        Step::Open => ("disabled", Icon::Minus, "Not checked: "),
    };
    html! { li.(class) { (icon(shape)) span { span.hidden-visually { (word) } (text) } } }
}

/// Headers, timestamp, signature: each is looked at only when the one before is right.
fn steps(check: &SignatureCheck) -> [Step; 3] {
    use Step::{Open, Right, Wrong};
    match check {
        SignatureCheck::Verified { .. } => [Right, Right, Right],
        SignatureCheck::NoSecret | SignatureCheck::BodyCut => [Right, Right, Open],
        SignatureCheck::Wrong(error) => match error {
            VerifyError::Missing(_) | VerifyError::Id => [Wrong, Open, Open],
            VerifyError::Timestamp | VerifyError::TooOld { .. } | VerifyError::TooNew { .. } => [Right, Wrong, Open],
            VerifyError::NoSignature(_) | VerifyError::NoMatch => [Right, Right, Wrong],
        },
    }
}

/// What is signed, with a word for the body.
fn signed(request: &InboxRequest) -> String {
    let value = |name| request.header(name).unwrap_or_default();
    format!("{}.{}.<body>", value("webhook-id"), value("webhook-timestamp"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;

    #[test]
    fn a_step_after_a_wrong_one_is_not_judged() {
        for check in [
            SignatureCheck::NoSecret,
            SignatureCheck::Wrong(VerifyError::Missing("webhook-id")),
            SignatureCheck::Wrong(VerifyError::Timestamp),
            SignatureCheck::Wrong(VerifyError::NoMatch),
        ] {
            let found = steps(&check);
            let rights = found.iter().take_while(|step| **step == Step::Right).count();
            assert!(found[rights + 1..].iter().all(|step| *step == Step::Open), "{check:?}: {found:?}");
        }
    }

    #[test]
    fn what_a_header_holds_stays_text() {
        let hostile = ("webhook-id".to_owned(), "<script>\u{202e}".to_owned());
        let request = InboxRequest {
            id: Id::from_number(1),
            inbox_id: Id::from_number(2),
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: vec![hostile],
            body: Default::default(),
            body_bytes: 0,
            status: 200,
            delay_ms: 0,
        };
        let shown = explained(&SignatureCheck::NoSecret, &request).into_string();
        assert!(!shown.contains("<script>") && !shown.contains('\u{202e}'), "{shown}");
    }
}
