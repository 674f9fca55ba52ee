//! Catalogues: the event types that the presets come with, read from the files in `presets/`. A catalogue is data to
//! begin with; it does not know what an environment has made of it since.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::value::RawValue;

use super::event_type::EventTypeChange;
use super::json;
use super::preset::Preset;

/// The event types of a preset, in the order in which people are shown them.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// The groups that people find them in.
    pub groups: Vec<Group>,
}

/// Event types that people find together.
#[derive(Debug)]
pub struct Group {
    /// What people read above them.
    pub name: String,
    /// At least one.
    pub event_types: Vec<CatalogueEntry>,
}

/// An event type of a preset.
#[derive(Debug)]
pub struct CatalogueEntry {
    /// Its name for machines, such as `order.created`.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Another name under which people may know it (SEEDS C22).
    pub also_called: Option<String>,
    /// What it means.
    pub description: String,
    /// What a resource envelope says that its link leads to (SEEDS C39–C43).
    pub resource_type: Option<String>,
    /// The JSON Schema (draft 2020-12) of what a producer posts.
    pub schema: String,
    /// What a producer might post.
    pub example: String,
}

static STANDARD: Catalogue = Catalogue { groups: Vec::new() };
static ROSE_ROCKET: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("../../presets/rose-rocket.json")));
static SHOPROCKET: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("../../presets/shoprocket.json")));
static SHIPENGINE: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("../../presets/shipengine.json")));

/// The members of an object in an embedded file.
type Members = BTreeMap<String, Box<RawValue>>;

/// Reads one of the embedded files, whose soundness tests prove: nothing in it is missing.
fn read(text: &str) -> Catalogue {
    let file: Members = serde_json::from_str(text).unwrap_or_default();
    Catalogue { groups: list(&file, "groups").iter().filter_map(group).collect() }
}

fn group(members: &Members) -> Option<Group> {
    let event_types = list(members, "eventTypes").iter().filter_map(entry).collect();
    Some(Group { name: text(members, "name")?, event_types })
}

fn entry(members: &Members) -> Option<CatalogueEntry> {
    let kept = |member: &str| Some(json::compact(members.get(member)?.get()));
    Some(CatalogueEntry {
        name: text(members, "name")?,
        title: text(members, "title")?,
        also_called: text(members, "alsoCalled"),
        description: text(members, "description")?,
        resource_type: text(members, "resourceType"),
        schema: kept("schema")?,
        example: kept("example")?,
    })
}

fn list(members: &Members, member: &str) -> Vec<Members> {
    members.get(member).and_then(|list| serde_json::from_str(list.get()).ok()).unwrap_or_default()
}

fn text(members: &Members, member: &str) -> Option<String> {
    serde_json::from_str(members.get(member)?.get()).ok()
}

impl Catalogue {
    /// The catalogue of a preset.
    pub fn of(preset: Preset) -> &'static Self {
        match preset {
            Preset::Standard => &STANDARD,
            Preset::RoseRocket => &ROSE_ROCKET,
            Preset::Shoprocket => &SHOPROCKET,
            Preset::ShipEngine => &SHIPENGINE,
        }
    }

    /// Its event types, in order.
    pub fn event_types(&self) -> impl Iterator<Item = &CatalogueEntry> {
        self.groups.iter().flat_map(|group| &group.event_types)
    }

    /// The event type with this name.
    pub fn event_type(&self, name: &str) -> Option<&CatalogueEntry> {
        self.event_types().find(|entry| entry.name == name)
    }

    /// What an environment makes of it: the names of the event types, in order, and what each is to be.
    pub fn changes(&self) -> Vec<(String, EventTypeChange)> {
        let of_group = |group: &Group| {
            let name = group.name.clone();
            let of_entry = move |entry: &CatalogueEntry| (entry.name.clone(), entry.change(&name));
            group.event_types.iter().map(of_entry).collect::<Vec<_>>()
        };
        self.groups.iter().flat_map(of_group).collect()
    }
}

impl CatalogueEntry {
    fn change(&self, group: &str) -> EventTypeChange {
        EventTypeChange {
            title: Some(Some(self.title.clone())),
            description: Some(self.description.clone()),
            group_name: Some(Some(group.to_owned())),
            schemas: Some(Some(format!(r#"{{"1":{}}}"#, self.schema))),
            example: Some(Some(self.example.clone())),
            ..EventTypeChange::default()
        }
    }
}
