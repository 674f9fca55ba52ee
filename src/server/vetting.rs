//! What is refused by its head alone, before anybody looks at what it asks for: a head that is too long, a request that
//! does not say whom it is for, and one that is for somebody else. It does not know who answers the rest.

use axum::http::header::HOST;
use axum::http::{Request, StatusCode, Version};

use crate::domain::own_names::OwnNames;

/// The longest head of a request: its first line and its headers.
pub const REQUEST_HEAD_BYTES_MAX: usize = 64 * 1024;
/// The most headers of a request.
pub const REQUEST_HEADERS_MAX: usize = 100;
/// The longest path and query of a request.
pub const REQUEST_URI_BYTES_MAX: usize = 16 * 1024;

/// What is shown without a key and holds more than a word, so that it is for those only who ask under a name of this
/// server (THREATS F22).
const OPEN_PATHS: [&str; 3] = ["/metrics", "/readyz", "/openapi.json"];

/// Why a request is refused: the status, the stable code, and what to do.
pub(super) type Refusal = (StatusCode, &'static str, &'static str);

/// Looks at the head of a request to a server of these names.
///
/// # Errors
/// Why it is refused.
pub(super) fn check<B>(request: &Request<B>, names: &OwnNames) -> Result<(), Refusal> {
    let (uri, headers) = (request.uri(), request.headers());
    let uri_bytes = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
    if uri_bytes > REQUEST_URI_BYTES_MAX {
        return Err((StatusCode::URI_TOO_LONG, "uri_too_long", "the path and query are too long; shorten them"));
    }
    let line_bytes = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        name.as_str().len() + ": \r\n".len() + value.len()
    };
    let head_bytes = uri_bytes + headers.iter().map(line_bytes).sum::<usize>();
    if head_bytes > REQUEST_HEAD_BYTES_MAX || headers.len() > REQUEST_HEADERS_MAX {
        let why = "the headers are too many or too long; send fewer or shorter ones";
        return Err((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large", why));
    }
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().unwrap_or_default(),
        (None, _) if request.version() < Version::HTTP_11 => return Ok(()),
        _ => {
            return Err((StatusCode::BAD_REQUEST, "host_invalid", "say whom the request is for, in one `Host` header"));
        }
    };
    if OPEN_PATHS.contains(&uri.path()) && !names.include_for_machines(host) {
        let why = "this server does not know itself under this name; ask by its address, or set CORNET_PUBLIC_URL";
        return Err((StatusCode::MISDIRECTED_REQUEST, "host_unknown", why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(path: &str, headers: &[(&str, &str)]) -> u16 {
        let builder = Request::builder().uri(path);
        let request = headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
        let names = OwnNames::new(Some("hooks.example.com"));
        check(&request.body(()).unwrap(), &names).map_or_else(|(status, ..)| status.as_u16(), |()| 200)
    }

    #[test]
    fn a_head_is_bounded_in_each_of_its_parts() {
        let path = |bytes: usize| format!("/{}", "a".repeat(bytes - 1));
        assert_eq!(verdict(&path(REQUEST_URI_BYTES_MAX), &[("host", "a")]), 200);
        assert_eq!(verdict(&path(REQUEST_URI_BYTES_MAX + 1), &[("host", "a")]), 414);
        assert_eq!(verdict(&format!("/?{}", path(REQUEST_URI_BYTES_MAX)), &[("host", "a")]), 414);
        let long = "a".repeat(REQUEST_HEAD_BYTES_MAX - 40);
        assert_eq!(verdict("/", &[("host", "a"), ("x-long", &long)]), 200);
        let longer = "a".repeat(REQUEST_HEAD_BYTES_MAX);
        assert_eq!(verdict("/", &[("host", "a"), ("x-long", &longer)]), 431);
        let many = |count: usize| [vec![("host", "a")], vec![("x", "y"); count - 1]].concat();
        assert_eq!(verdict("/", &many(REQUEST_HEADERS_MAX)), 200);
        assert_eq!(verdict("/", &many(REQUEST_HEADERS_MAX + 1)), 431);
    }

    #[test]
    fn a_request_says_once_whom_it_is_for() {
        assert_eq!(verdict("/", &[]), 400);
        assert_eq!(verdict("/", &[("host", "127.0.0.1"), ("host", "evil.example")]), 400);
        assert_eq!(verdict("/", &[("host", "evil.example")]), 200);
        for path in OPEN_PATHS {
            assert_eq!(verdict(path, &[("host", "evil.example")]), 421, "{path}");
            assert_eq!(verdict(path, &[("host", "")]), 421, "{path}");
            assert_eq!(verdict(path, &[("host", "hooks.example.com")]), 200, "{path}");
            assert_eq!(verdict(path, &[("host", "cornet:8484")]), 200, "{path}");
        }
    }
}
