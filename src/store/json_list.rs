//! Lists and maps of text in one column, as JSON text; `None` is no list, which is not an empty one.

use std::collections::BTreeMap;

use super::error::StoreError;

pub(super) fn write(list: Option<&Vec<String>>) -> Option<String> {
    list.map(|list| serde_json::Value::from(list.clone()).to_string())
}

pub(super) fn read(text: Option<String>) -> Result<Option<Vec<String>>, StoreError> {
    text.map(|text| serde_json::from_str(&text).map_err(|error| StoreError::Corrupt(error.to_string()))).transpose()
}

pub(super) fn write_map(map: &BTreeMap<String, String>) -> String {
    let object: serde_json::Map<_, _> = map.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    serde_json::Value::from(object).to_string()
}

pub(super) fn read_map(text: &str) -> Result<BTreeMap<String, String>, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(error.to_string()))
}
