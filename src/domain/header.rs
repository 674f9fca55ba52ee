//! The headers that a consumer may add to the requests of an endpoint: which names and values are allowed (THREATS
//! E01–E06), and which values are never shown again (E10). It does not know the endpoint or the request.

use super::name::Invalid;

/// How many headers an endpoint may add.
pub const HEADERS_MAX: usize = 32;
/// How long the name of a header may be.
pub const HEADER_NAME_BYTES_MAX: usize = 128;
/// How long the value of a header may be.
pub const HEADER_VALUE_BYTES_MAX: usize = 4 * 1024;
/// How long all names and values may be together.
pub const HEADERS_BYTES_MAX: usize = 8 * 1024;

/// Says of a request that it is a delivery of Cornet's, and how often what it tells of was delivered on its way. Cornet
/// does not take deliveries as requests to its API, so that none goes round in circles (THREATS C30).
pub const HOP: &str = "cornet-hop";

/// Names that Cornet sets itself, that steer the connection, or that open a metadata service or a proxy.
const RESERVED: [&str; 29] = [
    "accept-encoding",
    "cf-connecting-ip",
    "connection",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "metadata",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "user-agent",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-google-metadata-request",
    "x-host",
    "x-http-method",
    "x-http-method-override",
    "x-identity-header",
    "x-method-override",
    "x-real-ip",
    "x-rewrite-url",
];

/// Beginnings of names that are reserved for the same reasons; `ce-` is CloudEvents in binary form.
const RESERVED_PREFIXES: [&str; 12] = [
    "ce-",
    "content-",
    "cornet-",
    "metadata-",
    "proxy-",
    "sec-",
    "svix-",
    "webhook-",
    "x-aliyun-ecs-metadata-",
    "x-aws-ec2-metadata-",
    "x-forwarded-",
    "x-original-",
];

/// Parts of names whose values are credentials.
const SENSITIVE_PARTS: [&str; 8] =
    ["api-key", "apikey", "auth", "credential", "password", "secret", "signature", "token"];

/// Checks all headers of an endpoint, given as names and values.
///
/// # Errors
/// The first header that breaks a rule, by its name.
pub fn check<'a>(headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), Invalid> {
    let mut seen: Vec<&str> = Vec::new();
    let mut bytes = 0;
    for (name, value) in headers {
        check_name(name)?;
        check_value(value).map_err(|error| Invalid::new(format!("the value of `{name}` {error}")))?;
        if seen.iter().any(|other| other.eq_ignore_ascii_case(name)) {
            return Err(Invalid::new(format!("`{name}` is there twice; header names ignore case")));
        }
        bytes += name.len() + value.len();
        if seen.len() == HEADERS_MAX {
            return Err(Invalid::new(format!("there must be at most {HEADERS_MAX} headers")));
        }
        if bytes > HEADERS_BYTES_MAX {
            return Err(Invalid::new(format!("all headers together must have at most {HEADERS_BYTES_MAX} bytes")));
        }
        seen.push(name);
    }
    Ok(())
}

/// Whether the value of this header is a credential, which is written but never shown.
pub fn is_sensitive(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SENSITIVE_PARTS.iter().any(|part| name.contains(part))
}

/// Whether a consumer may not set this header.
pub fn is_reserved(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    RESERVED.contains(&name.as_str()) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// A name is a token (RFC 9110, 5.6.2) that is not reserved.
fn check_name(name: &str) -> Result<(), Invalid> {
    if name.len() > HEADER_NAME_BYTES_MAX {
        return Err(Invalid::new(format!("a header name must have at most {HEADER_NAME_BYTES_MAX} bytes")));
    }
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(Invalid::new(format!("{name:?} is not a header name; use letters, digits and `-`")));
    }
    if is_reserved(name) {
        return Err(Invalid::new(format!("`{name}` is reserved; choose another header name")));
    }
    Ok(())
}

/// A value is visible ASCII with spaces only inside (THREATS E02).
fn check_value(value: &str) -> Result<(), Invalid> {
    if value.len() > HEADER_VALUE_BYTES_MAX {
        return Err(Invalid::new(format!("must have at most {HEADER_VALUE_BYTES_MAX} bytes")));
    }
    if value.starts_with(' ') || value.ends_with(' ') {
        return Err(Invalid::new("must not begin or end with a space"));
    }
    if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err(Invalid::new("must have only visible ASCII characters and spaces"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_headers_are_allowed() {
        let long = "v".repeat(4096);
        let headers = [("Authorization", "Bearer a b"), ("X-Tenant", ""), ("x_y.z~", "!~"), ("X-Long", &long)];
        assert_eq!(check(headers), Ok(()));
        assert_eq!(check([]), Ok(()));
    }

    #[test]
    fn names_are_tokens_and_not_reserved() {
        let long = "n".repeat(129);
        for name in ["a b", "a:b", "X\r\nEvil", "", "é", ":authority", "a\0", "a\u{7f}", "(a)", &long] {
            assert!(check([(name, "v")]).is_err(), "{name:?}");
        }
        for name in [
            "Host",
            "content-length",
            "Transfer-Encoding",
            "connection",
            "TE",
            "trailer",
            "upgrade",
            "keep-alive",
            "proxy-authorization",
            "Expect",
            "Content-Type",
            "content-encoding",
            "Webhook-Id",
            "webhook-signature",
            "cornet-hop",
            "SVIX-id",
            "cookie",
            "accept-encoding",
            "range",
            "Metadata",
            "X-aws-ec2-metadata-token",
            "X-aws-ec2-metadata-token-ttl-seconds",
            "Metadata-Flavor",
            "X-Forwarded-For",
            "X-Original-URL",
            "X-Original-Host",
            "X-HTTP-Method",
            "X-Forwarded-Host",
            "Via",
            "Sec-Fetch-Site",
            "Metadata-Token",
            "X-aliyun-ecs-metadata-token",
            "X-IDENTITY-HEADER",
            "True-Client-IP",
            "User-Agent",
        ] {
            assert!(is_reserved(name) && check([(name, "v")]).is_err(), "{name:?}");
        }
    }

    #[test]
    fn values_stay_on_their_line() {
        let long = "v".repeat(4097);
        for value in ["a\r\nX: y", "a\n", "\0", "\u{7f}", "é", " a", "a ", "\ta", "a\tb", &long] {
            let error = check([("x-a", value)]).unwrap_err();
            assert!(error.why.starts_with("the value of `x-a` must"), "{error}");
        }
    }

    #[test]
    fn headers_are_few_and_each_is_there_once() {
        let names: Vec<String> = (0..33).map(|n| format!("x-{n}")).collect();
        let headers = |count: usize, value| names.iter().take(count).map(move |name| (name.as_str(), value));
        let quarter_kib = "v".repeat(256);
        assert_eq!(check(headers(32, "v")), Ok(()));
        assert!(check(headers(33, "v")).is_err());
        assert!(check(headers(32, &quarter_kib)).is_err());
        assert!(check([("X-A", "1"), ("x-a", "2")]).is_err());
    }

    #[test]
    fn credentials_are_sensitive() {
        for name in ["Authorization", "X-API-Key", "apikey", "X-Auth-Token", "x-shared-secret", "X-Hub-Signature-256"] {
            assert!(is_sensitive(name), "{name}");
        }
        for name in ["X-Example", "x-tenant", "accept"] {
            assert!(!is_sensitive(name), "{name}");
        }
    }
}
