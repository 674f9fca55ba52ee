//! Event types come from OpenAPI documents and go out as one.

use axum::body::Body;
use axum::http::Request;
use cornet::domain::preset::Preset;
use serde_json::{Value, json};

use crate::world::{KEY, OTHER_KEY, World};

const IMPORT: &str = "/api/v1/event-type/import/openapi";
const EXPORT: &str = "/api/v1/event-type/export/openapi";
const EVENT_TYPES: &str = "/api/v1/event-type";

fn pets() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Pets", "version": "1"},
        "webhooks": {
            "pet.new": {"post": {
                "summary": "New pet", "description": "There is one more", "tags": ["pets"],
                "requestBody": {"content": {"application/json": {
                    "schema": {"$ref": "#/components/schemas/Pet"},
                    "examples": {"one": {"value": {"id": 1, "owner": {"pets": []}}}}
                }}}
            }},
            "pet.gone": {"$ref": "#/components/pathItems/Gone"}
        },
        "components": {
            "pathItems": {"Gone": {"post": {"deprecated": true, "requestBody": {"$ref": "#/components/requestBodies/Gone"}}}},
            "requestBodies": {"Gone": {"description": "One less", "content": {"application/json": {
                "schema": {"type": "object", "properties": {"pet": {"$ref": "#/components/schemas/Pet"}}}}}}},
            "schemas": {
                "Pet": {"type": "object", "required": ["id"], "properties": {
                    "id": {"type": "integer"}, "owner": {"$ref": "#/components/schemas/Owner"}}},
                "Owner": {"properties": {"pets": {"type": "array", "items": {"$ref": "#/components/schemas/Pet"}}}}
            }
        }
    })
}

#[tokio::test]
async fn webhooks_become_event_types_with_all_that_their_schemas_refer_to() {
    let world = World::new().await;
    world.post(EVENT_TYPES, json!({"name": "old", "description": ""})).await.assert(201);
    let dry = world.post(IMPORT, json!({"spec": pets(), "dryRun": true, "replaceAll": true})).await.assert(200);
    assert_eq!(dry.body["data"]["modified"], json!([]));
    assert_eq!(dry.body["data"]["to_modify"][1]["title"], "New pet");
    assert_eq!(world.get(EVENT_TYPES).await.column("name"), ["old"]);

    let done = world.post(IMPORT, json!({"specRaw": pets().to_string(), "replaceAll": true})).await.assert(200);
    assert_eq!(done.body["data"]["modified"].as_array().map(Vec::len), Some(2));
    assert_eq!(world.get(EVENT_TYPES).await.column("name"), ["pet.gone", "pet.new"]);
    let new = world.get(&format!("{EVENT_TYPES}/pet.new")).await;
    assert_eq!((new.text("description"), new.text("groupName")), ("There is one more", "pets"));
    assert_eq!(new.body["example"], json!({"id": 1, "owner": {"pets": []}}));
    let gone = world.get(&format!("{EVENT_TYPES}/pet.gone")).await;
    assert_eq!((gone.text("description"), &gone.body["deprecated"]), ("One less", &json!(true)));
    assert_eq!(gone.body["schemas"]["1"]["$defs"].as_object().unwrap().len(), 2);

    for (name, payload, place) in [
        ("pet.new", json!({"id": 1, "owner": {"pets": [{"id": "x"}]}}), "body.payload.owner.pets.0.id"),
        ("pet.gone", json!({"pet": {"id": 1, "owner": {"pets": [{}]}}}), "body.payload.pet.owner.pets.0"),
    ] {
        let message = json!({"eventType": name, "payload": payload});
        let refused = world.post("/api/v1/app/default/msg", message).await.refused(422, "payload_schema");
        assert_eq!(refused.place(), place);
    }
    world.post(IMPORT, json!({"spec": {"webhooks": {"old": {"post": {}}}}})).await.assert(200);
    assert_eq!(world.get(&format!("{EVENT_TYPES}/old")).await.body["archived"], false, "it comes back");
}

#[tokio::test]
async fn what_is_exported_is_imported_again_unchanged() {
    for preset in [Preset::RoseRocket, Preset::Shoprocket, Preset::ShipEngine] {
        let world = World::new().await;
        world.load(preset).await;
        let text = export(&world, "/event-types.openapi.json").await;
        assert_eq!(text, export(&world, EXPORT).await);
        let body = json!({"specRaw": text}).to_string();
        let request = Request::post(IMPORT).header("authorization", format!("Bearer {OTHER_KEY}"));
        let request = request.header("content-type", "application/json").body(Body::from(body)).unwrap();
        world.send(request).await.assert(200);
        let path = format!("{EVENT_TYPES}?with_content=true&limit=250");
        let (here, mut there) = (world.get(&path).await.body, world.call(OTHER_KEY, "GET", &path, None).await.body);
        for (index, event_type) in there["data"].as_array_mut().unwrap().iter_mut().enumerate() {
            event_type["createdAt"] = here["data"][index]["createdAt"].clone();
        }
        assert_eq!(here, there);
        let access = world.operations.authenticate(OTHER_KEY).await.unwrap();
        let own = world.operations.authenticate(KEY).await.unwrap();
        let before = world.operations.event_types_in_order(&own, false).await.unwrap();
        let after = world.operations.event_types_in_order(&access, false).await.unwrap();
        for (before, after) in before.iter().zip(&after) {
            assert_eq!((&before.name, &before.example), (&after.name, &after.example), "in order and byte for byte");
            assert_eq!(before.schemas, after.schemas);
        }
    }
}

async fn export(world: &World, path: &str) -> String {
    use http_body_util::BodyExt as _;
    let response = world
        .send_raw(Request::get(path).header("authorization", format!("Bearer {KEY}")).body(Body::empty()).unwrap());
    let bytes = response.await.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn the_export_describes_each_webhook_with_its_headers() {
    let world = World::new().await;
    world.load(Preset::ShipEngine).await;
    world.call("", "GET", "/event-types.openapi.json", None).await.refused(401, "authentication_failed");
    let document = world.get(EXPORT).await.assert(200).body;
    assert_eq!(document["openapi"], "3.1.0");
    let post = &document["webhooks"]["sales_orders_imported"]["post"];
    assert_eq!((&post["summary"], &post["tags"]), (&json!("Sales orders imported"), &json!(["Stores"])));
    let content = &post["requestBody"]["content"]["application/json"];
    assert_eq!(content["schema"]["$ref"], "#/components/schemas/sales_orders_imported");
    assert_eq!(content["example"]["resource_type"], "API_SALES_ORDERS_IMPORTED");
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    for (parameter, name) in post["parameters"].as_array().unwrap().iter().zip(names) {
        let place = parameter["$ref"].as_str().unwrap().trim_start_matches('#');
        assert_eq!(document.pointer(place).unwrap()["name"], name);
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let place = reference.split('"').next().unwrap();
        assert!(document.pointer(place).is_some(), "{place}");
    }
}

#[tokio::test]
async fn what_can_not_be_imported_is_named() {
    let world = World::new().await;
    for body in [json!({}), json!({"spec": {}, "specRaw": "{}"})] {
        world.post(IMPORT, body).await.refused(400, "spec_or_spec_raw");
    }
    let yaml = world.post(IMPORT, json!({"specRaw": "openapi: 3.1.0"})).await.refused(422, "json_syntax");
    assert_eq!(yaml.place(), "body.specRaw");
    let with = |schema: Value| json!({"spec": {"webhooks": {"a.b": {"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}}}}});
    let cases = [
        (json!({"spec": {"paths": {}}}), "openapi", "body.spec.webhooks"),
        (json!({"spec": {"webhooks": {"a": {"get": {}}}}}), "openapi", "body.spec.webhooks.a"),
        (json!({"spec": {"webhooks": {"a b": {"post": {}}}}}), "event_type_name", "body.spec.webhooks.a b.name"),
        (with(json!({"$ref": "#/components/schemas/X"})), "openapi", "body.spec.webhooks.a.b"),
        (with(json!({"$ref": "https://example.com/x"})), "schema_invalid", "body.spec.webhooks.a.b.schemas.1"),
        (with(json!({"type": "strange"})), "schema_invalid", "body.spec.webhooks.a.b.schemas.1"),
    ];
    for (body, code, place) in cases {
        assert_eq!(world.post(IMPORT, body).await.refused(422, code).place(), place);
    }
    let application = world.get("/api/v1/app/default").await.text("id").to_owned();
    let key = world.key_of(&application).await;
    world.call(&key, "POST", IMPORT, Some(json!({"spec": pets()}))).await.refused(403, "insufficient_access");
}
