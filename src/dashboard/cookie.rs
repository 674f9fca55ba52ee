//! The cookies of the pages: a session's token for the dashboard and one for each portal, and the theme that was
//! chosen. They are for the server alone, and for TLS alone where there is any (THREATS I08).

use axum::http::HeaderMap;
use axum::http::header::COOKIE;

use super::place::Place;
use super::site::Site;

/// How long a browser keeps the theme.
const THEME_SECONDS: u32 = 365 * 24 * 60 * 60;
const THEME: &str = "cornet_theme";

/// The name of the cookie that holds the session of a place.
fn session_name(site: &Site, place: Place) -> String {
    // With this prefix browsers take it from this very host over TLS only.
    let prefix = if site.is_secure() { "__Host-" } else { "" };
    match place {
        Place::Dashboard(_) => format!("{prefix}cornet_session"),
        Place::Portal(id) => format!("{prefix}cornet_portal_{id}"),
    }
}

/// The token of the session of a place, if the browser has sent one.
pub(super) fn session<'a>(headers: &'a HeaderMap, site: &Site, place: Place) -> Option<&'a str> {
    value(headers, &session_name(site, place))
}

/// Has the browser keep the session of a place until it is closed.
pub(super) fn set_session(site: &Site, place: Place, token: &str) -> String {
    format!("{}={token}; {}", session_name(site, place), attributes(site, place))
}

/// Has the browser forget the session of a place.
pub(super) fn clear_session(site: &Site, place: Place) -> String {
    format!("{}=; Max-Age=0; {}", session_name(site, place), attributes(site, place))
}

fn attributes(site: &Site, place: Place) -> &'static str {
    match (site.is_secure(), place.is_portal() && site.is_framed()) {
        // In somebody else's frame a browser sends no other kind.
        (true, true) => "Path=/; HttpOnly; Secure; SameSite=None; Partitioned",
        (true, false) => "Path=/; HttpOnly; Secure; SameSite=Lax",
        (false, _) => "Path=/; HttpOnly; SameSite=Lax",
    }
}

/// The theme that was chosen: `light` or `dark`.
pub(super) fn theme(headers: &HeaderMap) -> Option<&'static str> {
    match value(headers, THEME)? {
        "light" => Some("light"),
        "dark" => Some("dark"),
        _ => None,
    }
}

/// Has the browser keep a theme; one that is not known is forgotten, so that the system's holds again.
pub(super) fn set_theme(theme: &str) -> String {
    let (theme, seconds) = match theme {
        "light" | "dark" => (theme, THEME_SECONDS),
        _ => ("", 0),
    };
    format!("{THEME}={theme}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax")
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    let mut pairs = cookies.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::domain::id::Id;
    use crate::domain::own_names::OwnNames;

    #[test]
    fn a_cookie_is_found_among_others_and_is_kept_close() {
        let site = |url: &str| Site::new(url.to_owned(), OwnNames::default(), Vec::new(), CancellationToken::new());
        let place = Place::Dashboard(Id::from_number(1));
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_static("a=b; cornet_session=cs_1; cornet_theme=dark"));
        assert_eq!(session(&headers, &site("http://127.0.0.1:1"), place), Some("cs_1"));
        assert_eq!(session(&headers, &site("https://x.example"), place), None, "it has another name over TLS");
        assert_eq!(theme(&headers), Some("dark"));
        let set = set_session(&site("https://x.example"), place, "cs_1");
        assert_eq!(set, "__Host-cornet_session=cs_1; Path=/; HttpOnly; Secure; SameSite=Lax");
    }
}
