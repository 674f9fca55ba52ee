//! The API's base and its nouns, in process: applications, endpoints, event types, and what holds for every request.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod api_tokens;
mod applications;
mod audit;
mod base;
mod catalogues;
mod endpoint_rules;
mod endpoints;
mod environments;
mod event_types;
mod filters;
mod import_export;
mod inboxes;
mod integrations;
mod isolation;
mod isolation_matrix;
mod portal_looks;
#[expect(dead_code, reason = "each test binary uses its own part of it")]
#[path = "../support/postgres.rs"]
mod postgres;
mod schedules;
mod schemas;
mod secrets_shown;
mod sessions;
mod shapes;
mod shipengine;
mod world;
