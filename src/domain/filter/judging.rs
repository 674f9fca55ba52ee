//! Holds a message against a filter. Each step is counted, so it ends soon whatever the two are; what it finds missing first
//! can be told in words.

use std::cmp::Ordering;

use super::value::Value;
use super::{Clause, Comparison, Condition, FILTER_STEPS_MAX, Filter, Scalar, Subject, Test, number};

/// How many characters of a value are told.
const VALUE_CHARS_MAX: usize = 60;
/// How many values of a list are told.
const VALUES_TOLD: usize = 5;
/// So many names, or characters of numbers, are looked at in one step.
const AT_ONCE: usize = 16;

/// What a filter misses in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// Where the clause stands in the filter, from the outside in.
    pub path: Vec<String>,
    /// What it asks for, and what it finds. Something of the payload's values may be in it.
    pub why: String,
}

/// A clause that does not hold, and what it was held against.
#[derive(Clone, Copy)]
pub(super) struct Missed<'a> {
    clause: &'a Clause,
    found: Option<&'a Value<'a>>,
    /// Whether it and its neighbours hold for no element together.
    together: bool,
}

/// Why it does not go on.
enum Stop<'a> {
    Missed(Missed<'a>),
    /// No steps are left.
    TooLong,
}

type Judged<'a> = Result<(), Stop<'a>>;

/// The steps that are left.
struct Steps(usize);

impl Steps {
    fn take<'a>(&mut self, steps: usize) -> Judged<'a> {
        self.0 = self.0.checked_sub(steps).ok_or(Stop::TooLong)?;
        Ok(())
    }
}

impl Filter {
    /// What a message lacks; nothing when it passes.
    pub(super) fn judge<'a>(&'a self, subject: &'a Subject<'_>) -> Option<Missed<'a>> {
        match self.0.condition.judge(Some(subject.seen()), &mut Steps(FILTER_STEPS_MAX)) {
            Ok(()) | Err(Stop::TooLong) => None,
            Err(Stop::Missed(missed)) => Some(missed),
        }
    }
}

impl Condition {
    /// The values that it is about, when it is about nothing else.
    fn values(&self) -> Option<&[Scalar]> {
        match (self.of_whole.as_slice(), self.of_each.as_slice()) {
            ([], [Clause { test: Test::In(values), .. }]) => Some(values),
            _ => None,
        }
    }

    fn judge<'a>(&'a self, value: Option<&'a Value<'a>>, steps: &mut Steps) -> Judged<'a> {
        for clause in &self.of_whole {
            clause.judge(value, steps)?;
        }
        self.judge_each(value, steps)
    }

    fn judge_each<'a>(&'a self, value: Option<&'a Value<'a>>, steps: &mut Steps) -> Judged<'a> {
        let (Some(first), Some(Value::List(items))) = (self.of_each.first(), value) else {
            return self.of_each.iter().try_for_each(|clause| clause.judge(value, steps));
        };
        for item in items {
            steps.take(1)?;
            match self.judge_each(Some(item), steps) {
                Err(Stop::Missed(_)) => {}
                judged => return judged,
            }
        }
        let together = self.of_each.len() > 1;
        let clause = if together { first } else { first.innermost() };
        Err(Stop::Missed(Missed { clause, found: value, together }))
    }
}

impl Clause {
    /// It, or the one clause that it comes to.
    fn innermost(&self) -> &Self {
        match &self.test {
            Test::Member(_, Condition { of_whole, of_each }) => match (of_whole.as_slice(), of_each.as_slice()) {
                ([], [only]) => only.innermost(),
                _ => self,
            },
            _ => self,
        }
    }

    fn judge<'a>(&'a self, value: Option<&'a Value<'a>>, steps: &mut Steps) -> Judged<'a> {
        steps.take(1)?;
        let holds = match &self.test {
            Test::Exist(wanted) => value.is_some() == *wanted,
            Test::Not(condition) => match condition.judge(value, steps) {
                Ok(()) => false,
                Err(Stop::Missed(_)) => true,
                Err(Stop::TooLong) => return Err(Stop::TooLong),
            },
            Test::All(conditions) => {
                return conditions.iter().try_for_each(|condition| condition.judge(value, steps));
            }
            Test::Any(conditions) => any(conditions, value, steps)?,
            Test::In(wanted) => any_equal(wanted, value, steps)?,
            Test::Compare(comparison, bound) => {
                let order = order(bound, value, steps)?;
                order.is_some_and(|order| comparison.takes(order))
            }
            Test::StartsWith(texts) => any_text(texts, value, steps, |text, part| text.starts_with(part))?,
            Test::EndsWith(texts) => any_text(texts, value, steps, |text, part| text.ends_with(part))?,
            Test::Member(name, condition) => return condition.judge(member(name, value, steps)?, steps),
        };
        if holds { Ok(()) } else { Err(Stop::Missed(Missed { clause: self, found: value, together: false })) }
    }
}

fn any<'a>(conditions: &'a [Condition], value: Option<&'a Value<'a>>, steps: &mut Steps) -> Result<bool, Stop<'a>> {
    for condition in conditions {
        match condition.judge(value, steps) {
            Ok(()) => return Ok(true),
            Err(Stop::Missed(_)) => {}
            Err(Stop::TooLong) => return Err(Stop::TooLong),
        }
    }
    Ok(false)
}

fn any_equal<'a>(wanted: &[Scalar], value: Option<&Value<'_>>, steps: &mut Steps) -> Result<bool, Stop<'a>> {
    steps.take(wanted.len())?;
    for scalar in wanted {
        if match (scalar, value) {
            (Scalar::Null, Some(Value::Null)) => true,
            (Scalar::Truth(wanted), Some(Value::Truth(truth))) => wanted == truth,
            (Scalar::Text(wanted), Some(Value::Text(text))) => wanted == text,
            (Scalar::Number(_), Some(Value::Number(_))) => order(scalar, value, steps)? == Some(Ordering::Equal),
            _ => false,
        } {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How a value stands to what it is compared with, if they are of one kind.
fn order<'a>(bound: &Scalar, value: Option<&Value<'_>>, steps: &mut Steps) -> Result<Option<Ordering>, Stop<'a>> {
    Ok(match (bound, value) {
        (Scalar::Number(bound), Some(Value::Number(number))) => {
            steps.take((bound.len() + number.len()) / AT_ONCE)?;
            Some(number::compare(number, bound))
        }
        (Scalar::Text(bound), Some(Value::Text(text))) => Some(text.as_ref().cmp(bound)),
        _ => None,
    })
}

fn any_text<'a>(
    parts: &[String],
    value: Option<&Value<'_>>,
    steps: &mut Steps,
    is_so: fn(&str, &str) -> bool,
) -> Result<bool, Stop<'a>> {
    steps.take(parts.len())?;
    Ok(matches!(value, Some(Value::Text(text)) if parts.iter().any(|part| is_so(text, part))))
}

fn member<'a>(name: &str, value: Option<&'a Value<'a>>, steps: &mut Steps) -> Result<Option<&'a Value<'a>>, Stop<'a>> {
    let Some(Value::Object(members)) = value else { return Ok(None) };
    steps.take(members.len() / AT_ONCE)?;
    Ok(members.iter().find(|(known, _)| known == name).map(|(_, value)| value))
}

impl Comparison {
    fn takes(self, order: Ordering) -> bool {
        match self {
            Self::Above => order.is_gt(),
            Self::AtLeast => order.is_ge(),
            Self::Below => order.is_lt(),
            Self::AtMost => order.is_le(),
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Above => "greater than",
            Self::AtLeast => "at least",
            Self::Below => "less than",
            Self::AtMost => "at most",
        }
    }
}

impl Missed<'_> {
    /// In words.
    pub(super) fn told(&self) -> Miss {
        let (test, mut path) = (&self.clause.test, self.clause.path.clone());
        if self.together {
            path.pop();
            let why = "must hold as a whole for one element of the list, but holds for none".to_owned();
            return Miss { path, why };
        }
        let found = match self.found {
            // Nothing in particular was found.
            _ if test.is_compound() => String::new(),
            None => ", but is missing".to_owned(),
            Some(Value::List(_)) if !test.is_of_whole() => ", but no element is so".to_owned(),
            Some(value) => format!(", but is {}", shown(value)),
        };
        Miss { path, why: test.told() + &found }
    }
}

impl Test {
    /// Whether it is made of further conditions rather than of values.
    fn is_compound(&self) -> bool {
        match self {
            Self::Not(condition) => condition.values().is_none(),
            Self::All(_) | Self::Any(_) => true,
            _ => false,
        }
    }

    /// What it asks for.
    fn told(&self) -> String {
        match self {
            Self::Exist(true) => "must be there".to_owned(),
            Self::Exist(false) => "must not be there".to_owned(),
            Self::Not(condition) => match condition.values() {
                Some(values) => format!("must not be {}", listed(values)),
                None => "must not hold, but does".to_owned(),
            },
            Self::All(_) => "must hold, but does not".to_owned(),
            Self::Member(..) => "must hold for an element of the list".to_owned(),
            Self::Any(conditions) => format!("one of these {} must hold, but none does", conditions.len()),
            Self::In(values) => format!("must be {}", listed(values)),
            Self::Compare(comparison, bound) => format!("must be {} {}", comparison.words(), bound.told()),
            Self::StartsWith(texts) => format!("must begin with {}", quoted(texts)),
            Self::EndsWith(texts) => format!("must end with {}", quoted(texts)),
        }
    }
}

impl Scalar {
    fn told(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Truth(truth) => truth.to_string(),
            Self::Number(text) => short(text),
            Self::Text(text) => quote(text),
        }
    }
}

fn listed(values: &[Scalar]) -> String {
    let several = if values.len() > 1 { "one of " } else { "" };
    format!("{several}{}", joined(values.iter().map(Scalar::told)))
}

fn quoted(texts: &[String]) -> String {
    joined(texts.iter().map(|text| quote(text)))
}

fn joined(values: impl ExactSizeIterator<Item = String>) -> String {
    let left_out = values.len().saturating_sub(VALUES_TOLD);
    let mut told: Vec<String> = values.take(VALUES_TOLD).collect();
    if left_out > 0 {
        told.push(format!("{left_out} more"));
    }
    match told.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => told.concat(),
    }
}

fn quote(text: &str) -> String {
    format!("\"{}\"", short(text))
}

fn short(text: &str) -> String {
    match text.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Truth(truth) => truth.to_string(),
        Value::Number(text) => short(text),
        Value::Text(text) => quote(text),
        Value::List(_) | Value::Object(_) => value.kind().to_owned(),
    }
}
