//! Event types by the many on the wire: brought in from an OpenAPI document, and handed out as one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::{Problem, ReadProblems, WriteProblems};
use super::event_types::EventTypeOut;
use super::extract::{Given, JsonObject};
use super::webhooks_document;
use crate::domain::json::{self, Rules};
use crate::ops::{Access, OpError, Operations};

/// A document whose webhooks become event types.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct EventTypeImportOpenApiIn {
    /// Only says what would be made or changed.
    #[serde(default)]
    dry_run: bool,
    /// Archives all event types that are not in the document.
    #[serde(default)]
    replace_all: bool,
    /// The document, as a JSON object; this or `specRaw`.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    spec: Option<JsonObject>,
    /// The document as JSON text; this or `spec`.
    #[serde(default)]
    spec_raw: Option<String>,
}

/// What came of an import.
#[derive(Serialize, ToSchema)]
pub(super) struct EventTypeImportOpenApiOut {
    data: Imported,
}

/// The event types of the document.
#[derive(Serialize, ToSchema)]
#[schema(as = EventTypeImportOpenApiOutData)]
struct Imported {
    /// The names of those that were made or changed.
    modified: Vec<String>,
    /// Those that would be, after a dry run.
    to_modify: Option<Vec<EventTypeOut>>,
}

impl EventTypeImportOpenApiIn {
    /// The document's text, and the member that it came in.
    fn document(spec: Option<JsonObject>, raw: Option<String>) -> Result<(String, &'static str), Problem> {
        match (spec, raw) {
            (Some(spec), None) => Ok((spec.into_text(), "spec")),
            (None, Some(raw)) => {
                let place = vec!["body".to_owned(), "specRaw".to_owned()];
                json::check(raw.as_bytes(), Rules::named("specRaw")).map_err(|error| {
                    let why = format!("{error} (the document must be JSON: YAML is not read)");
                    Problem::invalid(place, error.code(), why)
                })?;
                Ok((raw, "specRaw"))
            }
            _ => {
                let why = "send the document either as `spec` or as `specRaw`";
                Err(Problem::new(StatusCode::BAD_REQUEST, "spec_or_spec_raw", why))
            }
        }
    }
}

/// Make or change the event types that an OpenAPI document describes as webhooks; archived ones come back.
#[utoipa::path(post, path = "/api/v1/event-type/import/openapi", tag = "Event Type",
    operation_id = "v1.event-type.import-openapi",
    request_body = EventTypeImportOpenApiIn,
    responses(
        (status = 200, description = "They are so, or would be.", body = EventTypeImportOpenApiOut),
        WriteProblems
    ))]
pub(super) async fn import_openapi(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Given(body): Given<EventTypeImportOpenApiIn>,
) -> Result<Json<EventTypeImportOpenApiOut>, Problem> {
    let (document, member) = EventTypeImportOpenApiIn::document(body.spec, body.spec_raw)?;
    let at = |place: Vec<String>| ["body".to_owned(), member.to_owned()].into_iter().chain(place).collect();
    let wanted = webhooks_document::read(&document)
        .map_err(|unreadable| Problem::invalid(at(unreadable.place), "openapi", unreadable.why))?;
    let imported = operations.import_event_types(&access, wanted, body.replace_all, body.dry_run).await;
    let imported = imported.map_err(|error| match error {
        OpError::Invalid { field, code, why } => Problem::invalid(at(field.into_iter().skip(1).collect()), code, why),
        other => other.into(),
    })?;
    let names = imported.iter().map(|event_type| event_type.name.clone());
    let data = if body.dry_run {
        let to_modify = imported.iter().cloned().map(EventTypeOut::from).collect();
        Imported { modified: Vec::new(), to_modify: Some(to_modify) }
    } else {
        Imported { modified: names.collect(), to_modify: None }
    };
    Ok(Json(EventTypeImportOpenApiOut { data }))
}

/// All event types as an OpenAPI 3.1 document: each a webhook with its schema, its example and the headers that come
/// with it. It can be imported again. Also at `/event-types.openapi.json`.
#[utoipa::path(get, path = "/api/v1/event-type/export/openapi", tag = "Event Type",
    operation_id = "v1.event-type.export-openapi",
    responses((status = 200, description = "The document.", body = Object), ReadProblems))]
pub(super) async fn export_openapi(
    State(operations): State<Arc<Operations>>,
    access: Access,
) -> Result<Response, Problem> {
    let event_types = operations.event_types_in_order(&access, false).await?;
    let document = webhooks_document::write(&event_types).map_err(|error| {
        tracing::error!(%error, "the document of the event types can't be written");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the event types can't be written out")
    })?;
    Ok(([(CONTENT_TYPE, "application/json")], document).into_response())
}
