//! The machine: which version runs, where its data lies, whether the store works, what waits, and what is open that had
//! better not be.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use maud::{Markup, html};

use super::Pages;
use super::components::chart::grouped;
use super::components::data::{block, outside};
use super::components::notice::{Tone, notice};
use super::components::status::{Status, pill};
use super::components::time::{ago, exact};
use super::failure::Failure;
use super::frame::{Page, Section};
use super::viewer::Viewer;
use super::words;
use crate::domain::node::Node;
use crate::domain::other_clocks;
use crate::ops::{Backlog, OldKeys, SystemState};

/// The routes of the machine.
pub(super) fn router() -> Router<Arc<Pages>> {
    Router::new().route("/system", get(page))
}

async fn page(State(pages): State<Arc<Pages>>, viewer: Viewer) -> Result<Response, Failure> {
    let state = pages.operations.system_state(&viewer.access).await?;
    let backlog = pages.operations.backlog(&viewer.access).await?;
    let base_url = pages.site.base_url();
    let body = html! {
        @if !state.open_networks.is_empty() { (open_guard(&state.open_networks)) }
        div.columns {
            (server(&viewer, &state, base_url))
            (store(&state))
            @if !state.nodes.is_empty() { (nodes(&viewer, &state.nodes)) }
            (queue(&viewer, &backlog))
            (elsewhere(base_url))
            (backup(&state))
        }
    };
    Ok(Page::new(&viewer, Section::System, "System").lead(html! { "The machine that sends." }).show(body))
}

fn open_guard(networks: &[String]) -> Markup {
    notice(
        Tone::Warning,
        &html! {
            p {
                "Deliveries may go to networks beside the public internet: "
                @for (index, network) in networks.iter().enumerate() { @if index > 0 { ", " } code { (network) } }
                ". Whoever may add an endpoint can reach what answers there."
            }
            p { "That is set with " code { "CORNET_ALLOW_NETWORKS" } "." }
        },
    )
}

fn server(viewer: &Viewer, state: &SystemState, base_url: &str) -> Markup {
    html! {
        section.card {
            header { h2 { "Server" } (pill(Status::Delivered, "Running")) }
            dl.facts.body {
                dt { "Version" } dd.mono { (state.version) }
                dt { "Running since" } dd { (exact(state.since)) " " span.faint { (ago(state.since, viewer.now)) } }
                @if let Some(ahead) = state.ahead_of_other_clocks.filter(|ahead| other_clocks::is_wrong(*ahead)) {
                    dt { "Clock" }
                    dd {
                        (pill(Status::Failed, "Wrong")) " " (other_clocks::in_words(ahead))
                        ". Receivers refuse signatures of another time: have it follow a time server."
                    }
                }
                dt { "Reached at" } dd.mono { (base_url) }
                @match state.old_keys {
                    OldKeys::None => {}
                    OldKeys::Needed => { dt { "Old master key" } dd { "Still needed: secrets are being sealed anew" } }
                    OldKeys::Spent => { dt { "Old master key" } dd { "Needed no more, once every node uses the new one" } }
                }
                dt { "Open networks" }
                dd {
                    @if state.open_networks.is_empty() { "None but the public internet" }
                    @else { (words::count(state.open_networks.len(), "network", "networks")) " besides the public internet" }
                }
            }
        }
    }
}

fn store(state: &SystemState) -> Markup {
    html! {
        section.card {
            header {
                h2 { "Store" }
                @match &state.store {
                    Ok(()) => (pill(Status::Delivered, "Works")),
                    Err(_) => (pill(Status::Failed, "Does not answer")),
                }
            }
            div.body.stack-small {
                @if let Err(error) = &state.store { p { (outside(&error.to_string())) } }
                dl.facts {
                    dt { @if state.file.embedded { "File" } @else { "Database" } }
                    dd.mono { (outside(&state.file.place)) }
                    dt { "Size" }
                    dd {
                        (words::bytes(state.file.bytes))
                        @if state.file.free_bytes > 0 { span.faint { ", " (words::bytes(state.file.free_bytes)) " of it free" } }
                    }
                }
            }
        }
    }
}

fn nodes(viewer: &Viewer, nodes: &[Node]) -> Markup {
    html! {
        section.card {
            header { h2 { "Nodes" } (pill(Status::Delivered, &words::count(nodes.len(), "lives", "live"))) }
            dl.facts.body {
                @for node in nodes {
                    dt.mono { (outside(&node.name)) }
                    dd { "Version " (outside(&node.version)) ", number " (node.number) ", since " (ago(node.since, viewer.now)) }
                }
            }
        }
    }
}

fn queue(viewer: &Viewer, backlog: &Backlog) -> Markup {
    html! {
        section.card {
            header { h2 { "Queue of this environment" } }
            dl.facts.body {
                dt { "Ready" } dd { (grouped(backlog.ready)) @if backlog.more { " or more" } }
                dt { "Scheduled" } dd { (grouped(backlog.scheduled)) @if backlog.more { " or more" } }
                dt { "For endpoints" } dd { (grouped(backlog.endpoints)) }
                dt { "Oldest due" }
                dd { @match backlog.oldest_due { Some(due) => (ago(due, viewer.now)), None => "Nothing waits" } }
            }
        }
    }
}

fn elsewhere(base_url: &str) -> Markup {
    html! {
        section.card {
            header { h2 { "For machines" } }
            dl.facts.body {
                dt { "Liveness" } dd.mono { (base_url) "/healthz" }
                dt { "Readiness" } dd.mono { (base_url) "/readyz" }
                dt { "Metrics" } dd.mono { (base_url) "/metrics" }
                dt { "API" } dd.mono { a href="/openapi.json" { (base_url) "/openapi.json" } }
            }
        }
    }
}

fn backup(state: &SystemState) -> Markup {
    let place = &state.file.place;
    let (what, command) = if state.file.embedded {
        ("The file of the store can be copied", format!("sqlite3 '{place}' \".backup '/backup/cornet.db'\""))
    } else {
        ("The database can be copied", format!("pg_dump --format=custom --file=/backup/cornet.dump '{place}'"))
    };
    html! {
        section.card {
            header { h2 { "Backup" } }
            div.body.stack-small {
                p { (what) " while the server runs, like this:" }
                (block("backup", &command))
                p.muted { "Keep the master key too, apart from it: without the key, the secrets in the store can't be read." }
            }
        }
    }
}
