//! Icons: a few strokes each, in the colour of the text beside them. They say nothing by themselves to who can't see
//! them; the words beside them do.

use maud::{Markup, html};

/// What an icon shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// A gauge: the overview.
    Overview,
    /// A letter: messages.
    Message,
    /// A box: applications.
    Application,
    /// A plug: endpoints.
    Endpoint,
    /// A label: event types.
    EventType,
    /// A triangle with a stroke: what needs attention.
    Attention,
    /// A tray: inboxes.
    Inbox,
    /// Sliders: settings.
    Settings,
    /// A key.
    Key,
    /// A machine: the system.
    System,
    /// Layers: environments.
    Environment,
    /// A tick.
    Check,
    /// A cross.
    Cross,
    /// An arrow that turns back: tried again.
    Retry,
    /// A clock: waits.
    Clock,
    /// A stroke: switched off.
    Minus,
    /// A plus.
    Plus,
    /// Two sheets: copy.
    Copy,
    /// A magnifying glass.
    Search,
    /// An i in a circle.
    Note,
    /// A door with an arrow: sign out.
    Leave,
    /// Half a moon.
    Moon,
    /// A sun.
    Sun,
    /// Three strokes: the menu.
    Menu,
    /// Two triangles: choose another.
    Chooser,
    /// A pen: edit.
    Edit,
    /// A bin: delete.
    Delete,
    /// A paper plane: send.
    Send,
    /// An eye: reveal.
    Eye,
}

impl Icon {
    /// The strokes, on a field of 16 by 16.
    const fn strokes(self) -> &'static str {
        match self {
            Self::Overview => "M2 13a6 6 0 1 1 12 0M8 13l3-4",
            Self::Message => "M2 4h12v8.5H2zM2 4.5l6 4.5 6-4.5",
            Self::Application => "M8 1.8l5.5 3.1v6.2L8 14.2l-5.5-3.1V4.9zM2.5 5L8 8l5.5-3M8 8v6",
            Self::Endpoint => "M5 2v3M11 2v3M3.5 5h9v2.5a4.5 4.5 0 0 1-9 0zM8 12v2.5",
            Self::EventType => "M2 2.5h5.5L14 9l-5 5-6.5-6.5zM5 5.5h.01",
            Self::Attention => "M8 2l6.5 11.5h-13zM8 6.5v3.2M8 11.7h.01",
            Self::Inbox => "M2 9.5l2-6.5h8l2 6.5V13H2zM2 9.5h3.5L6.5 11h3l1-1.5H14",
            Self::Settings => "M2 5h6M12 5h2M2 11h2M8 11h6M10 3.2v3.6M6 9.2v3.6",
            Self::Key => "M9 7a3.2 3.2 0 1 0-2.2 3L8 11.2h1.5v1.5H11v1.5h2.8v-2.5z",
            Self::System => "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01",
            Self::Environment => "M8 2l6 3-6 3-6-3zM2 8l6 3 6-3M2 11l6 3 6-3",
            Self::Check => "M3 8.5l3.5 3.5L13 4.5",
            Self::Cross => "M4 4l8 8M12 4l-8 8",
            Self::Retry => "M13 3v3.5H9.5M12.7 6.3A5.2 5.2 0 1 0 13.2 9",
            Self::Clock => "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 5v3.2l2 1.5",
            Self::Minus => "M3.5 8h9",
            Self::Plus => "M8 3v10M3 8h10",
            Self::Copy => "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
            Self::Search => "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.5 10.5L14 14",
            Self::Note => "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 7.5V11M8 5.2h.01",
            Self::Leave => "M9 2.5H3v11h6M7 8h7M11.5 5.5L14 8l-2.5 2.5",
            Self::Moon => "M13 9.5A5.5 5.5 0 1 1 6.5 3a4.5 4.5 0 0 0 6.5 6.5z",
            Self::Sun => {
                "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M3.4 12.6l.7-.7M11.9 4.1l.7-.7"
            }
            Self::Menu => "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
            Self::Chooser => "M5 6l3-3 3 3M5 10l3 3 3-3",
            Self::Edit => "M3 13l.7-3L11 2.7l2.3 2.3L6 12.3z",
            Self::Delete => "M3 4.5h10M6 4.5V2.8h4v1.7M4.5 4.5l.6 9h5.8l.6-9",
            Self::Send => "M14 2L2 7l4.5 2.2L8.7 14zM14 2L6.5 9.2",
            Self::Eye => {
                "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6z"
            }
        }
    }
}

/// An icon, 16 pixels high unless the style sheet says otherwise.
pub fn icon(icon: Icon) -> Markup {
    html! {
        svg viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" stroke-width="1.5"
            stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" { path d=(icon.strokes()); }
    }
}
