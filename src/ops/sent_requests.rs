//! The request of an attempt, formed again from what is kept: what the receiver got, or should have got. Where that
//! can't be known any more it says so. It does not know how a request is formed; whoever sends tests does.

use bytes::Bytes;

use super::{Access, OpError, Operations};
use crate::domain::delivery::Attempt;
use crate::domain::endpoint::Endpoint;
use crate::domain::message::Message;
use crate::domain::target::Target;
use crate::domain::transformation::CONCEALED;
use crate::store::{Route, Routes};

/// What stands in the place of the value of a header that the endpoint adds: it may be a credential, which is written
/// and never shown (THREATS E10).
pub const HIDDEN: &str = CONCEALED;

/// Headers that a client sets itself.
const OF_THE_CLIENT: [&str; 2] = ["content-length", "host"];
/// A body that is longer does not go into one argument of a command on every system.
const ARGUMENT_BYTES: usize = 96 * 1024;

const WEBHOOK_ID: &str = "webhook-id";
const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
const WEBHOOK_SIGNATURE: &str = "webhook-signature";

/// A request as a receiver sees it.
#[derive(Clone, Debug)]
pub struct FormedRequest {
    /// The method.
    pub method: String,
    /// Where it goes.
    pub url: String,
    /// The headers, by lower-case name.
    pub headers: Vec<(String, String)>,
    /// Names of those that the endpoint's transformation adds.
    pub added: Vec<String>,
    /// The body.
    pub body: Bytes,
}

/// What may be different about a request that was formed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The payload has been deleted.
    PayloadDeleted,
    /// The endpoint has been deleted.
    EndpointDeleted,
    /// The endpoint has been changed since.
    EndpointChanged,
    /// The environment has been changed since.
    EnvironmentChanged,
    /// The endpoint's secret has been replaced since.
    SecretReplaced,
    /// The endpoint's transformation has been changed since.
    TransformationChanged,
    /// The endpoint's transformation makes no request of it.
    NotTransformed,
}

impl Difference {
    /// Every difference.
    pub const ALL: [Self; 7] = [
        Self::PayloadDeleted,
        Self::EndpointDeleted,
        Self::EndpointChanged,
        Self::EnvironmentChanged,
        Self::SecretReplaced,
        Self::TransformationChanged,
        Self::NotTransformed,
    ];

    /// What is different, in one sentence for people.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::PayloadDeleted => "The payload has been deleted, so the body and its signature are gone.",
            Self::EndpointDeleted => {
                "The endpoint has been deleted, and with it its own headers, its secrets and its \
                 transformation."
            }
            Self::EndpointChanged => "The endpoint has been changed since, so its own headers may have been others.",
            Self::EnvironmentChanged => {
                "The environment has been changed since, so the body may have been in another envelope."
            }
            Self::SecretReplaced => {
                "The endpoint's secret has been replaced since, so a signature by one that is gone may be missing."
            }
            Self::TransformationChanged => {
                "The endpoint's transformation has been changed since, so method, headers and body may have been others."
            }
            Self::NotTransformed => {
                "The endpoint's transformation fails on this message or cancels it, so this is what its code is given."
            }
        }
    }
}

/// The request of an attempt. It is as the receiver got it, byte for byte, except for values that are [`HIDDEN`], the
/// version in `user-agent`, and what the differences say. One that got no connection was never sent.
#[derive(Clone, Debug)]
pub struct SentRequest {
    /// The method.
    pub method: String,
    /// Where it went.
    pub url: String,
    /// Its headers, by lower-case name.
    pub headers: Vec<(String, String)>,
    /// Its body; `None` when the payload is gone.
    pub body: Option<Bytes>,
    /// What may have been different when it was sent.
    pub differences: Vec<Difference>,
}

impl SentRequest {
    /// Whether nothing was different when it was sent.
    pub fn is_exact(&self) -> bool {
        self.differences.is_empty()
    }

    /// The value of the header with this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// What its signatures are of: id, timestamp and body with dots between (Standard Webhooks); `None` when the payload
    /// is gone.
    pub fn signed_content(&self) -> Option<String> {
        let (id, timestamp) = (self.header(WEBHOOK_ID)?, self.header(WEBHOOK_TIMESTAMP)?);
        Some(format!("{id}.{timestamp}.{}", String::from_utf8_lossy(self.body.as_ref()?)))
    }

    /// A command for a POSIX shell that sends it once more, with the same signature; `None` when the payload is gone.
    pub fn as_curl(&self) -> Option<String> {
        let body = quoted(&String::from_utf8_lossy(self.body.as_ref()?));
        let mut command = format!("curl --globoff --request {} {}", self.method, quoted(&self.url));
        for (name, value) in self.headers.iter().filter(|(name, _)| !OF_THE_CLIENT.contains(&name.as_str())) {
            command.extend([" \\\n  --header ", &quoted(&format!("{name}: {value}"))]);
        }
        Some(if body.len() <= ARGUMENT_BYTES {
            format!("{command} \\\n  --data-raw {body}")
        } else {
            // Built into the shell, `printf` takes arguments of any length.
            format!("printf %s {body} |\n{command} \\\n  --data-binary @-")
        })
    }

    fn hide_headers_of(&mut self, endpoint: &Endpoint, added: &[String]) {
        for (name, value) in &mut self.headers {
            if endpoint.headers.contains_key(name) || added.contains(name) {
                HIDDEN.clone_into(value);
            }
        }
    }

    /// Names the host of the URL that it went to, whatever the endpoint's is by now.
    fn go_to_its_url(&mut self) {
        let Ok(target) = Target::parse(&self.url) else { return };
        for (_, value) in self.headers.iter_mut().filter(|(name, _)| name == "host") {
            target.authority().clone_into(value);
        }
    }

    fn remove_body(&mut self) {
        self.body = None;
        self.headers.retain(|(name, _)| name != WEBHOOK_SIGNATURE && name != "content-length");
    }
}

/// One word of a POSIX shell that stands for `text`, whatever it is.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The endpoint of an attempt as it was, as far as that is known, and what may have been different.
struct Then {
    route: Route,
    differences: Vec<Difference>,
}

impl Operations {
    /// The request of one attempt to deliver a message.
    ///
    /// # Errors
    /// When there is none that `access` may see, this process sends nothing, or the store can't be read.
    pub async fn request_of(
        &self,
        access: &Access,
        application: &str,
        message: &str,
        attempt: &str,
    ) -> Result<SentRequest, OpError> {
        let attempt = self.attempt(access, application, message, attempt).await?;
        let routes = self.routes(access, application).await?;
        let message = self.message_of(&routes, message, true).await?;
        let mut then = self.then(&routes, &attempt).await?;
        let formed = self.formed(&routes, &mut then, &message, &attempt).await?;
        let mut request = SentRequest {
            method: formed.method,
            url: attempt.url,
            headers: formed.headers,
            body: Some(formed.body),
            differences: then.differences,
        };
        request.hide_headers_of(&then.route.endpoint, &formed.added);
        request.go_to_its_url();
        if then.route.signers.is_empty() {
            request.headers.retain(|(name, _)| name != WEBHOOK_SIGNATURE);
        }
        if message.payload.is_none() {
            request.remove_body();
            request.differences.insert(0, Difference::PayloadDeleted);
        }
        Ok(request)
    }

    /// The request as it is formed now; where the endpoint's code makes none, as it is without.
    async fn formed(
        &self,
        routes: &Routes,
        then: &mut Then,
        message: &Message,
        attempt: &Attempt,
    ) -> Result<FormedRequest, OpError> {
        let sender = self.sender()?;
        // Without a payload there is nothing that code could be run on.
        if message.payload.is_some() {
            if let Ok(formed) = sender.form(routes, &then.route, message, attempt.sent_at).await {
                return Ok(formed);
            }
            then.differences.push(Difference::NotTransformed);
        }
        then.route.transformation = None;
        let formed = sender.form(routes, &then.route, message, attempt.sent_at).await;
        formed.map_err(|error| OpError::conflict("request", error))
    }

    async fn then(&self, routes: &Routes, attempt: &Attempt) -> Result<Then, OpError> {
        let mut differences = Vec::new();
        let known = routes.endpoint(attempt.endpoint_id).map(|route| route.endpoint.clone());
        let mut endpoint = known.unwrap_or_else(|| {
            differences.push(Difference::EndpointDeleted);
            Endpoint::blank(attempt.endpoint_id, &routes.application, attempt.sent_at)
        });
        if endpoint.updated_at > attempt.sent_at {
            differences.push(Difference::EndpointChanged);
        }
        if routes.environment.updated_at > attempt.sent_at {
            differences.push(Difference::EnvironmentChanged);
        }
        let then = self.store.signers_at(attempt.endpoint_id, attempt.sent_at).await?;
        if then.replaced && !differences.contains(&Difference::EndpointDeleted) {
            differences.push(Difference::SecretReplaced);
        }
        let transformation = routes.endpoint(attempt.endpoint_id).and_then(|route| route.transformation.clone());
        let changed_at = self.store.transformation(attempt.endpoint_id).await?.updated_at;
        if changed_at.is_some_and(|changed_at| changed_at > attempt.sent_at) {
            differences.push(Difference::TransformationChanged);
        }
        // Code is given the URL that the endpoint has, and may make another of it.
        if transformation.is_none() {
            endpoint.url.clone_from(&attempt.url);
        }
        let target = Target::parse(&endpoint.url).map_err(|error| OpError::conflict("url", error))?;
        let signers = then.signers.into_iter().map(|signer| (signer, None)).collect();
        Ok(Then { route: Route { endpoint, target: target.into(), signers, transformation }, differences })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &str) -> SentRequest {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        SentRequest {
            method: "POST".to_owned(),
            url: "https://example.com/it's?a={1}".to_owned(),
            headers: vec![pair("host", "example.com"), pair(WEBHOOK_ID, "msg_1"), pair(WEBHOOK_TIMESTAMP, "7")],
            body: Some(Bytes::copy_from_slice(body.as_bytes())),
            differences: Vec::new(),
        }
    }

    #[test]
    fn the_command_is_one_for_a_shell() {
        let command = request("{\"a\":\"$(id) it's \\n\"}").as_curl().unwrap();
        let expected = "curl --globoff --request POST 'https://example.com/it'\\''s?a={1}' \\\n  \
            --header 'webhook-id: msg_1' \\\n  --header 'webhook-timestamp: 7' \\\n  \
            --data-raw '{\"a\":\"$(id) it'\\''s \\n\"}'";
        assert_eq!(command, expected);
        let long = request(&"x".repeat(ARGUMENT_BYTES)).as_curl().unwrap();
        assert!(long.starts_with("printf %s 'xxx") && long.ends_with("--data-binary @-"));
        assert_eq!(SentRequest { body: None, ..request("") }.as_curl(), None);
    }

    #[test]
    fn what_was_signed_is_id_timestamp_and_body() {
        assert_eq!(request("{}").signed_content().as_deref(), Some("msg_1.7.{}"));
        assert_eq!(SentRequest { body: None, ..request("") }.signed_content(), None);
    }

    #[test]
    fn every_difference_is_explained_in_one_sentence() {
        for difference in Difference::ALL {
            let explanation = difference.explanation();
            assert!(explanation.ends_with('.') && !explanation.contains(". "), "{difference:?}");
        }
    }
}
