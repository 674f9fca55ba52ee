//! A form that was sent: taken only from the site's own pages, of the session that it was made for, and from one who
//! may change things (THREATS I06). All that pages change comes through here.

use std::sync::Arc;

use aws_lc_rs::constant_time;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Multipart, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};

use super::Pages;
use super::failure::Failure;
use super::fields::Fields;
use super::viewer::Viewer;
use crate::ops::OpError;

/// The longest form: a payload of an example, written out.
pub const FORM_BYTES_MAX: usize = 4 * 1024 * 1024;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// A form that was sent, and who sent it.
pub struct Submitted {
    /// Who sent it.
    pub viewer: Viewer,
    /// What it holds.
    pub fields: Fields,
}

/// A form with a file that was sent, and who sent it.
pub struct SubmittedWithFile {
    /// Who sent it.
    pub viewer: Viewer,
    /// What it holds beside the file.
    pub fields: Fields,
    /// The file, if one was chosen.
    pub file: Option<Vec<u8>>,
}

/// Whether a request was made by a page of this site, as far as the browser tells.
pub(super) fn is_from_here(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text(ORIGIN.as_str()), text(HOST.as_str())) {
        (Some(site), ..) => site == "same-origin",
        // Browsers say it over TLS only; the origin they always say.
        (None, Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, own)| own == host),
        (None, Some(_), None) => false,
        // No browser: it has no cookie that somebody else could use.
        (None, None, _) => true,
    }
}

/// The fields of a form, whoever sent it.
pub(super) async fn read(headers: &HeaderMap, request: Request, pages: &Arc<Pages>) -> Result<Fields, Failure> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(MEDIA_TYPE) {
        return Err(Failure::Unreadable("A form is sent as application/x-www-form-urlencoded."));
    }
    let body = Bytes::from_request(request, pages).await;
    let body = body.map_err(|_| Failure::Unreadable("The form is too long, or did not come whole."))?;
    Fields::read(&body).ok_or(Failure::Unreadable("The form holds what is no text."))
}

/// Who sent a request, if it came from a page of this site.
async fn sender(request: Request, pages: &Arc<Pages>) -> Result<(Viewer, Request), Failure> {
    let (mut parts, body) = request.into_parts();
    let viewer = Viewer::from_request_parts(&mut parts, pages).await?;
    match is_from_here(&parts.headers) {
        true => Ok((viewer, Request::from_parts(parts, body))),
        false => Err(Failure::Foreign),
    }
}

/// Refuses a form that was not made for the session of who sent it, and one who may only look.
fn check(viewer: &Viewer, fields: &Fields) -> Result<(), Failure> {
    let given = fields.raw("csrf").as_bytes();
    if constant_time::verify_slices_are_equal(given, viewer.csrf().as_bytes()).is_err() {
        return Err(Failure::Foreign);
    }
    if viewer.may_write() { Ok(()) } else { Err(OpError::ReadOnly.into()) }
}

/// The fields of a form that has a file, and the file.
async fn read_with_file(request: Request, pages: &Arc<Pages>) -> Result<(Fields, Option<Vec<u8>>), Failure> {
    let broken =
        || Failure::Unreadable("The form is too long, did not come whole, or is not sent as multipart/form-data.");
    let mut parts = Multipart::from_request(request, pages).await.map_err(|_| broken())?;
    let (mut fields, mut file) = (Fields::default(), None);
    while let Some(part) = parts.next_field().await.map_err(|_| broken())? {
        let (name, is_file) = (part.name().unwrap_or_default().to_owned(), part.file_name().is_some());
        let content = part.bytes().await.map_err(|_| broken())?;
        if is_file {
            // A form whose file was not chosen has an empty one.
            file = Some(content.to_vec()).filter(|content| !content.is_empty()).or(file);
            continue;
        }
        let text = str::from_utf8(&content).map_err(|_| Failure::Unreadable("The form holds what is no text."))?;
        fields = fields.with(&name, text);
    }
    Ok((fields, file))
}

impl FromRequest<Arc<Pages>> for Submitted {
    type Rejection = Failure;

    async fn from_request(request: Request, pages: &Arc<Pages>) -> Result<Self, Failure> {
        let (viewer, request) = sender(request, pages).await?;
        let fields = read(&request.headers().clone(), request, pages).await?;
        check(&viewer, &fields)?;
        Ok(Self { viewer, fields })
    }
}

impl FromRequest<Arc<Pages>> for SubmittedWithFile {
    type Rejection = Failure;

    async fn from_request(request: Request, pages: &Arc<Pages>) -> Result<Self, Failure> {
        let (viewer, request) = sender(request, pages).await?;
        let (fields, file) = read_with_file(request, pages).await?;
        check(&viewer, &fields)?;
        Ok(Self { viewer, fields, file })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_form_of_another_site_is_known_by_what_browsers_say() {
        let from = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            is_from_here(&headers)
        };
        assert!(from(&[("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:1"), ("host", "127.0.0.1:1")]));
        assert!(from(&[("origin", "http://10.0.0.1:8484"), ("host", "10.0.0.1:8484")]));
        assert!(!from(&[("sec-fetch-site", "cross-site"), ("host", "127.0.0.1:1")]));
        assert!(!from(&[("sec-fetch-site", "same-site"), ("host", "127.0.0.1:1")]));
        assert!(!from(&[("origin", "http://evil.example"), ("host", "10.0.0.1:8484")]));
        assert!(!from(&[("origin", "null"), ("host", "10.0.0.1:8484")]));
    }
}
