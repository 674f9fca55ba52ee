//! The shapes of bodies, by the API's own document: an object is an object, also within another. serde by itself takes it from a
//! list too, by the places of its members, which is in no document and changes its meaning with their order.

use serde_json::{Map, Value, json};

use crate::world::World;

/// A body, and where in it an object stands that is given as a list.
type Listed = (Vec<String>, Value);

/// What stands behind a reference, and among the ways that something may look the one that is an object.
fn resolved<'a>(schema: &'a Value, document: &'a Value) -> &'a Value {
    let ways = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    let way = ways.and_then(|ways| ways.iter().find(|way| resolved(way, document)["properties"].is_object()));
    match (schema["$ref"].as_str(), way) {
        (Some(reference), _) => {
            let name = reference.rsplit('/').next().unwrap();
            resolved(&document["components"]["schemas"][name], document)
        }
        (None, Some(way)) => resolved(way, document),
        (None, None) => schema,
    }
}

/// A list of as many values as the object has members.
fn as_list(schema: &Value) -> Value {
    json!(vec!["a"; schema["properties"].as_object().unwrap().len()])
}

/// Every object with named members in what this schema describes, each given as a list within what is right but for it.
fn listed(schema: &Value, document: &Value) -> Vec<Listed> {
    let schema = resolved(schema, document);
    if schema["type"] == "array" || schema["items"].is_object() {
        let items = listed(&schema["items"], document).into_iter();
        return items.map(|(place, item)| ([vec!["0".to_owned()], place].concat(), json!([item]))).collect();
    }
    let Some(members) = schema["properties"].as_object() else { return Vec::new() };
    let mut found = vec![(Vec::new(), as_list(schema))];
    for (name, member) in members {
        for (place, value) in listed(member, document) {
            let mut object: Map<String, Value> = Map::new();
            object.insert(name.clone(), value);
            found.push(([vec![name.clone()], place].concat(), Value::Object(object)));
        }
    }
    found
}

#[tokio::test]
async fn no_list_is_taken_for_an_object() {
    let world = World::new().await;
    let admin = world.admin_key().await;
    let document = serde_json::to_value(cornet::api::openapi()).unwrap();
    let mut tried = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let steps = path.split('/').map(|step| if step.starts_with('{') { "default" } else { step });
            let filled = steps.collect::<Vec<_>>().join("/");
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            for (place, body) in listed(schema, &document) {
                let shown = format!("{method} {path} {}", place.join("."));
                let answer = world.call(&admin, &method.to_uppercase(), &filled, Some(body.clone())).await;
                assert_eq!(answer.status, 422, "{shown} with {body} answered {}", answer.body);
                let kind = &answer.body["detail"][0]["type"];
                let is_refused =
                    kind == "wrong_type" && answer.place() == [vec!["body".to_owned()], place].concat().join(".");
                assert!(is_refused, "{shown} with {body} answered {}", answer.body);
                tried.push(shown);
            }
        }
    }
    let nested = "post /api/v1/app/{application_id}/msg application";
    assert!(tried.len() >= 30 && tried.iter().any(|shown| shown == nested), "{tried:?}");
}
