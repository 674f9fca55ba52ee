//! Checks that the nouns share: what the domain says of a value, told as a fault of the member that it came in.

use super::OpError;
use crate::domain::application::Metadata;
use crate::domain::name::{self, Invalid};

/// A rule that a text must keep.
pub(super) type Rule = fn(&str) -> Result<(), Invalid>;

/// Checks the text of the body's member `field`, if there is one.
pub(super) fn text(field: &str, code: &'static str, value: Option<&String>, rule: Rule) -> Result<(), OpError> {
    value.map_or(Ok(()), |value| rule(value).map_err(|error| OpError::invalid(field, code, error)))
}

/// Checks a uid that is to be set.
pub(super) fn uid(uid: Option<&Option<String>>) -> Result<(), OpError> {
    text("uid", "uid", uid.and_then(Option::as_ref), name::uid)
}

/// Checks metadata that is to be set.
pub(super) fn metadata(metadata: Option<&Metadata>) -> Result<(), OpError> {
    let entries = metadata.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()));
    name::metadata(entries).map_err(|error| OpError::invalid("metadata", "metadata", error))
}

/// Checks a throttle rate that is to be set.
pub(super) fn throttle_rate(rate: Option<&Option<u16>>) -> Result<(), OpError> {
    match rate {
        Some(Some(0)) => {
            let why = "must be at least 1 message a second, or null for no limit";
            Err(OpError::invalid("throttleRate", "throttle_rate", why))
        }
        _ => Ok(()),
    }
}

/// Checks a list of names that is to be set, and keeps each of them once.
pub(super) fn names(
    field: &str,
    code: &'static str,
    list: Option<Vec<String>>,
    max: usize,
    rule: Rule,
) -> Result<Option<Vec<String>>, OpError> {
    let Some(list) = list else {
        return Ok(None);
    };
    let mut kept: Vec<String> = Vec::with_capacity(list.len().min(max));
    for (place, item) in list.into_iter().enumerate() {
        rule(&item).map_err(|error| OpError::Invalid {
            field: vec!["body".to_owned(), field.to_owned(), place.to_string()],
            code,
            why: error.why,
        })?;
        if place >= max {
            return Err(OpError::invalid(field, code, format!("must have at most {max} entries")));
        }
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    if kept.is_empty() {
        return Err(OpError::invalid(field, code, "must not be empty: leave it out or send null for all"));
    }
    Ok(Some(kept))
}
