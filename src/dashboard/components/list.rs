//! Long lists: what leads from one page of them to the next, and choosing among a few views of the same thing.

use maud::{Markup, html};

/// The foot of a list: back to its start, and on to the next page. `next` is where that is, if there is more.
pub fn pager(start: Option<&str>, next: Option<&str>) -> Markup {
    html! {
        @if start.is_some() || next.is_some() {
            nav.pager aria-label="Pages" {
                @match start { Some(path) => a href=(path) { "Newest" }, None => span {} }
                @if let Some(path) = next { a href=(path) rel="next" { "Older" } }
            }
        }
    }
}

/// A few views of the same thing, as links; the one that is shown is marked.
pub fn segments<'a>(label: &str, views: impl IntoIterator<Item = (&'a str, String, bool)>) -> Markup {
    html! {
        nav.segments aria-label=(label) {
            @for (name, path, shown) in views { a href=(path) aria-current=[shown.then_some("true")] { (name) } }
        }
    }
}
