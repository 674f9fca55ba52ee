//! Reads a filter. What is wrong is told with its place and what to do; nothing that could never hold a message back or let
//! one pass as it was meant is taken in silence.

use super::value::Value;
use super::{
    Clause, Comparison, Condition, FILTER_BYTES_MAX, FILTER_CLAUSES_MAX, FILTER_DEPTH_MAX, InvalidFilter, Scalar, Test,
    number,
};
use crate::domain::json::{self, Rules};

/// What a message has.
const MEMBERS: &str = "`id`, `type`, `time`, `channels` or `data`";
const OPERATORS: &str = "`$eq`, `$neq`, `$gt`, `$gte`, `$lt`, `$lte`, `$in`, `$nin`, `$startsWith`, `$endsWith`, \
                         `$exist`, `$or`, `$and` or `$not`";

/// Reads the text of a filter.
pub(super) fn read(text: &str) -> Result<Condition, InvalidFilter> {
    let refused = |why: String| InvalidFilter { path: Vec::new(), why };
    let rules = Rules { depth_max: FILTER_DEPTH_MAX, ..Rules::named("filter") };
    let value = Value::read(text.as_bytes(), rules).map_err(|error| refused(error.to_string()))?;
    if json::compact(text).len() > FILTER_BYTES_MAX {
        return Err(refused(format!("must have at most {FILTER_BYTES_MAX} bytes")));
    }
    Reading { path: Vec::new(), clauses: 0 }.condition(&value, true)
}

/// Reads from the outside in.
struct Reading {
    /// What leads to where it stands.
    path: Vec<String>,
    /// How many clauses it has met.
    clauses: usize,
}

type Read<T> = Result<T, InvalidFilter>;

impl Reading {
    fn refused<T>(&self, why: &str) -> Read<T> {
        let why = if self.path.is_empty() { why.to_owned() } else { format!("`{}` {why}", self.path.join(".")) };
        Err(InvalidFilter { path: self.path.clone(), why })
    }

    /// Reads what stands under `step`.
    fn under<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        self.path.push(step.to_owned());
        let read = read(self)?;
        self.path.pop();
        Ok(read)
    }

    /// What is asked of a value; `is_message` where that is the message itself.
    fn condition(&mut self, value: &Value<'_>, is_message: bool) -> Read<Condition> {
        match value {
            Value::Object(members) if members.is_empty() => {
                self.refused("must ask for something; an endpoint without a filter has null")
            }
            Value::Object(members) => {
                let mut condition = Condition::default();
                for (name, value) in members {
                    let clause = self.under(name, |inner| inner.clause(name, value, is_message))?;
                    let is_of_whole = clause.test.is_of_whole();
                    if is_of_whole { &mut condition.of_whole } else { &mut condition.of_each }.push(clause);
                }
                Ok(condition)
            }
            _ if is_message => self.refused("must be an object, such as {\"data\":{\"country\":\"DE\"}}"),
            Value::List(_) => self.refused("is a list: ask for one of several values with `$in`"),
            scalar => {
                let test = Test::In(vec![self.scalar(scalar)?]);
                Ok(Condition { of_each: vec![self.made(test)], ..Condition::default() })
            }
        }
    }

    /// What a member of a condition asks for.
    fn clause(&mut self, name: &str, value: &Value<'_>, is_message: bool) -> Read<Clause> {
        let test = match name {
            "$or" => Test::Any(self.alternatives(value, is_message)?),
            "$and" => Test::All(self.alternatives(value, is_message)?),
            "$not" => Test::Not(self.condition(value, is_message)?),
            _ if !name.starts_with('$') => {
                if is_message && !matches!(name, "id" | "type" | "time" | "channels" | "data") {
                    return self
                        .refused(&format!("is nothing that a message has: use {MEMBERS}; its payload is `data`"));
                }
                Test::Member(name.to_owned(), self.condition(value, false)?)
            }
            _ if is_message => {
                return self.refused(&format!("can't be asked of a message as a whole: first name {MEMBERS}"));
            }
            _ => self.comparison(name, value)?,
        };
        self.count(1)?;
        Ok(self.made(test))
    }

    fn comparison(&mut self, name: &str, value: &Value<'_>) -> Read<Test> {
        Ok(match name {
            "$eq" => Test::In(vec![self.scalar(value)?]),
            "$in" => Test::In(self.scalars(value)?),
            "$neq" => self.none_of(vec![self.scalar(value)?]),
            "$nin" => {
                let values = self.scalars(value)?;
                self.none_of(values)
            }
            "$gt" => Test::Compare(Comparison::Above, self.bound(value)?),
            "$gte" => Test::Compare(Comparison::AtLeast, self.bound(value)?),
            "$lt" => Test::Compare(Comparison::Below, self.bound(value)?),
            "$lte" => Test::Compare(Comparison::AtMost, self.bound(value)?),
            "$startsWith" => Test::StartsWith(self.texts(value)?),
            "$endsWith" => Test::EndsWith(self.texts(value)?),
            "$exist" => match value {
                Value::Truth(wanted) => Test::Exist(*wanted),
                _ => return self.refused("must be true or false"),
            },
            _ => return self.refused(&format!("is no operator: use {OPERATORS}")),
        })
    }

    fn made(&self, test: Test) -> Clause {
        Clause { path: self.path.clone(), test }
    }

    fn none_of(&self, values: Vec<Scalar>) -> Test {
        Test::Not(Condition { of_each: vec![self.made(Test::In(values))], ..Condition::default() })
    }

    fn count(&mut self, clauses: usize) -> Read<()> {
        self.clauses += clauses;
        if self.clauses <= FILTER_CLAUSES_MAX {
            return Ok(());
        }
        self.refused(&format!("is too much: a filter has at most {FILTER_CLAUSES_MAX} clauses and values in lists"))
    }

    fn alternatives(&mut self, value: &Value<'_>, is_message: bool) -> Read<Vec<Condition>> {
        self.items(value, "must be a list of conditions, and not an empty one", |reading, item| {
            reading.condition(item, is_message)
        })
    }

    fn items<T>(
        &mut self,
        value: &Value<'_>,
        why: &str,
        mut read: impl FnMut(&mut Self, &Value<'_>) -> Read<T>,
    ) -> Read<Vec<T>> {
        let Value::List(items) = value else { return self.refused(why) };
        if items.is_empty() {
            return self.refused(why);
        }
        self.count(items.len())?;
        let place = |(place, item): (usize, _)| self.under(&place.to_string(), |inner| read(inner, item));
        items.iter().enumerate().map(place).collect()
    }

    fn scalars(&mut self, value: &Value<'_>) -> Read<Vec<Scalar>> {
        self.items(value, "must be a list of values, and not an empty one", |reading, item| reading.scalar(item))
    }

    fn texts(&mut self, value: &Value<'_>) -> Read<Vec<String>> {
        let why = "must be a text, or a list of texts";
        let text = |reading: &mut Self, value: &Value<'_>| match value {
            Value::Text(text) => Ok(text.clone().into_owned()),
            _ => reading.refused(why),
        };
        match value {
            Value::List(_) => self.items(value, why, text),
            one => Ok(vec![text(self, one)?]),
        }
    }

    /// A value that can be equal to one in a payload.
    fn scalar(&self, value: &Value<'_>) -> Read<Scalar> {
        match value {
            Value::Null => Ok(Scalar::Null),
            Value::Truth(truth) => Ok(Scalar::Truth(*truth)),
            Value::Number(text) if number::is_bounded(text) => Ok(Scalar::Number((*text).to_owned())),
            Value::Number(_) => self.refused("is a number with so great an exponent that no payload should have it"),
            Value::Text(text) => Ok(Scalar::Text(text.clone().into_owned())),
            Value::List(_) | Value::Object(_) => self.refused("must be a text, a number, true, false or null"),
        }
    }

    /// A value that others can be less or greater than.
    fn bound(&self, value: &Value<'_>) -> Read<Scalar> {
        match value {
            Value::Number(_) | Value::Text(_) => self.scalar(value),
            _ => self.refused("must be a number or a text"),
        }
    }
}
