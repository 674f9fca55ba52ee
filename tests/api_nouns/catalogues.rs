//! The catalogues hold exactly what the seed documents say (SEEDS.md, whose numbers the tests name).

use cornet::domain::catalogue::{Catalogue, CatalogueEntry};
use cornet::domain::preset::Preset;
use cornet::domain::schema::Schema;
use serde_json::{Value, json};

use crate::world::World;

const EVENT_TYPES: &str = "/api/v1/event-type";

fn entry(preset: Preset, name: &str) -> &'static CatalogueEntry {
    Catalogue::of(preset).event_type(name).unwrap()
}

fn names_and_titles(preset: Preset) -> Vec<(&'static str, &'static str)> {
    Catalogue::of(preset).event_types().map(|entry| (entry.name.as_str(), entry.title.as_str())).collect()
}

fn groups(preset: Preset) -> Vec<(&'static str, usize)> {
    Catalogue::of(preset).groups.iter().map(|group| (group.name.as_str(), group.event_types.len())).collect()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The keys of the object with which a compact JSON text begins, in the order in which they stand.
fn keys(object: &str) -> Vec<String> {
    let (mut keys, mut depth, mut rest) = (Vec::new(), 0, object);
    while let Some(at) = rest.find(['{', '}', '[', ']', '"']) {
        let (mark, after) = rest[at..].split_at(1);
        rest = after;
        match mark {
            "{" | "[" => depth += 1,
            "}" | "]" if depth == 1 => return keys,
            "}" | "]" => depth -= 1,
            _ => {
                let (text, after) = rest.split_once('"').unwrap();
                if depth == 1 && after.starts_with(':') {
                    keys.push(text.to_owned());
                }
                rest = after;
            }
        }
    }
    keys
}

fn after<'a>(text: &'a str, start: &str) -> &'a str {
    &text[text.find(start).unwrap() + start.len()..]
}

fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.values().map(leaves).sum(),
        Value::Array(items) => items.iter().map(leaves).sum(),
        _ => 1,
    }
}

/// A22–A43.
#[test]
fn a22_to_a43_rose_rocket_has_21_event_types_in_4_groups() {
    let expected = [
        ("order.created", "Order Created"),
        ("order.updated", "Order Updated"),
        ("order.deleted", "Order Deleted"),
        ("order.status_updated", "Order Status Updated"),
        ("order.dispatched", "Order Dispatched"),
        ("order.in_transit", "Order In Transit"),
        ("order.delivered", "Order Delivered"),
        ("order.pod_uploaded", "Order POD Uploaded"),
        ("leg.created", "Leg Created"),
        ("leg.deleted", "Leg Deleted"),
        ("leg.dispatched", "Leg Dispatched"),
        ("leg.loaded", "Leg Loaded"),
        ("leg.unloaded", "Leg Unloaded"),
        ("manifest.created", "Manifest Created"),
        ("manifest.assigned", "Manifest Assigned"),
        ("manifest.dispatched", "Manifest Dispatched"),
        ("manifest.moving", "Manifest Moving"),
        ("manifest.completed", "Manifest Completed"),
        ("manifest.carrier_details_updated", "Manifest Carrier Details Updated"),
        ("manifest.cost_details_updated", "Manifest Cost Details Updated"),
        ("task.completed", "Task Completed"),
    ];
    assert_eq!(names_and_titles(Preset::RoseRocket), expected);
    assert_eq!(groups(Preset::RoseRocket), [("Orders", 8), ("Legs", 5), ("Manifests", 7), ("Tasks", 1)]);
    for entry in Catalogue::of(Preset::RoseRocket).event_types() {
        assert!(parsed(&entry.example)["id"].is_string(), "{}: A5, the id of the record", entry.name);
    }
}

/// B14–B19.
#[test]
fn b14_to_b19_shoprocket_has_6_event_types() {
    let names = ["order.created", "order.updated", "order.deleted"];
    let customers = ["customer.created", "customer.updated", "customer.deleted"];
    let listed = names_and_titles(Preset::Shoprocket);
    assert_eq!(listed.iter().map(|(name, _)| *name).collect::<Vec<_>>(), [names, customers].concat());
    for entry in Catalogue::of(Preset::Shoprocket).event_types() {
        let (noun, verb) = entry.name.split_once('.').unwrap();
        let article = if noun == "order" { "an" } else { "a" };
        assert_eq!(entry.description, format!("Fired when {article} {noun} is {verb}."));
    }
}

/// B28, B32.
#[test]
fn b28_the_order_of_the_document_is_kept_with_its_44_keys_in_order() {
    let example = entry(Preset::Shoprocket, "order.created").example.as_str();
    let expected = "id order_id raw_order_id is_unread store_id customer_id user_name email user_contact_number \
        automatic_discount subtotal shipping_name shipping_amount tax_amount discount_name discount_amount \
        total_amount currency_paid_in currency_paid_in_symbol payment_transaction_id payment_method_id \
        payment_method_name raw_payment_method_name billing_address shipping_address order_notes store_environment \
        payment_payload fulfillment_status fulfillment_status_raw is_draft invoice_number invoice_link source_url \
        customer_tax_id status status_raw v1_ref review_email_at cart_session deleted_at created_at updated_at \
        order_items";
    assert_eq!(keys(example).join(" "), expected);
    assert_eq!(keys(example).len(), 44);
    let order = parsed(example);
    assert_eq!(
        (&order["id"], &order["raw_order_id"], &order["fulfillment_status"]),
        (&json!("716"), &json!(186), &json!(1))
    );
    assert_eq!((&order["subtotal"], &order["automatic_discount"]), (&json!("12.00"), &Value::Null));
    assert_eq!(order["invoice_link"], "cdn.shoprocket.io/users/5/orders/716/183.pdf");
    assert_eq!(order["created_at"], "2022-05-23 14:37:24", "no T and no zone");
    assert!(order["email"].as_str().unwrap().ends_with("protected]"), "B32: opaque text");
}

/// B29, B30.
#[test]
fn b29_b30_the_parts_of_the_order_are_the_document_s() {
    let example = entry(Preset::Shoprocket, "order.created").example.as_str();
    let payment = keys(after(example, "\"payment_payload\":"));
    let expected = ["amount", "currency", "customerId", "livemode", "receipt_url", "billing", "shipping"];
    assert_eq!(payment, [&expected[..], &["payment_method"]].concat());
    let order = parsed(example);
    assert_eq!(order["payment_payload"]["payment_method"], json!({"type": "manual"}));
    assert_eq!(order["payment_payload"]["billing"], order["payment_payload"]["shipping"]);
    assert_eq!(keys(after(example, "\"order_items\":[")).len(), 22);
    let item = &order["order_items"][0];
    assert_eq!(
        (&item["id"], &item["unit_price"], &item["status_raw"]),
        (&json!("20860"), &json!("12.00"), &json!("active"))
    );
    assert_eq!((&item["item_options"], &item["deleted_at"]), (&Value::Null, &Value::Null));
    assert_eq!(item["item_source_url"], "http://shoprocket-widget:8080/#!/prodo");
}

/// C17–C22, C43.
#[test]
fn c17_to_c22_shipengine_has_6_event_types_with_their_resource_types() {
    let expected = [
        ("batch", "Batch completed"),
        ("rate", "Shipment rate updated"),
        ("track", "Any tracking event"),
        ("carrier_connected", "Carrier connected"),
        ("sales_orders_imported", "Sales orders imported"),
        ("order_source_refresh_complete", "Order source refresh complete"),
    ];
    assert_eq!(names_and_titles(Preset::ShipEngine), expected);
    let refresh = entry(Preset::ShipEngine, "order_source_refresh_complete");
    assert_eq!(refresh.also_called.as_deref(), Some("Store refresh completed"), "C22: one event, two names");
    assert!(refresh.description.contains("Store refresh completed"));
    let kinds = [
        "API_BATCH",
        "API_RATE",
        "API_TRACK",
        "API_CARRIER_CONNECTED",
        "API_SALES_ORDERS_IMPORTED",
        "API_ORDER_SOURCE_REFRESH_COMPLETE",
    ];
    for (entry, kind) in Catalogue::of(Preset::ShipEngine).event_types().zip(kinds) {
        assert_eq!(entry.resource_type.as_deref(), Some(kind));
        assert_eq!(parsed(&entry.example)["resource_type"], kind);
    }
}

/// C6: the table of the document, whose names are the titles or stand beside them.
#[test]
fn c6_the_event_types_have_the_documents_names_and_descriptions() {
    let expected = [
        ("batch", "Batch completed", "A collection of new shipping labels is complete."),
        ("rate", "Shipment rate updated", "Updates shipping rate."),
        ("track", "Tracking", "Updates about your shipment status."),
        ("carrier_connected", "Carrier connected", "Carrier is connected to your ShipEngine account."),
        (
            "sales_orders_imported",
            "Sales orders imported",
            "Sales orders have been imported to your ShipEngine account.",
        ),
        ("order_source_refresh_complete", "Store refresh completed", "Your store data has been refreshed."),
    ];
    for (name, called, description) in expected {
        let entry = entry(Preset::ShipEngine, name);
        assert!(entry.title == called || entry.description.ends_with(&format!("Also called: {called}.")), "{name}");
        assert!(entry.description.starts_with(description), "{name}");
    }
}

/// C33–C38.
#[test]
fn c33_to_c38_the_tracking_codes_are_an_enum_with_their_texts() {
    let track = entry(Preset::ShipEngine, "track");
    let schema = parsed(&track.schema);
    let code = &schema["properties"]["data"]["properties"]["status_code"];
    assert_eq!(code["enum"], json!(["AC", "IT", "DE", "EX", "UN", "AT"]));
    let texts = json!({
        "AC": "The package was accepted by the carrier.",
        "IT": "The package is in transit to its destination.",
        "DE": "Hooray, the package was delivered.",
        "EX": "An exception was identified.",
        "UN": "The tracking status is unknown.",
        "AT": "An attempt was made to deliver the package."
    });
    assert_eq!(code["x-enumDescriptions"], texts);
    let schema = Schema::compile(&track.schema).unwrap();
    let misfit = schema.check(br#"{"resource_url": "https://x", "data": {"status_code": "XX"}}"#).unwrap_err();
    assert_eq!(misfit.path, ["data", "status_code"]);
}

/// C39–C41, C44.
#[test]
fn c39_to_c41_the_thin_payloads_are_the_document_s() {
    let example = |name| entry(Preset::ShipEngine, name).example.as_str();
    let expected = [
        ("rate", "shipments/se-2120221/rates", "API_RATE"),
        ("batch", "batches/se-1013119", "API_BATCH"),
        ("carrier_connected", "carriers/se-1234", "API_CARRIER_CONNECTED"),
    ];
    for (name, path, kind) in expected {
        let text = format!(r#"{{"resource_url":"https://api.shipengine.com/v1/{path}","resource_type":"{kind}"}}"#);
        assert_eq!(example(name), text);
    }
}

/// C42, C45–C53.
#[test]
fn c42_to_c53_the_sales_order_is_the_repaired_one_byte_for_byte() {
    let example = entry(Preset::ShipEngine, "sales_orders_imported").example.as_str();
    assert_eq!(keys(example), ["resource_url", "resource_type", "data"]);
    let order = after(example, "\"data\":[");
    let expected = "sales_order_id external_order_id external_order_number order_source sales_order_status order_date \
        created_at modified_at payment_details customer bill_to ship_to sales_order_items";
    assert_eq!(keys(order).join(" "), expected, "C45");
    let value = parsed(example);
    assert_eq!(leaves(&value), 80, "C53");
    let order = &value["data"][0];
    assert_eq!(order["order_source"]["refresh_info"]["last_refresh_attempt"], "2018-09-12T19:29:21.657Z", "C46, C48");
    assert_eq!(order["sales_order_status"]["is_cancelled"], false, "C47");
    assert_eq!(
        (&order["order_date"], &order["created_at"]),
        (&json!("2018-09-12T19:18:12Z"), &json!("2018-09-12T19:29:18.69Z")),
        "C48"
    );
    assert_eq!(example.matches(r#""amount":40.0}"#).count(), 4, "C49: never 40");
    assert_eq!(example.matches(r#""amount":0.0}"#).count(), 3, "C49");
    let address = &order["bill_to"]["address"];
    assert_eq!((&address["address_line1"], &address["address_line2"]), (&json!(""), &Value::Null), "C50");
    assert_eq!(order["ship_to"]["address_line1"], "3800 N LAMAR BLVD STE 220", "C51");
    let item = &order["sales_order_items"][0];
    assert_eq!(item["sales_order_item_id"], "6f8f3f51-7a5a-50b2-a842-d6e89a5b5b26", "C44, C52");
    assert_eq!(
        (&item["ship_to"], &item["price_summary"]["estimated_shipping"]),
        (&order["ship_to"], &Value::Null),
        "C52"
    );
    assert!(example.contains(r#""weight":{"value":2.8,"unit":"ounce"}"#), "C52");
}

#[test]
fn every_example_fits_its_own_schema() {
    for preset in Preset::ALL {
        for entry in Catalogue::of(preset).event_types() {
            let schema = Schema::compile(&entry.schema).unwrap();
            assert_eq!(schema.check(entry.example.as_bytes()), Ok(()), "{}", entry.name);
            assert!(parsed(&entry.schema)["$schema"].as_str().unwrap().contains("2020-12"), "{}", entry.name);
        }
    }
}

/// A44: the presets' event types stand in environments of their own, or share one where the names are the same.
#[tokio::test]
async fn a44_a_catalogue_is_loaded_once_and_leaves_what_is_there_alone() {
    let world = World::new().await;
    let own = json!({"name": "order.created", "description": "Mine"});
    world.post(EVENT_TYPES, own).await.assert(201);
    for _ in 0..2 {
        world.load(Preset::RoseRocket).await;
    }
    world.load(Preset::Shoprocket).await;
    let listed = world.get(&format!("{EVENT_TYPES}?with_content=true")).await.assert(200);
    assert_eq!(listed.column("name").len(), 24, "21, and three for customers");
    assert_eq!(world.get(&format!("{EVENT_TYPES}/order.created")).await.text("description"), "Mine");
    let leg = world.get(&format!("{EVENT_TYPES}/leg.created")).await.assert(200);
    assert_eq!((leg.text("title"), leg.text("groupName")), ("Leg Created", "Legs"));
    assert!(leg.body["example"]["id"].is_string() && leg.body["schemas"]["1"]["required"].is_array());
    let access = world.operations.authenticate(crate::world::KEY).await.unwrap();
    let in_order = world.operations.event_types_in_order(&access, false).await.unwrap();
    let names: Vec<_> = in_order.iter().map(|event_type| event_type.name.as_str()).collect();
    assert_eq!(names[..3], ["order.created", "order.updated", "order.deleted"], "the seeds' order, not the alphabet's");
    assert_eq!(names[23], "customer.deleted");
}
