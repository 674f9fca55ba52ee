//! Where the pages are shown: under which names, in which frames, and with which headers. It knows no page.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use maud::Markup;
use tokio_util::sync::CancellationToken;

use super::frame;
use crate::domain::own_names::OwnNames;

/// A page takes nothing from elsewhere and sends nothing elsewhere (THREATS I02); who may frame it comes last.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors ";
const NOBODY: &str = "'none'";
/// What the paths of the portal begin with: the only pages that may be framed, where that is allowed.
const PORTAL: &str = "/portal/";

/// A page's media type.
pub(super) const HTML: (HeaderName, &str) = (CONTENT_TYPE, "text/html; charset=utf-8");

/// Where the pages are shown.
pub struct Site {
    base_url: String,
    names: OwnNames,
    frame_ancestors: Vec<String>,
    draining: CancellationToken,
}

impl Site {
    /// Pages that people reach at `base_url` and under these names; pages of these origins may show the portal in a frame.
    /// What is kept open for news ends with `draining`.
    pub fn new(base_url: String, names: OwnNames, frame_ancestors: Vec<String>, draining: CancellationToken) -> Self {
        Self { base_url, names, frame_ancestors, draining }
    }

    /// Where people reach the server, without a slash at its end.
    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Whether people reach it over TLS, so that cookies may ask for that.
    pub(super) fn is_secure(&self) -> bool {
        self.base_url.starts_with("https://")
    }

    /// Whether pages of other origins may show the portal.
    pub(super) fn is_framed(&self) -> bool {
        !self.frame_ancestors.is_empty()
    }

    /// Ends when the server begins to stop.
    pub(super) fn draining(&self) -> CancellationToken {
        self.draining.clone()
    }

    fn protect(&self, path: &str, headers: &mut HeaderMap) {
        let may_be_framed = self.is_framed() && path.starts_with(PORTAL);
        let ancestors = if may_be_framed { self.frame_ancestors.join(" ") } else { NOBODY.to_owned() };
        if let Ok(policy) = HeaderValue::from_str(&format!("{POLICY}{ancestors}")) {
            headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
        }
        if !may_be_framed {
            headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        }
        // `no-referrer` would have browsers hide the origin of forms, which is looked at.
        headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    }
}

/// Answers under the site's own names only, and gives every answer the headers that protect it.
pub(super) async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    // A client without a Host is no browser.
    let host = request.headers().get(HOST).map_or("localhost", |host| host.to_str().unwrap_or_default());
    let mut response = match site.names.include(host) {
        true => next.run(request).await,
        false => page(StatusCode::MISDIRECTED_REQUEST, misdirected()),
    };
    site.protect(&path, response.headers_mut());
    response
}

/// A page as an answer.
pub(super) fn page(status: StatusCode, page: Markup) -> Response {
    (status, [HTML], page.into_string()).into_response()
}

/// The answer under a host name that is not known to be ours.
fn misdirected() -> Markup {
    frame::alone(
        "Not under this name",
        &maud::html! {
            h1 { "Not under this name" }
            p.muted {
                "Cornet shows its pages under its IP address, as localhost, and under the name in " code { "CORNET_PUBLIC_URL" }
                ". If this is your name for it, set that variable."
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(frame_ancestors: &[&str]) -> Site {
        let ancestors = frame_ancestors.iter().map(|&origin| origin.to_owned()).collect();
        let base_url = "https://hooks.example.com".to_owned();
        Site::new(base_url, OwnNames::new(Some("hooks.example.com")), ancestors, CancellationToken::new())
    }

    #[test]
    fn only_the_portal_may_be_framed_and_only_where_that_is_allowed() {
        let framed = |site: Site, path: &str| {
            let mut headers = HeaderMap::new();
            site.protect(path, &mut headers);
            let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
            (policy.rsplit("frame-ancestors ").next().unwrap().to_owned(), headers.contains_key(X_FRAME_OPTIONS))
        };
        assert_eq!(framed(site(&[]), "/portal/app_1"), ("'none'".to_owned(), true));
        assert_eq!(
            framed(site(&["https://shop.example"]), "/portal/app_1"),
            ("https://shop.example".to_owned(), false)
        );
        assert_eq!(framed(site(&["https://shop.example"]), "/sign-in"), ("'none'".to_owned(), true));
    }
}
