//! Status: always a shape, a word and a colour, so that no one of them is needed to understand it.

use maud::{Markup, html};

use super::icon::{Icon, icon};

/// How something fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It arrived, or all is well.
    Delivered,
    /// It failed for good.
    Failed,
    /// It failed and is tried again.
    Retrying,
    /// It waits for its first attempt, or is under way.
    Queued,
    /// It is switched off, or was given up.
    Disabled,
}

impl Status {
    /// The class in the style sheet.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Retrying => "retrying",
            Self::Queued => "queued",
            Self::Disabled => "disabled",
        }
    }

    const fn icon(self) -> Icon {
        match self {
            Self::Delivered => Icon::Check,
            Self::Failed => Icon::Cross,
            Self::Retrying => Icon::Retry,
            Self::Queued => Icon::Clock,
            Self::Disabled => Icon::Minus,
        }
    }
}

/// A status in a word.
pub fn pill(status: Status, word: &str) -> Markup {
    html! { span.pill.(status.class()) { (icon(status.icon())) (word) } }
}

/// Where a message stands at several endpoints: a mark each, and the same in words for who can't see them.
pub fn dots(standings: &[(Status, &str)]) -> Markup {
    const SHOWN_MAX: usize = 12;
    let words = in_words(standings);
    html! {
        span.dots title=(words) {
            @for (status, _) in standings.iter().take(SHOWN_MAX) {
                span.(status.class()) { (icon(status.icon())) }
            }
            @if standings.len() > SHOWN_MAX { span.faint.small { "+" (standings.len() - SHOWN_MAX) } }
            span.hidden-visually { (words) }
        }
    }
}

/// Such as `2 delivered, 1 failed`.
fn in_words(standings: &[(Status, &str)]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for (_, word) in standings {
        match counts.iter_mut().find(|(known, _)| known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    if counts.is_empty() {
        return "no endpoint".to_owned();
    }
    counts.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Status, dots};

    #[test]
    fn dots_are_told_in_words_too() {
        let standings =
            [(Status::Delivered, "delivered"), (Status::Failed, "failed"), (Status::Delivered, "delivered")];
        let shown = dots(&standings).into_string();
        assert!(shown.contains("2 delivered, 1 failed"), "{shown}");
        assert!(dots(&[]).into_string().contains("no endpoint"));
    }
}
