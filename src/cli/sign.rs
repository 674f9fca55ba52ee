//! `cornet sign`: prints the three Standard Webhooks headers for a body, offline. It is what the engine sends, so it
//! helps to try a receiver; it does not know the store.

use std::process::ExitCode;

use anyhow::{Context, bail};

use super::signed_input::{SignedInput, each_secret};
use crate::clock::Clock;
use crate::domain::name;
use crate::domain::secret::EndpointSecret;
use crate::domain::signature::{self, Signer};
use crate::domain::time::Timestamp;

/// Sign a body and print the headers webhook-id, webhook-timestamp and webhook-signature
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  echo -n '{\"test\": 1}' | cornet sign --secret-file secret.txt --id msg_1")]
pub struct SignArgs {
    /// Value of webhook-id: letters, digits, `-` and `_`
    #[arg(long, value_name = "ID")]
    pub id: String,

    /// Value of webhook-timestamp: seconds since 1970, or RFC 3339; now when it is left out
    #[arg(long, value_name = "TIME", value_parser = parse_time, allow_negative_numbers = true)]
    pub timestamp: Option<Timestamp>,

    /// Secrets and body
    #[command(flatten)]
    pub input: SignedInput,
}

/// Prints the headers on standard output.
///
/// # Errors
/// When the id, a secret or the body cannot be used.
pub fn run(args: &SignArgs, clock: &dyn Clock) -> anyhow::Result<ExitCode> {
    let secrets = args.input.secrets()?;
    let headers = headers(&args.id, args.timestamp.unwrap_or_else(|| clock.now()), &secrets, &args.input.body()?)?;
    print!("{headers}");
    Ok(ExitCode::SUCCESS)
}

fn headers(id: &str, timestamp: Timestamp, secrets: &str, body: &[u8]) -> anyhow::Result<String> {
    name::webhook_id(id).context("cannot use --id")?;
    if timestamp < Timestamp::EPOCH {
        bail!("cannot use --timestamp: it must not be before 1970");
    }
    let signers = each_secret(secrets, |text| EndpointSecret::parse(text).map(|secret| Signer::new(&secret)))?;
    let (seconds, signature) = (timestamp.as_seconds(), signature::header(&signers, id, timestamp, body));
    Ok(format!("webhook-id: {id}\nwebhook-timestamp: {seconds}\nwebhook-signature: {signature}\n"))
}

/// Reads seconds since 1970 or an RFC 3339 time.
pub(super) fn parse_time(text: &str) -> Result<Timestamp, String> {
    let seconds = text.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1000)).map(Timestamp::from_ms);
    seconds
        .or_else(|| Timestamp::parse(text))
        .ok_or_else(|| "write seconds since 1970, or a time such as 2021-02-25T15:02:10Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRETS: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";
    const SENT: Timestamp = Timestamp::from_ms(1_614_265_330_000);

    #[test]
    fn the_headers_are_those_of_the_vector() {
        let printed = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", SENT, SECRETS, br#"{"test": 2432232314}"#).unwrap();
        assert_eq!(
            printed,
            "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek\nwebhook-timestamp: 1614265330\n\
             webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=\n"
        );
        assert_eq!(headers("a", SENT, &SECRETS.repeat(2), b"").unwrap().matches("v1,").count(), 2);
    }

    #[test]
    fn what_cannot_be_signed_is_said_without_the_secret() {
        for (id, secrets) in [("a.b", SECRETS), ("a", " \n"), ("a", "whsec_hush"), ("a", "whpk_hush")] {
            let error = format!("{:#}", headers(id, SENT, secrets, b"").unwrap_err());
            assert!(!error.contains("hush"), "{error}");
        }
        assert!(headers("a", Timestamp::from_ms(-1), SECRETS, b"").is_err());
        assert_eq!(parse_time("1614265330"), parse_time("2021-02-25T15:02:10Z"));
        assert!(parse_time("yesterday").is_err() && parse_time("9223372036854775807").is_err());
    }
}
