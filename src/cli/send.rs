//! `cornet send`: posts one message to a running server, for scripts and for trying things out.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;
use serde_json::value::RawValue;

use super::client::{Client, Output, ServerArgs};
use super::{print_line, shown};

/// Post a message and print its id
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cornet send --type order.created --payload '{\"order\": 1}'\n  \
                        cornet send --type order.created --payload @order.json\n  \
                        jq .order data.json | cornet send --type order.created --payload -")]
pub struct SendArgs {
    /// Id or uid of the application whose endpoints get the message
    #[arg(long, value_name = "APPLICATION", default_value = "default")]
    pub app: String,

    /// Event type, such as order.created
    #[arg(long = "type", value_name = "TYPE")]
    pub event_type: String,

    /// Payload: a JSON object, sent byte for byte; @FILE reads it from a file, - from standard input
    #[arg(long, value_name = "JSON", default_value = "{}", allow_hyphen_values = true)]
    pub payload: String,

    /// What to print: the id, or the whole answer
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub output: Output,

    /// The server
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Posts the message; it is on the server's disk when the id is printed.
///
/// # Errors
/// When the payload can't be read, the server can't be reached, or it refuses.
pub fn run(args: &SendArgs) -> anyhow::Result<ExitCode> {
    let body = message(&args.event_type, payload(&args.payload)?)?;
    let answer = Client::new(&args.server)?.post(&["api", "v1", "app", &args.app, "msg"], body)?;
    if args.output == Output::Json {
        return print_line(&answer);
    }
    let message: Value = serde_json::from_str(&answer).context("the answer is not JSON")?;
    print_line(&shown(message["id"].as_str().context("the answer has no id")?))
}

/// The payload's text, from where the argument says.
fn payload(argument: &str) -> anyhow::Result<String> {
    match argument.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("cannot read the payload from {path}")),
        None if argument == "-" => {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text).context("cannot read the payload from standard input")?;
            Ok(text)
        }
        None => Ok(argument.to_owned()),
    }
}

/// The request's body. The payload stays as it is written, and is one JSON value: nothing beside it can slip in.
fn message(event_type: &str, payload: String) -> anyhow::Result<String> {
    let payload: Box<RawValue> = serde_json::from_str(&payload).context("--payload: not JSON")?;
    Ok(format!(r#"{{"eventType":{},"payload":{}}}"#, Value::from(event_type), payload.get()))
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn the_payload_stays_as_it_is_written() {
        let body = message("a\"b", " {\"n\": 40.0}\n".to_owned()).unwrap();
        assert_eq!(body, r#"{"eventType":"a\"b","payload":{"n": 40.0}}"#);
        assert!(message("a", r#"{}, "channels": ["x"]"#.to_owned()).is_err());
    }
}
