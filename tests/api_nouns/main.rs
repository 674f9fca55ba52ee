//! The API's base and its nouns, in process: applications, endpoints, event types, and what holds for every request.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod applications;
mod base;
mod endpoints;
mod event_types;
mod isolation;
mod world;
