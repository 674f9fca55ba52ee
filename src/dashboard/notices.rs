//! What the next page says after something was done: a short name in its query, and the sentence for it. Only names
//! that are known are shown, so that nobody can put words on a page with a link.

use maud::{Markup, html};

use super::components::chart::grouped;
use super::components::form::nothing;
use super::components::notice::{Tone, notice};
use super::fields::Fields;

/// The names, and what they say.
const NOTICES: &[(&str, &str)] = &[
    ("saved", "Saved."),
    ("created", "Created."),
    ("deleted", "Deleted."),
    ("resent", "Queued to be sent again, now."),
    ("payload-deleted", "The payload is deleted."),
    ("enabled", "Enabled: messages are sent there again, those that have waited first."),
    ("disabled", "Disabled: nothing is sent there. What was queued waits until it is enabled."),
    ("rotated", "There is a new secret."),
    ("recovery", "Recovery has started: what failed is queued again, in the background."),
    ("recovering", "Failed deliveries that are being sent again: {count}."),
    ("recovering-more", "Failed deliveries that are being sent again: more than {count}."),
    ("cleared", "Cleared."),
];
/// What stands for a number in a sentence.
const COUNT: &str = "{count}";

/// A path with a notice for the page that it leads to.
pub fn with_notice(path: &str, name: &str) -> String {
    debug_assert!(NOTICES.iter().any(|(known, _)| *known == name), "{name} is no notice");
    let joint = if path.contains('?') { '&' } else { '?' };
    format!("{path}{joint}notice={name}")
}

/// A path with a notice that has a number in it.
pub fn with_counted_notice(path: &str, name: &str, count: usize) -> String {
    format!("{}&count={count}", with_notice(path, name))
}

/// The notice that a page's query asks for.
pub(super) fn shown(query: &Fields) -> Markup {
    match NOTICES.iter().find(|(name, _)| *name == query.text("notice")) {
        Some((_, text)) => {
            // It stands in the page's address, so it is nothing but a number.
            let count: u64 = query.text("count").parse().unwrap_or_default();
            notice(Tone::Good, &html! { (text.replace(COUNT, &grouped(count))) })
        }
        None => nothing(),
    }
}
