//! Filters on the wire, and trying one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::ser::Error as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::error::{Problem, WriteProblems};
use super::extract::{Given, JsonObject};
use super::messages::MessageIn;
use crate::domain::filter::Filter;
use crate::ops::{Access, NewMessage, Operations, read_filter};

/// What a message has that says nothing of what it tells of.
const UNTOLD: &str = "example.event";

/// Reads the member `filter` of a body; null is none.
pub(super) fn given(filter: Option<JsonObject>) -> Result<Option<Filter>, Problem> {
    Ok(filter.map(|object| read_filter(&object.into_text())).transpose()?)
}

/// A filter as it is shown: as it was given, without the blanks between its parts.
pub(super) struct FilterOut(pub(super) Filter);

impl Serialize for FilterOut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.0.text()).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// A filter, and a message to try it on.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FilterTestIn {
    #[schema(value_type = Object, example = json!({"data": {"total": {"$gte": 100}}}))]
    filter: JsonObject,
    /// The message's payload.
    #[schema(value_type = Object, example = json!({"total": 40}))]
    payload: JsonObject,
    /// What the message tells of; `example.event` when it is left out.
    #[schema(example = "order.created")]
    event_type: Option<String>,
    /// The producer's own id for it.
    event_id: Option<String>,
    /// Its channels.
    #[schema(max_items = 5)]
    channels: Option<Vec<String>>,
}

/// What a filter says of a message.
#[derive(Serialize, ToSchema)]
pub(super) struct FilterTestOut {
    /// Whether an endpoint with this filter would get it.
    passes: bool,
    /// The clause of the filter that does not hold, from the outside in; null when the message passes.
    #[schema(example = json!(["data", "total", "$gte"]))]
    clause: Option<Vec<String>>,
    /// What the clause asks for, and what the message has; null when it passes.
    #[schema(example = "must be at least 100, but is 40")]
    why: Option<String>,
}

/// Try a filter on a message, of which nothing is kept.
#[utoipa::path(post, path = "/api/v1/filter/test", tag = "Endpoint", operation_id = "v1.filter.test",
    request_body = FilterTestIn,
    responses((status = 200, description = "Whether it passes, and if not, why not.", body = FilterTestOut), WriteProblems))]
pub(super) async fn test_filter(
    State(operations): State<Arc<Operations>>,
    _access: Access,
    Given(body): Given<FilterTestIn>,
) -> Result<Json<FilterTestOut>, Problem> {
    let filter = read_filter(&body.filter.into_text())?;
    let new = NewMessage {
        event_type: body.event_type.unwrap_or_else(|| UNTOLD.to_owned()),
        event_id: body.event_id,
        channels: body.channels.unwrap_or_default(),
        payload: MessageIn::payload(body.payload)?,
        payload_retention_days: None,
    };
    let miss = operations.try_filter(&filter, &new)?;
    let passes = miss.is_none();
    let (clause, why) = miss.map(|miss| (miss.path, miss.why)).unzip();
    Ok(Json(FilterTestOut { passes, clause, why }))
}
