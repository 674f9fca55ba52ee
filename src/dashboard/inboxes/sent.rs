//! A form that was sent from the page of an inbox. There is no session: whoever knows the token may do all of this, and
//! another site does not know it. What its page sends is looked at nevertheless, as everywhere (THREATS I06).

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use serde::Deserialize;

use crate::dashboard::Pages;
use crate::dashboard::failure::Failure;
use crate::dashboard::fields::Fields;
use crate::dashboard::submitted;
use crate::domain::inbox::Inbox;
use crate::ops::OpError;

/// The part of the path that is the permission.
#[derive(Deserialize)]
pub(super) struct InboxPath {
    pub(super) token: String,
}

/// A form that was sent from the page of an inbox.
pub(super) struct Sent {
    /// The inbox whose page it was.
    pub(super) inbox: Inbox,
    /// What it holds.
    pub(super) fields: Fields,
}

impl FromRequest<Arc<Pages>> for Sent {
    type Rejection = Failure;

    async fn from_request(request: Request, pages: &Arc<Pages>) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        let path = Path::<InboxPath>::from_request_parts(&mut parts, pages).await;
        let Path(InboxPath { token }) = path.map_err(|_| OpError::NotFound("inbox"))?;
        let headers = parts.headers.clone();
        if !submitted::is_from_here(&headers) {
            return Err(Failure::Foreign);
        }
        let inbox = pages.operations.inbox_by_token(&token).await?;
        let fields = submitted::read(&headers, Request::from_parts(parts, body), pages).await?;
        Ok(Self { inbox, fields })
    }
}
