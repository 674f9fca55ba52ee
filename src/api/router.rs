//! The table of all operations. A handler is named after its operation, and method and path stand with it; the
//! document at `/openapi.json` is made of the same table, so neither can have what the other lacks.

use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::error::{Problem, ProblemSchemas};
use super::page::Order;
use super::statuses::{MessageStatus, StatusCodeClass};
use super::{
    ApiState, api_tokens, applications, attempts, audit, catalogue, destinations, endpoint_headers, endpoint_secrets,
    endpoints, environments, event_types, examples, filters, health, inboxes, integrations, messages, portal, recovery,
    request_id, schedules, sent_requests, shipengine, statistics, test_attempts, transformations, why,
};

/// What the document says of the whole.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Cornet",
        description = "Sends webhooks. Any official Svix SDK is a client: set its `server_url` to this server."
    ),
    components(schemas(Order, MessageStatus, StatusCodeClass)),
    nest((path = "/", api = ProblemSchemas))
)]
struct Document;

/// What the lines of the table are collected into: the router, or the document. That takes half as much memory as all else
/// that an idle server has allocated, so the two are not made together.
trait Table: Sized {
    /// Adds a line: a path of the wire, with its operations.
    fn routes(self, line: UtoipaMethodRouter<ApiState>) -> Self;
}

impl Table for OpenApiRouter<ApiState> {
    fn routes(self, line: UtoipaMethodRouter<ApiState>) -> Self {
        Self::routes(self, line)
    }
}

impl Table for Router<ApiState> {
    fn routes(self, (_, paths, operations): UtoipaMethodRouter<ApiState>) -> Self {
        paths.paths.keys().fold(self, |router, path| router.route(path, operations.clone()))
    }
}

/// Adds all lines.
fn whole<T: Table>(table: T) -> T {
    let table = table.routes(routes!(health::get_health)).routes(routes!(health::ping));
    of_shipengine(of_environments(of_applications(table)))
}

/// What belongs to an application.
fn of_applications<T: Table>(table: T) -> T {
    table
        // /api/v1/app
        .routes(routes!(applications::list_applications, applications::create_application))
        .routes(routes!(
            applications::get_application,
            applications::update_application,
            applications::patch_application,
            applications::delete_application
        ))
        // /api/v1/app/{application_id}/endpoint
        .routes(routes!(endpoints::list_endpoints, endpoints::create_endpoint))
        .routes(routes!(
            endpoints::get_endpoint,
            endpoints::update_endpoint,
            endpoints::patch_endpoint,
            endpoints::delete_endpoint
        ))
        .routes(routes!(endpoint_headers::get_headers, endpoint_headers::set_headers, endpoint_headers::patch_headers))
        .routes(routes!(endpoint_secrets::get_secret))
        .routes(routes!(endpoint_secrets::rotate_secret))
        .routes(routes!(transformations::get_transformation, transformations::patch_transformation))
        .routes(routes!(transformations::simulate_transformation))
        .routes(routes!(examples::send_example))
        .routes(routes!(test_attempts::test_attempt))
        .routes(routes!(recovery::recover))
        .routes(routes!(statistics::get_stats))
        .routes(routes!(destinations::list_attempted_messages))
        .routes(routes!(filters::test_filter))
        // /api/v1/app/{application_id}/msg
        .routes(routes!(messages::list_messages, messages::create_message))
        .routes(routes!(messages::get_message))
        .routes(routes!(messages::expunge_message))
        .routes(routes!(why::why))
        .routes(routes!(destinations::list_attempted_destinations))
        .routes(routes!(attempts::resend))
        .routes(routes!(attempts::get_attempt))
        .routes(routes!(attempts::expunge_attempt))
        .routes(routes!(sent_requests::get_request))
        // /api/v1/app/{application_id}/attempt
        .routes(routes!(attempts::list_by_endpoint))
        .routes(routes!(attempts::list_by_message))
        // /api/v1/app/{application_id}/integration
        .routes(routes!(integrations::list_integrations, integrations::create_integration))
        .routes(routes!(
            integrations::get_integration,
            integrations::update_integration,
            integrations::delete_integration
        ))
        .routes(routes!(integrations::get_integration_key))
        .routes(routes!(integrations::rotate_integration_key))
        // /api/v1/auth
        .routes(routes!(portal::app_portal_access))
        .routes(routes!(portal::expire_all))
        .routes(routes!(portal::dashboard_access))
        .routes(routes!(portal::logout))
}

/// What belongs to an environment, and environments themselves.
fn of_environments<T: Table>(table: T) -> T {
    table
        // /api/v1/event-type
        .routes(routes!(event_types::list_event_types, event_types::create_event_type))
        .routes(routes!(
            event_types::get_event_type,
            event_types::update_event_type,
            event_types::patch_event_type,
            event_types::delete_event_type
        ))
        .routes(routes!(schedules::get_retry_schedule, schedules::set_retry_schedule))
        .routes(routes!(catalogue::import_openapi))
        .routes(routes!(catalogue::export_openapi))
        // /api/v1/inbox
        .routes(routes!(inboxes::list_inboxes, inboxes::create_inbox))
        .routes(routes!(inboxes::get_inbox, inboxes::patch_inbox, inboxes::delete_inbox))
        .routes(routes!(inboxes::list_inbox_requests))
        // /api/v1/management
        .routes(routes!(environments::list_environments, environments::create_environment))
        .routes(routes!(
            environments::get_environment,
            environments::update_environment,
            environments::patch_environment,
            environments::delete_environment
        ))
        .routes(routes!(audit::list_audit_log))
        .routes(routes!(audit::export_audit_log))
        .routes(routes!(api_tokens::list_api_tokens, api_tokens::create_api_token))
        .routes(routes!(api_tokens::get_api_token))
        .routes(routes!(api_tokens::expire_api_token))
}

/// ShipEngine's API.
fn of_shipengine<T: Table>(table: T) -> T {
    table
        // /v1/environment/webhooks
        .routes(routes!(shipengine::list_webhooks, shipengine::create_webhook))
        .routes(routes!(shipengine::get_webhook, shipengine::update_webhook, shipengine::delete_webhook))
}

/// The API's document (OpenAPI 3.1).
pub fn openapi() -> OpenApi {
    secured(whole(OpenApiRouter::with_openapi(Document::openapi())).into_openapi())
}

/// The text of the document, made when it is first asked for.
async fn show_document() -> impl IntoResponse {
    // A document of texts, lists and maps always is JSON.
    static TEXT: LazyLock<Bytes> = LazyLock::new(|| serde_json::to_vec(&openapi()).unwrap_or_default().into());
    ([(CONTENT_TYPE, "application/json")], TEXT.clone())
}

fn secured(mut document: OpenApi) -> OpenApi {
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let header = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("API-Key")));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("key", bearer);
    components.add_security_scheme("api-key", header);
    document.security = Some(vec![SecurityRequirement::new("key", std::iter::empty::<String>())]);
    document
}

/// The API, as a service. Whatever it does not know is answered as a problem too.
pub fn router(state: ApiState) -> Router {
    let operations = state.operations.clone();
    whole(Router::new())
        .route("/openapi.json", get(show_document))
        .route("/event-types.openapi.json", get(catalogue::export_openapi))
        .fallback(|| async { Problem::not_found("there is nothing at this path") })
        .layer(middleware::from_fn_with_state(operations, request_id::attach))
        .with_state(state)
}

#[cfg(test)]
mod tests {
    use super::openapi;

    #[test]
    fn every_operation_is_documented_with_its_problems() {
        let document = serde_json::to_value(openapi()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let mut ids = std::collections::BTreeSet::new();
        for (path, item) in paths {
            for (method, operation) in item.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap_or_default();
                assert!(ids.insert(id.to_owned()), "{method} {path}: {id} is there twice");
                assert!(operation["summary"].is_string() && operation["tags"].is_array(), "{method} {path}");
                let problems = operation["responses"].get("401").is_some();
                assert_eq!(problems, !path.starts_with("/api/v1/health"), "{method} {path}");
            }
        }
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name} is named and not there");
        }
    }
}
