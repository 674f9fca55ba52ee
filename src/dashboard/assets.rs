//! The style sheet and the mark, held in the binary. Their paths carry a hash of their content, so browsers may keep
//! them for ever and never show an old one.

use std::fmt::Write as _;
use std::sync::LazyLock;

use aws_lc_rs::digest;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

const STYLE: &str = include_str!("cornet.css");
const ICON: &str = include_str!("cornet.svg");
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// How much of the hash tells two versions apart.
const HASH_BYTES: usize = 8;

static STYLE_PATH: LazyLock<String> = LazyLock::new(|| path("cornet", STYLE, "css"));
static ICON_PATH: LazyLock<String> = LazyLock::new(|| path("cornet", ICON, "svg"));

fn path(name: &str, content: &str, kind: &str) -> String {
    let hash = digest::digest(&digest::SHA256, content.as_bytes());
    let mut path = format!("/assets/{name}-");
    for byte in hash.as_ref().iter().take(HASH_BYTES) {
        // Writing to a string cannot fail.
        write!(path, "{byte:02x}").ok();
    }
    path + "." + kind
}

pub(super) fn style_path() -> &'static str {
    &STYLE_PATH
}

pub(super) fn icon_path() -> &'static str {
    &ICON_PATH
}

pub(super) async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, FOR_EVER)], STYLE).into_response()
}

pub(super) async fn icon() -> Response {
    ([(CONTENT_TYPE, "image/svg+xml"), (CACHE_CONTROL, FOR_EVER)], ICON).into_response()
}
