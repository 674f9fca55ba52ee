//! What came of a test: whether the receiver took it, in words, and what it answered. It does not know who sent it.

use std::time::Duration;

use maud::{Markup, html};

use super::data::{block, outside, visible};
use super::notice::{Tone, notice};
use super::time::took;
use crate::domain::attempt::{Answer, AttemptError, Kept};
use crate::domain::delivery::Attempt;

/// What came of a test that sent this event.
pub fn test_result(event_type: &str, attempt: &Attempt) -> Markup {
    let time = took(Duration::from_millis(attempt.duration_ms));
    html! {
        section.stack aria-label="Response" id="response" {
            @match &attempt.result {
                Ok(answer) => {
                    (verdict(answer))
                    (facts(event_type, attempt, &time, Some(answer.status)))
                    (answered(answer))
                }
                Err(error) => {
                    (unanswered(error))
                    (facts(event_type, attempt, &time, None))
                }
            }
        }
    }
}

/// Whether the answer says that the event was taken (SEEDS B23).
fn verdict(answer: &Answer) -> Markup {
    if (200..300).contains(&answer.status) {
        return notice(
            Tone::Good,
            &html! { strong { "Response verified." } " Your endpoint took the event: it answered " (answer.status) "." },
        );
    }
    let text = html! {
        strong { "Response not verified." } " Your endpoint answered " (answer.status) ", and only 200 to 299 says that it took the event. "
        (answer.explanation())
    };
    notice(Tone::Bad, &text)
}

fn unanswered(error: &AttemptError) -> Markup {
    let text = html! {
        strong { "No response." } " " (error.code.explanation())
        @if !error.detail.is_empty() { " " span.mono.small { "(" (outside(&error.detail)) ")" } }
    };
    notice(Tone::Bad, &text)
}

fn facts(event_type: &str, attempt: &Attempt, time: &str, status: Option<u16>) -> Markup {
    html! {
        dl.facts {
            dt { "Event" } dd.mono { (outside(event_type)) }
            dt { "URL" } dd.mono { (outside(&attempt.url)) }
            dt { "Status" } dd { @match status { Some(status) => (status), None => "None" } }
            dt { "Time" } dd { (time) }
            dt { "Message id" } dd.mono { (attempt.message_id) }
        }
    }
}

fn answered(answer: &Answer) -> Markup {
    let headers: Vec<_> = answer.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let body = String::from_utf8_lossy(&answer.body);
    html! {
        div.stack-small {
            h3 { "Response headers" }
            @if headers.is_empty() { p.muted { "None." } } @else { (block("response-headers", &headers.join("\n"))) }
        }
        div.stack-small {
            h3 { "Response body" }
            @if answer.kept == Kept::Nothing { p.muted { "Not kept: this server keeps no bodies of answers." } }
            @else if body.is_empty() { p.muted { "Empty." } } @else { (block("response-body", &visible(&body))) }
            @if answer.kept == Kept::Start { p.muted.small { "Only its start is shown." } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attempt::AttemptErrorCode;
    use crate::domain::delivery::Trigger;
    use crate::domain::id::Id;
    use crate::domain::time::Timestamp;

    fn shown(result: Result<Answer, AttemptError>) -> String {
        let attempt = Attempt {
            id: Id::from_number(1),
            message_id: Id::from_number(2),
            endpoint_id: Id::from_number(3),
            application_id: Id::from_number(4),
            trigger: Trigger::Manual,
            number: 1,
            url: "https://a.example/".to_owned(),
            sent_at: Timestamp::EPOCH,
            duration_ms: 12,
            remote_address: None,
            phases: None,
            result,
        };
        test_result("order.created", &attempt).into_string()
    }

    #[test]
    fn a_response_is_verified_by_its_status_alone() {
        let answer = |status, body: &str| Ok(Answer { status, body: body.as_bytes().to_vec(), ..Answer::default() });
        assert!(shown(answer(204, "")).contains("Response verified."));
        for status in [199, 301, 404, 500] {
            assert!(shown(answer(status, "")).contains("Response not verified."), "{status}");
        }
        let hostile = shown(answer(200, "<script>alert(1)</script>\u{202e}"));
        assert!(!hostile.contains("<script>") && !hostile.contains('\u{202e}'), "{hostile}");
    }

    #[test]
    fn without_an_answer_it_says_why() {
        let refused = shown(Err(AttemptError::new(AttemptErrorCode::ConnectRefused, "connection refused")));
        assert!(refused.contains("No response.") && refused.contains("check that it is running"), "{refused}");
        assert!(refused.contains("12 ms"));
    }
}
