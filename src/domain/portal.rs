//! How an environment's portal looks, so that consumers find themselves with whoever sent them: a name, a colour and a
//! logo. Colours are made readable here; it does not know the pages.

use std::fmt;

/// The longest name of a portal.
pub const PORTAL_NAME_CHARS_MAX: usize = 64;
/// At most so many bytes of a logo.
pub const PORTAL_LOGO_BYTES_MAX: usize = 64 * 1024;
/// The least contrast of text (WCAG 2.2, 1.4.3).
const TEXT_CONTRAST: f64 = 4.5;
/// In how many steps a colour becomes black or white.
const STEPS: u8 = 20;

/// How a portal looks; what is `None` looks like Cornet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortalLook {
    /// Whose portal it is.
    pub name: Option<String>,
    /// The colour of what can be clicked.
    pub accent: Option<Colour>,
    /// The kind of the logo, and what changes when it does.
    pub logo: Option<(LogoKind, String)>,
}

/// What is to be different about a look; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct PortalLookChange {
    /// Its name, or that it has none.
    pub name: Option<Option<String>>,
    /// Its colour, or that it has none.
    pub accent: Option<Option<Colour>>,
    /// Its logo, or that it has none.
    pub logo: Option<Option<Logo>>,
}

/// A picture of a kind that holds no script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// What it is.
    pub kind: LogoKind,
    /// Changes with the picture.
    pub version: String,
    /// The file.
    pub image: Vec<u8>,
}

/// The kinds of pictures that are taken. SVG is none of them: it is a document that may run scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoKind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
    /// GIF.
    Gif,
}

impl LogoKind {
    const ALL: [Self; 4] = [Self::Png, Self::Jpeg, Self::Webp, Self::Gif];

    /// Its media type, on the wire and in the store.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
        }
    }

    /// Reads a media type.
    pub fn parse(media_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.media_type() == media_type)
    }

    /// The kind of a file, by its first bytes.
    pub fn of(image: &[u8]) -> Option<Self> {
        let is_webp = image.starts_with(b"RIFF") && image.get(8..12) == Some(b"WEBP");
        match image {
            _ if is_webp => Some(Self::Webp),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            _ => None,
        }
    }
}

/// A colour of the screen (sRGB).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    red: u8,
    green: u8,
    blue: u8,
}

impl Colour {
    /// Black.
    pub const BLACK: Self = Self { red: 0, green: 0, blue: 0 };
    /// White.
    pub const WHITE: Self = Self { red: 255, green: 255, blue: 255 };

    /// Reads `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        // A number may have a sign; a colour may not.
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let [_, red, green, blue] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
        Some(Self { red, green, blue })
    }

    /// The colour of text on this one: black or white, whichever is easier to read.
    pub fn on_colour(self) -> Self {
        if self.contrast(Self::BLACK) >= self.contrast(Self::WHITE) { Self::BLACK } else { Self::WHITE }
    }

    /// The colour closest to this one that can be read as text on `background`: it is mixed with black or white until
    /// the contrast is enough.
    pub fn readable_on(self, background: Self) -> Self {
        let end = background.on_colour();
        let mixed = (0..=STEPS).map(|step| self.mixed(end, step));
        mixed.into_iter().find(|colour| colour.contrast(background) >= TEXT_CONTRAST).unwrap_or(end)
    }

    /// How well one is told from the other, from 1 to 21 (WCAG 2.2).
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let value = f64::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }

    /// This colour, so many steps on the way to `end`.
    fn mixed(self, end: Self, step: u8) -> Self {
        let channel = |from: u8, to: u8| {
            let (from, to, step, steps) = (u16::from(from), u16::from(to), u16::from(step), u16::from(STEPS));
            u8::try_from((from * (steps - step) + to * step) / steps).unwrap_or(u8::MAX)
        };
        Self {
            red: channel(self.red, end.red),
            green: channel(self.green, end.green),
            blue: channel(self.blue, end.blue),
        }
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Colour {
        Colour::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn a_colour_is_six_digits_behind_a_hash_and_nothing_else() {
        assert_eq!(colour("#2B55c9").to_string(), "#2b55c9");
        for text in ["", "#fff", "2b55c9", "#2b55c9;", "#+b55c9", "#2b55cg", "red", "#２b55c9"] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }

    #[test]
    fn text_on_a_colour_is_black_or_white_by_contrast() {
        assert_eq!(colour("#2b55c9").on_colour(), Colour::WHITE);
        assert_eq!(colour("#ffd400").on_colour(), Colour::BLACK);
        assert!((Colour::BLACK.contrast(Colour::WHITE) - 21.0).abs() < 0.001);
    }

    #[test]
    fn every_colour_can_be_made_readable_on_light_and_on_dark() {
        for background in ["#ffffff", "#f7f7f5", "#1a1a18", "#121211", "#777777"].map(colour) {
            for accent in ["#000000", "#ffffff", "#ffd400", "#2b55c9", "#777777", "#00ff00"].map(colour) {
                let readable = accent.readable_on(background);
                assert!(readable.contrast(background) >= TEXT_CONTRAST, "{accent} on {background}: {readable}");
            }
        }
        assert_eq!(colour("#2b55c9").readable_on(Colour::WHITE), colour("#2b55c9"), "what is readable stays");
    }

    #[test]
    fn a_picture_is_known_by_its_first_bytes() {
        assert_eq!(LogoKind::of(b"\x89PNG\r\n\x1a\n...."), Some(LogoKind::Png));
        assert_eq!(LogoKind::of(b"RIFF\0\0\0\0WEBPVP8 "), Some(LogoKind::Webp));
        assert_eq!(LogoKind::of(b"\xff\xd8\xff\xe0"), Some(LogoKind::Jpeg));
        assert_eq!(LogoKind::of(b"GIF89a"), Some(LogoKind::Gif));
        for other in [b"<svg xmlns=".as_slice(), b"", b"\x89PNG", b"RIFF\0\0\0\0WAVE", b"GIF88a", b"<!doctype html>"] {
            assert_eq!(LogoKind::of(other), None, "{other:?}");
        }
    }
}
