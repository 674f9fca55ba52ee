//! Choosing event types: all of them, or some out of the catalogue, by its groups. It works as a plain form, and can be
//! searched and ticked by the group where scripts run. It does not know what they are chosen for.

use maud::{Markup, html};

use super::data::outside;
use super::form::{Field, nothing};
use crate::dashboard::fields::{Fields, Form};
use crate::domain::event_type::EventType;

/// What event types that have neither a group nor a dot in their names are found under.
const UNGROUPED: &str = "Others";

/// The fields of the form: whether all are wanted, those that were ticked, and those that were written.
const WANTS: &str = "wants";
const TICKED: &str = "event_types";
const WRITTEN: &str = "more_event_types";

/// What may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// All, or any of them.
    Any,
    /// Exactly one.
    One,
}

/// What was chosen: `None` is all.
pub fn chosen(fields: &Fields, choice: Choice) -> Option<Vec<String>> {
    if choice == Choice::Any && fields.text(WANTS) != "chosen" {
        return None;
    }
    let ticked = fields.all(TICKED).map(str::to_owned);
    let written = fields.text(WRITTEN).split([' ', ',', '\n', '\t']).filter(|name| !name.is_empty());
    Some(ticked.chain(written.map(str::to_owned)).collect())
}

/// The fields of a form in which this has been chosen before.
pub fn filled(fields: Fields, event_types: Option<&[String]>) -> Fields {
    let fields = fields.with(WANTS, if event_types.is_some() { "chosen" } else { "all" });
    event_types.unwrap_or_default().iter().fold(fields, |fields, name| fields.with(TICKED, name.as_str()))
}

/// The choice as a part of a form. What is wrong with it is the form's error of `event_types`.
pub fn event_tree(form: &Form, catalogue: &[EventType], choice: Choice) -> Markup {
    let error = form.error(TICKED);
    let tree = html! {
        @if !catalogue.is_empty() || form.fields().all(TICKED).next().is_some() { (tree(form, catalogue, choice)) }
        @if choice == Choice::Any || catalogue.is_empty() {
            (Field::new(WRITTEN, if catalogue.is_empty() { "By name" } else { "Others, by name" })
                .placeholder("order.created order.updated")
                .hint("Names with blanks between them; they need not be in the catalogue.")
                .input(form))
        }
    };
    html! {
        fieldset.choice aria-describedby=[error.map(|_| "event_types-error")] {
            legend { "Event types" }
            @match choice {
                Choice::Any => {
                    (either(form, "all", "All events, also those that are added later"))
                    (either(form, "chosen", "Only those that I choose"))
                    div.chosen.stack-small { (tree) }
                }
                Choice::One => {
                    p.hint { "Each endpoint has one event type here, and each event type one endpoint." }
                    (tree)
                }
            }
            @if let Some(why) = error { p.error id="event_types-error" { (why) } }
        }
    }
}

fn either(form: &Form, value: &str, label: &str) -> Markup {
    let is_chosen = match form.fields().filled(WANTS) {
        Some(wants) => wants == value,
        None => value == "all",
    };
    html! {
        label.check { input type="radio" name=(WANTS) value=(value) checked[is_chosen]; span { (label) } }
    }
}

fn tree(form: &Form, catalogue: &[EventType], choice: Choice) -> Markup {
    let unknown: Vec<_> = form
        .fields()
        .all(TICKED)
        .filter(|name| !name.is_empty() && !catalogue.iter().any(|event_type| event_type.name == *name))
        .collect();
    html! {
        input type="search" data-searches="event-tree" data-scripted hidden placeholder="Search event types"
            aria-label="Search event types" autocomplete="off";
        div.tree id="event-tree" tabindex="-1" {
            @for (group, event_types) in groups(catalogue) {
                fieldset {
                    legend.row {
                        (outside(group))
                        @if choice == Choice::Any && event_types.len() > 1 {
                            label.check.small.muted data-scripted hidden {
                                input type="checkbox" data-tick-all aria-label=(format!("All of {group}"));
                                span { "all" }
                            }
                        }
                    }
                    @for event_type in event_types {
                        (item(form, choice, &event_type.name, &described(event_type)))
                    }
                }
            }
            @if !unknown.is_empty() {
                fieldset {
                    legend { "Not in the catalogue" }
                    @for name in unknown { (item(form, choice, name, &nothing())) }
                }
            }
        }
    }
}

fn item(form: &Form, choice: Choice, name: &str, description: &Markup) -> Markup {
    let kind = if choice == Choice::One { "radio" } else { "checkbox" };
    html! {
        label.check data-item {
            input type=(kind) name=(TICKED) value=(name) checked[form.has(TICKED, name)];
            span { span.mono { (outside(name)) } (description) }
        }
    }
}

fn described(event_type: &EventType) -> Markup {
    html! {
        @if let Some(title) = &event_type.title { " " span { (outside(title)) } }
        @if !event_type.description.is_empty() { " " span.muted.small { (outside(&event_type.description)) } }
        @if event_type.deprecated { " " span.tag { "deprecated" } }
    }
}

/// The event types by their groups, in the order of the catalogue.
pub fn groups(catalogue: &[EventType]) -> Vec<(&str, Vec<&EventType>)> {
    let mut groups: Vec<(&str, Vec<&EventType>)> = Vec::new();
    for event_type in catalogue {
        let start = || event_type.name.split_once('.').map(|(start, _)| start);
        let name = event_type.group_name.as_deref().or_else(start).unwrap_or(UNGROUPED);
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, members)) => members.push(event_type),
            None => groups.push((name, vec![event_type])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::EnvironmentId;
    use crate::domain::time::Timestamp;

    fn event_type(name: &str) -> EventType {
        EventType::blank(EnvironmentId::from_number(1), name.to_owned(), Timestamp::EPOCH)
    }

    #[test]
    fn all_is_chosen_by_saying_so_and_not_by_ticking_nothing() {
        let fields = |text: &str| Fields::read(text.as_bytes()).unwrap();
        assert_eq!(chosen(&fields("wants=all&event_types=a"), Choice::Any), None);
        assert_eq!(chosen(&fields("wants=chosen"), Choice::Any), Some(Vec::new()));
        let some = fields("wants=chosen&event_types=a&more_event_types=b,+c++d");
        assert_eq!(chosen(&some, Choice::Any).unwrap(), ["a", "b", "c", "d"]);
        assert_eq!(chosen(&fields("event_types=a"), Choice::One).unwrap(), ["a"]);
    }

    #[test]
    fn event_types_are_grouped_in_the_order_of_the_catalogue() {
        let catalogue = ["order.created", "ping", "order.updated", "customer.created"].map(event_type);
        let names: Vec<_> = groups(&catalogue).into_iter().map(|(name, members)| (name, members.len())).collect();
        assert_eq!(names, [("order", 2), (UNGROUPED, 1), ("customer", 1)]);
    }

    #[test]
    fn a_name_that_left_the_catalogue_stays_ticked() {
        let fields = filled(Fields::default(), Some(&["gone.away".to_owned()]));
        let shown = event_tree(&Form::new(fields), &[event_type("order.created")], Choice::Any).into_string();
        assert!(shown.contains("value=\"gone.away\" checked"), "{shown}");
        assert!(!shown.contains("value=\"order.created\" checked"), "{shown}");
    }
}
