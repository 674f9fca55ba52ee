//! Short texts that stand out: what was done, what went wrong, what to know; and what stands where nothing is yet.

use maud::{Markup, html};

use super::icon::{Icon, icon};

/// How a notice is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It was done.
    Good,
    /// It was not done, or something is wrong.
    Bad,
    /// Something needs care.
    Warning,
    /// Something to know.
    Note,
}

/// A text that stands out.
pub fn notice(tone: Tone, text: &Markup) -> Markup {
    let (class, role, shape) = match tone {
        Tone::Good => ("good", "status", Icon::Check),
        Tone::Bad => ("bad", "alert", Icon::Cross),
        Tone::Warning => ("warning", "note", Icon::Attention),
        Tone::Note => ("note", "note", Icon::Note),
    };
    html! { div.notice.(class) role=(role) { (icon(shape)) div { (text) } } }
}

/// What stands where nothing is yet: what would be here, and how to get it.
pub fn empty(shape: Icon, title: &str, text: &Markup, action: &Markup) -> Markup {
    html! { div.empty { (icon(shape)) h2 { (title) } p { (text) } (action) } }
}
