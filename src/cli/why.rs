//! `cornet why`: asks a running server what became of a message at each endpoint, and why.

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use super::client::{Client, Output, ServerArgs};
use super::print_line;
use super::table::aligned;

const COLUMNS: [&str; 8] = ["ENDPOINT", "URL", "VERDICT", "STATE", "ATTEMPTS", "NEXT ATTEMPT", "LAST", "WHY"];
/// Stands where there is nothing.
const NOTHING: &str = "-";

/// Explain what became of a message at each endpoint: why it was sent there or not, and where it stands
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cornet why msg_01k5w1c7z8fq3v9x2m4n6p8r0t")]
pub struct WhyArgs {
    /// Id of the message, or its event id
    #[arg(value_name = "MSG")]
    pub message: String,

    /// Id or uid of the message's application
    #[arg(long, value_name = "APPLICATION", default_value = "default")]
    pub app: String,

    /// What to print: a table, or the API's answer
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub output: Output,

    /// The server
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Prints what the server knows.
///
/// # Errors
/// When the server can't be reached, or has no such message for the key.
pub fn run(args: &WhyArgs) -> anyhow::Result<ExitCode> {
    let path = ["api", "v1", "app", &args.app, "msg", &args.message, "why"];
    let answer = Client::new(&args.server)?.get(&path)?;
    if args.output == Output::Json {
        return print_line(&answer);
    }
    print_line(&table(&serde_json::from_str(&answer).context("the answer is not JSON")?))
}

fn table(answer: &Value) -> String {
    let endpoints = answer["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
    let head = vec![text(&answer["msgId"]), text(&answer["eventType"]), text(&answer["timestamp"])];
    if endpoints.is_empty() {
        let nobody = "The application had no endpoint when the message was accepted.";
        return format!("{}\n{nobody}", aligned(&[head]));
    }
    let rows = std::iter::once(COLUMNS.map(str::to_owned).to_vec()).chain(endpoints.iter().map(row));
    format!("{}\n\n{}", aligned(&[head]), aligned(&rows.collect::<Vec<_>>()))
}

fn row(endpoint: &Value) -> Vec<String> {
    let last = &endpoint["lastAttempt"];
    let result = if last["statusCode"].is_null() { &last["errorCode"] } else { &last["statusCode"] };
    let advice = last["explanation"].as_str().filter(|_| endpoint["state"] != "delivered");
    let why = [endpoint["explanation"].as_str(), advice].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let members = ["endpointId", "url", "verdict", "state", "attempts", "nextAttempt"];
    let cells = members.iter().map(|member| text(&endpoint[member]));
    cells.chain([text(result), why]).collect()
}

/// A value as people read it.
fn text(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::table;

    #[test]
    fn every_endpoint_is_a_line_that_ends_with_its_reason() {
        let shown = table(&json!({
            "msgId": "msg_1", "eventType": "a.b", "timestamp": "2026-01-01T00:00:00.000Z", "endpoints": [
                {"endpointId": "ep_1", "url": "http://a/", "verdict": "queued", "explanation": "It waits.",
                 "state": "waiting", "attempts": 1, "nextAttempt": "2026-01-01T00:00:05.000Z",
                 "lastAttempt": {"statusCode": 503, "errorCode": null, "explanation": "Your server failed."}},
                {"endpointId": "ep_22", "url": null, "verdict": "channel", "explanation": "Other channels.",
                 "state": null, "attempts": 0, "nextAttempt": null, "lastAttempt": null},
            ],
        }));
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "msg_1  a.b  2026-01-01T00:00:00.000Z");
        assert!(lines[2].starts_with("ENDPOINT  URL"), "{shown}");
        assert!(lines[3].ends_with("2026-01-01T00:00:05.000Z  503   It waits. Your server failed."), "{shown}");
        assert!(lines[4].starts_with("ep_22     -          channel"), "{shown}");
        assert!(lines[4].ends_with("-     Other channels."), "{shown}");
        assert!(table(&json!({"endpoints": []})).contains("no endpoint"));
    }
}
