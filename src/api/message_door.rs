//! The short way in for posted messages, which are most of what a server is asked for: past the router and its layers
//! straight to the handler, with the same checks in the same order. (The router and its layers took a seventh of a
//! message's time.)
//! Whatever is not plainly a posted message goes through the router, which knows that operation too.

use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};

use super::ApiState;
use super::error::Problem;
use super::extract::{Path, Posted, Query};
use super::{messages, request_id};
use crate::ops::Access;

/// What stands around the application's id or uid in the path.
const AROUND: (&str, &str) = ("/api/v1/app/", "/msg");

/// Takes posted messages in.
pub struct MessageDoor {
    state: ApiState,
}

impl MessageDoor {
    /// The operation, as the router's table calls it.
    pub const ROUTE: &'static str = "/api/v1/app/{application_id}/msg";

    /// The door to what `state` reaches.
    pub fn new(state: ApiState) -> Self {
        Self { state }
    }

    /// The application that a request posts a message to, if that is plainly what it does.
    pub fn application<'a>(method: &Method, uri: &'a Uri) -> Option<&'a str> {
        let (before, after) = AROUND;
        let application = uri.path().strip_prefix(before)?.strip_suffix(after)?;
        let is_plain = !application.is_empty() && !application.contains(['/', '%']);
        (method == Method::POST && is_plain).then_some(application)
    }

    /// Answers a request that posts a message to this application.
    pub async fn answer(&self, application: String, request: Request) -> Response {
        // In a box, because all that stands around it would have room for it twice.
        let accept = |request| Box::pin(async { self.accept(application, request).await.into_response() });
        request_id::attach_around(&self.state.operations, request, accept).await
    }

    async fn accept(&self, application: String, request: Request) -> Result<Response, Problem> {
        let (mut parts, body) = request.into_parts();
        let access = Access::from_request_parts(&mut parts, &self.state).await?;
        let query = Query::from_request_parts(&mut parts, &self.state).await?;
        let posted = Posted::from_request(Request::from_parts(parts, body), &self.state).await?;
        messages::create_message(State(self.state.clone()), access, Path(application), query, posted).await
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, Uri};

    use super::MessageDoor;

    #[test]
    fn only_a_plainly_posted_message_goes_this_way() {
        let application = |method: Method, path: &'static str| {
            MessageDoor::application(&method, &Uri::from_static(path)).map(str::to_owned)
        };
        let taken = |path| application(Method::POST, path);
        assert_eq!(taken("/api/v1/app/default/msg").as_deref(), Some("default"));
        assert_eq!(taken("/api/v1/app/a.b_c-1/msg?with_content=false").as_deref(), Some("a.b_c-1"));
        assert_eq!(application(Method::GET, "/api/v1/app/default/msg"), None);
        for path in ["/api/v1/app//msg", "/api/v1/app/a/b/msg", "/api/v1/app/a%2Fb/msg", "/api/v1/app/a/msg/", "/msg"] {
            assert_eq!(taken(path), None, "{path}");
        }
    }
}
