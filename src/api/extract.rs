//! What handlers are given of a request: who asks, where, and what for. Whatever can't be read is a [`Problem`]; a
//! handler sees only what has the right shape. It does not know what the values mean.

use std::fmt::Formatter;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_path_to_error::Segment;
use zeroize::Zeroizing;

use super::ApiState;
use super::error::Problem;
use crate::domain::audit::RemoteAddress;
use crate::domain::header::HOP;
use crate::domain::json;
use crate::domain::key::API_KEY_PREFIX;
use crate::domain::message::PAYLOAD_BYTES_MAX;
use crate::ops::{Access, IdempotencyKey, Operations};

/// The largest body that is read: a payload and what stands around it.
pub const BODY_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 64 * 1024;

/// The header with which a caller makes repeats of a POST harmless.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Names under which keys are sent in URLs, where logs would keep them (THREATS G09); case, `-` and `_` do not matter.
const KEY_PARAMETERS: [&str; 8] =
    ["accesstoken", "apikey", "apitoken", "authorization", "authtoken", "bearer", "key", "token"];

impl FromRef<ApiState> for Arc<Operations> {
    fn from_ref(state: &ApiState) -> Self {
        state.operations.clone()
    }
}

/// Refuses what no caller who means well would ask: a URL with a key in it, and a delivery of Cornet's own, which may have
/// gone round in a circle.
pub(super) fn refuse_misuse(parts: &Parts) -> Result<(), Problem> {
    refuse_key_in_url(parts)?;
    if parts.headers.contains_key(HOP) {
        let why = "this is a delivery by Cornet, which does not take deliveries as requests: an endpoint's URL leads to its API";
        return Err(Problem::new(StatusCode::FORBIDDEN, "delivery_loop", why));
    }
    Ok(())
}

fn refuse_key_in_url(parts: &Parts) -> Result<(), Problem> {
    let query = parts.uri.query().unwrap_or_default();
    let names_a_key = |name: &str| {
        let bare = name.replace(['-', '_'], "").to_ascii_lowercase();
        KEY_PARAMETERS.contains(&bare.as_str())
    };
    let is_a_key = |value: &str| value.starts_with(API_KEY_PREFIX);
    if url::form_urlencoded::parse(query.as_bytes()).any(|(name, value)| names_a_key(&name) || is_a_key(&value)) {
        let why = "send the API key in its header, such as `Authorization: Bearer KEY`, never in the URL, and replace \
                   this one";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "key_in_url", why));
    }
    Ok(())
}

/// The text of `Authorization: Bearer KEY`, wherever it may be from; empty when there is none.
pub(super) struct Bearer(Zeroizing<String>);

impl Bearer {
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl FromRequestParts<ApiState> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        refuse_misuse(parts)?;
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (scheme, key) = header.split_once(' ').unwrap_or_default();
        let key = if scheme.eq_ignore_ascii_case("bearer") { key.trim() } else { "" };
        Ok(Self(Zeroizing::new(key.to_owned())))
    }
}

impl FromRequestParts<ApiState> for Access {
    type Rejection = Problem;

    /// Who asks, by `Authorization: Bearer KEY`. Whoever may only look is refused everything but a look.
    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let bearer = Bearer::from_request_parts(parts, state).await?;
        let access = state.operations.authenticate(bearer.text()).await?;
        refuse_writing(parts, &access)?;
        Ok(access.from_address(remote_address(parts)))
    }
}

/// From where a request came, if that is known.
pub(super) fn remote_address(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<RemoteAddress>().map(|from| from.0)
}

/// Refuses whoever may only look a request that may change something.
pub(super) fn refuse_writing(parts: &Parts, access: &Access) -> Result<(), Problem> {
    let only_reads = matches!(parts.method, Method::GET | Method::HEAD);
    if only_reads { Ok(()) } else { Ok(access.require_writing()?) }
}

/// The ids and names in the path, as texts: anything may stand there, and most of it is simply not found.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<ApiState> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let read = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        // Only bytes that are not UTF-8 can't be read.
        read.map(|path| Self(path.0)).map_err(|_| Problem::not_found("there is nothing at this path"))
    }
}

/// The parameters behind the `?`. One that is there several times is the comma-joined list of its values; one that
/// is not known is left alone, because newer SDKs send more than older servers know.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<ApiState> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, Problem> {
        read_query(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn read_query<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    let mut joined: Vec<(String, String)> = Vec::new();
    for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
        match joined.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.extend([",", &value]),
            None => joined.push((name.into_owned(), value.into_owned())),
        }
    }
    let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(joined).finish();
    let pairs = url::form_urlencoded::parse(text.as_bytes());
    serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(pairs)).map_err(|error| {
        let place = place_of("query", error.path());
        Problem::invalid(place, "invalid_parameter", error.inner())
    })
}

/// Texts in one parameter, comma-joined; an empty one is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommaList(pub Vec<String>);

impl<'de> Deserialize<'de> for CommaList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self(text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect()))
    }
}

/// The JSON body of a PUT or PATCH.
pub struct Given<T>(pub T);

impl<T: DeserializeOwned> FromRequest<ApiState> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &ApiState) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_headers(&parts.headers)?;
        read_json(&read_bytes(&parts.headers, body).await?).map(Self)
    }
}

/// The JSON body of a POST, and the key that makes its repeat harmless.
pub struct Posted<T> {
    /// What is asked for.
    pub body: T,
    /// From the `idempotency-key` header.
    pub key: Option<IdempotencyKey>,
}

impl<T: DeserializeOwned> FromRequest<ApiState> for Posted<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_headers(&parts.headers)?;
        let bytes = read_bytes(&parts.headers, body).await?;
        let key = idempotency_key(&state.operations, &parts, &bytes)?;
        Ok(Self { body: read_json(&bytes)?, key })
    }
}

/// A POST that asks for something without a body; one that comes all the same says nothing.
pub struct Bare {
    /// From the `idempotency-key` header.
    pub key: Option<IdempotencyKey>,
}

impl FromRequest<ApiState> for Bare {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read_bytes(&parts.headers, body).await?;
        Ok(Self { key: idempotency_key(&state.operations, &parts, &bytes)? })
    }
}

/// The key of the `idempotency-key` header, for exactly this request.
fn idempotency_key(operations: &Operations, parts: &Parts, body: &[u8]) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(value) = parts.headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    // What is not visible ASCII becomes a text that no key may be.
    let text = value.to_str().unwrap_or_default();
    let path_and_query = parts.uri.path_and_query().map_or("", |path_and_query| path_and_query.as_str());
    let asked = [parts.method.as_str().as_bytes(), path_and_query.as_bytes(), body];
    Ok(Some(operations.idempotency_key(text, &asked)?))
}

/// Refuses a body that is not plain JSON in UTF-8 (THREATS F07, F14).
fn check_headers(headers: &HeaderMap) -> Result<(), Problem> {
    let refused = |code, why| Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, why));
    let encoding = headers.get(CONTENT_ENCODING).map(|value| value.as_bytes());
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
        return refused("content_encoding", "send the body as it is, without `Content-Encoding`");
    }
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if is_json(content_type) {
        Ok(())
    } else {
        refused("content_type", "send `Content-Type: application/json` in UTF-8")
    }
}

fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let is_utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) && parts.all(is_utf8)
}

/// The whole body, which is not read further than [`BODY_BYTES_MAX`] (THREATS F06).
async fn read_bytes(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let too_large = || {
        let why = format!("a body must have at most {BODY_BYTES_MAX} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", why)
    };
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > BODY_BYTES_MAX) {
        return Err(too_large());
    }
    match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "body_incomplete", "the body ended before its end")),
    }
}

/// Reads a body, strictly: first whether it is JSON that every store and receiver can read, then its shape.
pub(super) fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    json::check(bytes, json::Rules::named("body")).map_err(|error| match error.code() {
        code @ "json_syntax" => Problem::new(StatusCode::BAD_REQUEST, code, error),
        code => Problem::invalid(vec!["body".to_owned()], code, error),
    })?;
    // Only a body with a fault pays for knowing where it is.
    let read = serde_json::from_slice(bytes).or_else(|_| {
        serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(bytes)).map_err(|error| {
            let message = error.inner().to_string();
            let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
            let code = match message.split_once(" field ") {
                Some(("unknown", _)) => "unknown_member",
                Some(("missing", _)) => "missing_member",
                _ => "wrong_type",
            };
            Problem::invalid(place_of("body", error.path()), code, message)
        })
    });
    read.map(|Object(body)| body)
}

fn place_of(root: &str, path: &serde_path_to_error::Path) -> Vec<String> {
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    };
    std::iter::once(root.to_owned()).chain(path.iter().filter_map(step)).collect()
}

/// For a member of a PATCH: absent is `None`, and what is there is `Some`, even when it is null.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// What has named members, read from an object alone: serde would take it from a list too, by their places.
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Object)
    }
}

/// For a member that is an object in itself, or null.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::<Object<T>>::deserialize(deserializer).map(|given| given.map(|Object(given)| given))
}

/// For a member of a PATCH that is an object in itself, and not null.
pub fn given_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Object::deserialize(deserializer).map(|Object(given)| Some(given))
}

/// A JSON object as the very text that was sent: key order, spacing and numbers as they were.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct JsonObject(Box<RawValue>);

impl JsonObject {
    /// The text, which is not copied once more.
    pub fn into_text(self) -> String {
        Box::<str>::from(self.0).into_string()
    }

    /// The bytes of the text, which are not copied once more.
    pub fn into_bytes(self) -> Bytes {
        self.into_text().into()
    }
}

impl<'de> Deserialize<'de> for JsonObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with('{') { Ok(Self(raw)) } else { Err(D::Error::custom("must be a JSON object")) }
    }
}

#[cfg(test)]
#[path = "extract_tests.rs"]
mod tests;
