//! Data that people read and copy: commands, payloads, ids, secrets. What comes from outside stays text, whatever it
//! holds, and can't turn the direction of what stands beside it.

use maud::{Markup, html};

use super::icon::{Icon, icon};

/// A block of text with a button that copies it; `id` is its own on the page.
pub fn block(id: &str, text: &str) -> Markup {
    html! {
        div.data {
            pre id=(id) tabindex="0" dir="ltr" { (visible(text)) }
            (copy(id))
        }
    }
}

/// A short text, such as an id, with a button that copies it.
pub fn short(id: &str, text: &str) -> Markup {
    html! { span.row { code.mono id=(id) { (text) } (copy(id)) } }
}

/// The button that copies the text of the element `id`; it shows up where scripts run.
pub fn copy(id: &str) -> Markup {
    html! {
        button.button.plain.small.copy type="button" data-copy=(id) hidden {
            (icon(Icon::Copy)) span data-label { "Copy" }
        }
    }
}

/// Text from outside: control characters and those that turn the direction of writing are shown as what they are.
pub fn visible(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' | '\t' => character,
            '\r' => '\u{240d}',
            '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
            '\u{7f}' => '\u{2421}',
            '\u{80}'..='\u{9f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => '\u{fffd}',
            _ => character,
        })
        .collect()
}

/// Text from outside within a line: [`visible`], and apart from the direction of what stands around it.
pub fn outside(text: &str) -> Markup {
    html! { bdi { (visible(text)) } }
}

#[cfg(test)]
mod tests {
    use super::{block, visible};

    #[test]
    fn what_would_hide_or_turn_is_shown() {
        assert_eq!(visible("a\u{202e}b\u{1b}[31mc\0\n"), "a\u{fffd}b\u{241b}[31mc\u{2400}\n");
        let shown = block("payload", "</pre><script>alert(1)</script>").into_string();
        assert!(!shown.contains("<script>"), "{shown}");
    }
}
