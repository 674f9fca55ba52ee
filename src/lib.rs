//! Cornet sends webhooks: a product posts a message once, and Cornet delivers it, signed, to every endpoint that the
//! product's customers registered, retries until it arrives, and loses nothing that it accepted.
//!
//! This is the map; ARCHITECTURE.md is the guide. Each module may use only those after it:
//! `cli` → `server` → `api` | `dashboard` | `engine` → `ops` → `store` → `domain`.

pub mod api;
pub mod caught;
pub mod cli;
pub mod clock;
pub mod config;
pub mod dashboard;
pub mod domain;
pub mod engine;
pub mod ops;
pub mod server;
pub mod store;
pub mod telemetry;

// What tests of the inside share with those from outside names the crate as these do.
#[cfg(test)]
extern crate self as cornet;
