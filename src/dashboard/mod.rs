//! The pages that people look at, made on the server without a line of script. So far there is one that says that
//! Cornet runs and how to go on, and one in the place of the consumers' portal. It knows no SQL and asks for nothing
//! that needs a key.

mod assets;
mod pages;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderMap, REFERRER_POLICY, X_FRAME_OPTIONS};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use maud::Markup;

/// A page takes nothing from elsewhere, runs nothing, sends nothing and is shown in no frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

const PAGE_HEADERS: [(HeaderName, &str); 4] = [
    (CONTENT_TYPE, "text/html; charset=utf-8"),
    (CONTENT_SECURITY_POLICY, POLICY),
    (REFERRER_POLICY, "no-referrer"),
    (X_FRAME_OPTIONS, "DENY"),
];

/// Where the pages are shown.
pub struct Site {
    base_url: String,
    public_host: Option<String>,
}

impl Site {
    /// Pages that people reach at `base_url`, and by the name `public_host` if there is one.
    pub fn new(base_url: String, public_host: Option<&str>) -> Self {
        Self { base_url, public_host: public_host.map(str::to_owned) }
    }

    /// Whether pages are shown under this `Host`. A name that is not known may be an attacker's that was pointed at
    /// this machine to have its pages read by a script (DNS rebinding, THREATS F22); an address cannot be.
    fn is_own(&self, host: &str) -> bool {
        let port = host.rfind(':').filter(|colon| host[colon + 1..].bytes().all(|byte| byte.is_ascii_digit()));
        let name = host[..port.unwrap_or(host.len())].trim_end_matches('.');
        let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        let is_local = name.eq_ignore_ascii_case("localhost");
        let is_public = self.public_host.as_deref().is_some_and(|public| name.eq_ignore_ascii_case(public));
        is_local || is_public || address.parse::<IpAddr>().is_ok()
    }

    fn show(&self, headers: &HeaderMap, page: impl FnOnce(&str) -> Markup) -> Response {
        // A client without a Host is no browser.
        let host = headers.get(HOST).map_or("localhost", |host| host.to_str().unwrap_or_default());
        let (status, page) = match self.is_own(host) {
            true => (StatusCode::OK, page(&self.base_url)),
            false => (StatusCode::MISDIRECTED_REQUEST, pages::misdirected()),
        };
        (status, PAGE_HEADERS, page.into_string()).into_response()
    }
}

/// The routes of all pages and of what they are made with.
pub fn router(site: Site) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/portal/{*rest}", get(portal))
        .route(assets::style_path(), get(assets::style))
        .route(assets::icon_path(), get(assets::icon))
        .with_state(Arc::new(site))
}

async fn home(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    site.show(&headers, pages::home)
}

async fn portal(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    site.show(&headers, |_| pages::portal())
}

#[cfg(test)]
mod tests {
    use super::{Site, pages};

    #[test]
    fn pages_are_shown_under_known_names_and_addresses_only() {
        let site = Site::new("https://hooks.example.com".to_owned(), Some("hooks.example.com"));
        for host in ["127.0.0.1:8484", "[::1]:8484", "[::1]", "localhost", "LOCALHOST:1", "hooks.example.com:443"] {
            assert!(site.is_own(host), "{host}");
        }
        for host in ["", "evil.example", "evil.example:8484", "127.0.0.1.evil.example", "localhost.evil.example"] {
            assert!(!site.is_own(host), "{host}");
        }
    }

    #[test]
    fn pages_hold_no_script_and_no_style_of_their_own() {
        for page in [pages::home("http://127.0.0.1:8484"), pages::portal(), pages::misdirected()] {
            let page = page.into_string();
            for word in ["<script", "<style", "style=", "onclick", "javascript:", "//cdn"] {
                assert!(!page.contains(word), "{word} in {page}");
            }
            assert!(page.contains("<html lang=\"en\">") && page.contains("<title>"), "{page}");
        }
    }
}
