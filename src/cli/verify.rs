//! `cornet verify`: says whether a received request verifies and, when it does not, why; offline, as a receiver's
//! library would.

use std::process::ExitCode;
use std::time::Duration;

use super::sign::parse_time;
use super::signed_input::{SignedInput, each_secret};
use crate::clock::Clock;
use crate::domain::retry::parse_duration;
use crate::domain::signature::{self, SignedHeaders, TOLERANCE, Verifier, VerifyError};
use crate::domain::time::Timestamp;

/// What the command exits with when the request does not verify.
const EXIT_NOT_VERIFIED: u8 = 8;

/// Verify the signature of a received request; exits with 8 and the reason when it is not right
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cornet verify --secret-file secret.txt --body-file body.json --id msg_1 \\\n    \
                        --timestamp 1614265330 --signature 'v1,g0hM…' --at 2021-02-25T15:02:10Z")]
pub struct VerifyArgs {
    /// Value of the header webhook-id
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,

    /// Value of the header webhook-timestamp
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    pub timestamp: Option<String>,

    /// Value of the header webhook-signature
    #[arg(long, value_name = "LIST")]
    pub signature: Option<String>,

    /// How far the timestamp may be from now, such as 5m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub tolerance: Option<Duration>,

    /// Verify as if it were this time (seconds since 1970, or RFC 3339), for a request kept from earlier
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub at: Option<Timestamp>,

    /// Secrets and body
    #[command(flatten)]
    pub input: SignedInput,
}

/// Says on standard output that the request verifies, or on standard error why it does not.
///
/// # Errors
/// When a secret or the body cannot be read.
pub fn run(args: &VerifyArgs, clock: &dyn Clock) -> anyhow::Result<ExitCode> {
    let secrets = args.input.secrets()?;
    match verified(args, &secrets, &args.input.body()?, clock)? {
        Ok(()) => {
            println!("verified");
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => {
            eprintln!("not verified: {reason}");
            Ok(ExitCode::from(EXIT_NOT_VERIFIED))
        }
    }
}

fn verified(
    args: &VerifyArgs,
    secrets: &str,
    body: &[u8],
    clock: &dyn Clock,
) -> anyhow::Result<Result<(), VerifyError>> {
    let verifiers = each_secret(secrets, Verifier::parse)?;
    let headers = SignedHeaders {
        id: args.id.as_deref(),
        timestamp: args.timestamp.as_deref(),
        signature: args.signature.as_deref(),
    };
    let now = args.at.unwrap_or_else(|| clock.now());
    Ok(signature::verify(&verifiers, headers, body, args.tolerance.unwrap_or(TOLERANCE), now))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::clock::ManualClock;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: VerifyArgs,
    }

    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "--signature=v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn verified_with(more: &[&str]) -> Result<(), VerifyError> {
        let line = ["verify", "--id=msg_p5jXN8AQM9LWM0D4loKWxJek", "--timestamp", "1614265330"];
        let args = Command::try_parse_from(line.iter().chain(more)).ok().unwrap().args;
        let clock = ManualClock::new(Timestamp::from_ms(1_614_265_700_000));
        verified(&args, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", BODY, &clock).unwrap()
    }

    #[test]
    fn a_request_verifies_at_its_time() {
        assert_eq!(verified_with(&[SIGNATURE, "--at", "2021-02-25T15:02:10Z"]), Ok(()));
        assert_eq!(verified_with(&[SIGNATURE, "--tolerance", "10m"]), Ok(()));
        let too_old = VerifyError::TooOld { seconds: 370, tolerance_seconds: 300 };
        assert_eq!(verified_with(&[SIGNATURE]), Err(too_old));
        assert_eq!(verified_with(&[]), Err(VerifyError::Missing("webhook-signature")));
    }

    #[test]
    fn the_exit_says_whether_it_verifies() {
        let directory = tempfile::tempdir().unwrap();
        let (secret, body) = (directory.path().join("secret"), directory.path().join("body"));
        std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        std::fs::write(&body, BODY).unwrap();
        let clock = ManualClock::new(Timestamp::from_ms(1_614_265_330_000));
        let mut args = Command::try_parse_from([
            "verify",
            "--id=msg_p5jXN8AQM9LWM0D4loKWxJek",
            "--timestamp=1614265330",
            SIGNATURE,
        ])
        .ok()
        .unwrap()
        .args;
        args.input = SignedInput { secret_file: Some(secret), body_file: Some(body.clone()) };
        assert_eq!(run(&args, &clock).unwrap(), ExitCode::SUCCESS);
        std::fs::write(&body, "{}").unwrap();
        assert_eq!(run(&args, &clock).unwrap(), ExitCode::from(EXIT_NOT_VERIFIED));
        args.input.secret_file = Some(directory.path().join("missing"));
        assert!(run(&args, &clock).is_err());
    }
}
