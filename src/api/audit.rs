//! The audit log on the wire: read in pages, or all of it as a table for other programs.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::{Problem, ReadProblems};
use super::extract::{Path, Query};
use super::page::{ListResponse, Order, PageQuery};
use crate::domain::audit::{Action, AuditEntry, AuditFilter};
use crate::ops::{Access, Operations};

/// Who did something.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditActorOut {
    /// `api_key`, `operator` (a person in the dashboard), `consumer` (in the portal, or with a token of it), `system`, or
    /// `unknown` (who was refused).
    #[schema(example = "api_key")]
    kind: &'static str,
    /// The id of the API key, also of the one that somebody signed in with; or that of the consumer's application; or the
    /// kind once more.
    #[schema(example = "key_01k5w1c7z8fq3v9x2m4n6p8r0t")]
    id: String,
    /// The name and the first letters of the key, or the name of the session.
    #[schema(example = "Order service (ck_PtSd…)")]
    name: String,
    /// The address at the other end of the connection, which may be a proxy's.
    #[schema(example = "192.0.2.7")]
    address: Option<String>,
}

/// An entry of the audit log. There is no secret and no payload in it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditEntryOut {
    #[schema(example = "audit_01k5w1c7z8fq3v9x2m4n6p8r0t")]
    id: String,
    #[schema(format = DateTime)]
    timestamp: String,
    /// What was done.
    #[schema(example = "endpoint.url_changed")]
    action: &'static str,
    /// The id of what it was done to, or the name of an event type.
    #[schema(example = "ep_01k5w1c7z8fq3v9x2m4n6p8r0t")]
    subject: String,
    /// The application that it belongs to, if it is one's.
    application_id: Option<String>,
    actor: AuditActorOut,
    /// More about it in a few words, for people.
    #[schema(example = "https://old.example/hook → https://new.example/hook")]
    detail: String,
}

impl From<AuditEntry> for AuditEntryOut {
    fn from(entry: AuditEntry) -> Self {
        let timestamp = entry.time().to_string();
        let AuditEntry { id, actor, deed, .. } = entry;
        Self {
            id: id.to_string(),
            timestamp,
            action: deed.action.as_str(),
            subject: deed.subject,
            application_id: deed.application_id.map(|id| id.to_string()),
            actor: AuditActorOut {
                kind: actor.kind.as_str(),
                id: actor.id,
                name: actor.name,
                address: actor.address.map(|address| address.to_string()),
            },
            detail: deed.detail,
        }
    }
}

/// Which entries are listed.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct AuditQuery {
    order: Order,
    /// Those of this action, such as `endpoint.secret_revealed`.
    action: Option<String>,
    /// Those by the actor with this id.
    actor: Option<String>,
}

/// List what was done, by whom and from where; takes an admin key.
#[utoipa::path(get, path = "/api/v1/management/environment/{environment_id}/audit-log", tag = "Audit log",
    operation_id = "v1.management.environment.list-audit-log",
    params(("environment_id" = String, Path, description = "The environment's id"), PageQuery, AuditQuery),
    responses((status = 200, description = "A page of them.", body = ListResponse<AuditEntryOut>), ReadProblems))]
pub(super) async fn list_audit_log(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(environment): Path<String>,
    Query(page): Query<PageQuery>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<ListResponse<AuditEntryOut>>, Problem> {
    let read = |text: &str| {
        let place = vec!["query".to_owned(), "action".to_owned()];
        let why = "must be an action, such as `endpoint.url_changed`";
        Action::parse(text).ok_or_else(|| Problem::invalid(place, "action", why))
    };
    let action = query.action.as_deref().map(read).transpose()?;
    let filter = AuditFilter { action, actor: query.actor };
    let listed = operations.audit_entries(&access, &environment, filter, page.page(query.order)?).await?;
    Ok(Json(ListResponse::new(listed, |entry| entry.id.to_string(), AuditEntryOut::from)))
}

/// Get the whole log as a table for other programs (CSV), oldest first; takes an admin key.
#[utoipa::path(get, path = "/api/v1/management/environment/{environment_id}/audit-log/export", tag = "Audit log",
    operation_id = "v1.management.environment.export-audit-log",
    params(("environment_id" = String, Path, description = "The environment's id")),
    responses((status = 200, description = "The log, with a line of names first.", body = String, content_type = "text/csv"),
        ReadProblems))]
pub(super) async fn export_audit_log(
    State(operations): State<Arc<Operations>>,
    access: Access,
    Path(environment): Path<String>,
) -> Result<Response, Problem> {
    let lines = operations.audit_csv(&access, &environment).await?;
    Ok(([(CONTENT_TYPE, "text/csv; charset=utf-8")], Body::from_stream(lines)).into_response())
}
