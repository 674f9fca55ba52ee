//! The style sheet, the scripts and the mark, held in the binary. Their paths carry a hash of their content, so
//! browsers may keep them for ever and never show an old one.

use std::fmt::Write as _;
use std::sync::LazyLock;

use aws_lc_rs::digest;
use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::routing::get;

const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// How much of the hash tells two versions apart.
const HASH_BYTES: usize = 8;

/// A file of the pages.
pub(super) struct Asset {
    path: LazyLock<String>,
    media_type: &'static str,
    content: &'static str,
}

/// How pages look.
pub(super) static STYLE: Asset = Asset {
    path: LazyLock::new(|| path("cornet", STYLE.content, "css")),
    media_type: "text/css; charset=utf-8",
    content: concat!(
        include_str!("assets/tokens.css"),
        include_str!("assets/base.css"),
        include_str!("assets/frame.css"),
        include_str!("assets/parts.css"),
    ),
};

/// What pages can do in a browser that runs scripts, beside what they can do in any.
pub(super) static SCRIPT: Asset = Asset {
    path: LazyLock::new(|| path("cornet", SCRIPT.content, "js")),
    media_type: "text/javascript; charset=utf-8",
    content: concat!(
        include_str!("assets/time.js"),
        include_str!("assets/copy.js"),
        include_str!("assets/controls.js"),
        include_str!("assets/dialog.js"),
        include_str!("assets/live.js"),
    ),
};

/// The mark.
pub(super) static ICON: Asset = Asset {
    path: LazyLock::new(|| path("cornet", ICON.content, "svg")),
    media_type: "image/svg+xml",
    content: include_str!("assets/cornet.svg"),
};

impl Asset {
    /// Where it is served.
    pub(super) fn path(&self) -> &str {
        &self.path
    }
}

fn path(name: &str, content: &str, kind: &str) -> String {
    let hash = digest::digest(&digest::SHA256, content.as_bytes());
    let mut path = format!("/assets/{name}-");
    for byte in hash.as_ref().iter().take(HASH_BYTES) {
        // Writing to a string cannot fail.
        write!(path, "{byte:02x}").ok();
    }
    path + "." + kind
}

/// The routes of all of them.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    [&STYLE, &SCRIPT, &ICON].into_iter().fold(Router::new(), |router, asset| {
        let answer = || async { ([(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, FOR_EVER)], asset.content) };
        router.route(asset.path(), get(answer))
    })
}
