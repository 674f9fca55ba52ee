//! Words that several pages share: counts with what they count, names of presets and envelopes, sizes, and what a retry
//! schedule means.

use std::time::Duration;

use crate::domain::attempt::AttemptErrorCode;
use crate::domain::envelope::Envelope;
use crate::domain::failing::Cause;
use crate::domain::preset::Preset;
use crate::domain::retry::RetrySchedule;

/// Units of time, longest first, as they stand behind a number.
const UNITS: [(&str, &str, u64); 4] = [
    ("day", "days", 86_400_000),
    ("hour", "hours", 3_600_000),
    ("minute", "minutes", 60_000),
    ("second", "seconds", 1_000),
];

/// A count with what is counted: `1 endpoint`, `3 endpoints`.
pub fn count(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

/// A length of time, roughly: `5 seconds`, `2 hours`, `3.1 days`.
pub fn duration(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let Some((one, several, unit)) = UNITS.into_iter().find(|(.., unit)| ms >= *unit) else {
        return format!("{ms} ms");
    };
    let tenths = (ms * 10 + unit / 2) / unit;
    match (tenths / 10, tenths % 10) {
        (1, 0) => format!("1 {one}"),
        (10.., _) => format!("{} {several}", (tenths + 5) / 10),
        (whole, 0) => format!("{whole} {several}"),
        (whole, rest) => format!("{whole}.{rest} {several}"),
    }
}

/// Why attempts failed, in a word or two.
pub fn cause(cause: Cause) -> String {
    use AttemptErrorCode as Code;
    let name = match cause {
        Cause::Status(status) => return format!("Answered {status}"),
        Cause::Error(code) => match code {
            Code::TargetForbidden => "Address not allowed",
            Code::DnsError => "Host name unknown",
            Code::DnsTimeout => "Name servers too slow",
            Code::ConnectRefused => "Connection refused",
            Code::ConnectTimeout => "Connection timed out",
            Code::ConnectError => "No connection",
            Code::TlsError => "TLS failed",
            Code::TlsTimeout => "TLS timed out",
            Code::TlsNoSharedCipher => "TLS: nothing in common",
            Code::Timeout => "No answer in time",
            Code::ConnectionClosed => "Connection closed",
            Code::ConnectionReset => "Connection reset",
            Code::ResponseInvalid => "Answer is no HTTP",
            Code::ResponseHeadTooLarge => "Answer's headers too large",
            Code::PayloadCorrupt => "Payload damaged",
            Code::OutcomeUnknown => "Outcome unknown",
            Code::Transformation => "Transformation failed",
            Code::TransformationCancelled => "Cancelled by its transformation",
            Code::SenderError => "Not sent",
        },
    };
    name.to_owned()
}

/// A number of bytes: `512 bytes`, `1.4 MB`.
pub fn bytes(bytes: u64) -> String {
    const KILO: f64 = 1_000.0;
    let amount = bytes as f64;
    match bytes {
        0..1_000 => count(usize::try_from(bytes).unwrap_or_default(), "byte", "bytes"),
        1_000..1_000_000 => format!("{:.1} kB", amount / KILO),
        1_000_000..1_000_000_000 => format!("{:.1} MB", amount / KILO.powi(2)),
        _ => format!("{:.1} GB", amount / KILO.powi(3)),
    }
}

/// What a schedule means, in a sentence.
pub fn schedule(schedule: &RetrySchedule) -> String {
    let delays = schedule.delays();
    if delays.is_empty() {
        return "One attempt; what fails is not tried again.".to_owned();
    }
    let attempts = delays.len() + 1;
    let total = duration(delays.iter().sum());
    format!("{attempts} attempts: the first at once, the last {total} later. What fails then has failed for good.")
}

/// The name of a preset.
pub const fn preset(preset: Preset) -> &'static str {
    match preset {
        Preset::Standard => "Standard",
        Preset::RoseRocket => "Rose Rocket",
        Preset::Shoprocket => "Shoprocket",
        Preset::ShipEngine => "ShipEngine",
    }
}

/// What an envelope puts around a payload.
pub const fn envelope(envelope: Envelope) -> &'static str {
    match envelope {
        Envelope::Raw => "Nothing: the payload as it was posted",
        Envelope::EventObject => "Event object: {type, id of the record, event id, time, data}",
        Envelope::TypedData => "Typed data: {data, type, webhook_environment}",
        Envelope::Resource => "Resource: {resource_url, resource_type, data}",
        Envelope::Standard => "Standard Webhooks: {type, timestamp, data}",
        Envelope::CloudEventsStructured => "CloudEvents, as one JSON object",
        Envelope::CloudEventsBinary => "CloudEvents, with its attributes as headers",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_sizes_have_the_unit_that_fits() {
        let told =
            [250, 5_000, 60_000, 2_105_000, 7_200_000, 271_505_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(told, ["250 ms", "5 seconds", "1 minute", "35 minutes", "2 hours", "3.1 days"]);
        assert_eq!([1, 999, 1_400_000].map(bytes), ["1 byte", "999 bytes", "1.4 MB"]);
    }

    #[test]
    fn a_schedule_is_told_by_its_attempts_and_its_length() {
        let two_hours = schedule(&RetrySchedule::every_two_hours_twice());
        assert!(two_hours.starts_with("3 attempts: the first at once, the last 4 hours later."), "{two_hours}");
        assert!(schedule(&RetrySchedule::none()).starts_with("One attempt"));
    }
}
