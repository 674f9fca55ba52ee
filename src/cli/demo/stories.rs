//! What happens in the demo: each story is the messages that a platform would post of one thing, in their order, from
//! its start to its end. Chance is handed in, so it is always the same play.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::domain::catalogue::Catalogue;
use crate::domain::preset::Preset;

/// Makes the messages of one thing that begins now.
pub(super) type Story = fn(&mut Rng, &str) -> Vec<Post>;

/// A message to be posted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Post {
    pub(super) event_type: &'static str,
    pub(super) payload: Value,
    /// The member that is to hold the time of posting.
    pub(super) stamped: Option<&'static str>,
}

fn post(event_type: &'static str, payload: Value) -> Post {
    Post { event_type, payload, stamped: None }
}

const PEOPLE: [&str; 10] = [
    "Ada Okafor",
    "Jonas Lind",
    "Mei Tanaka",
    "Rosa Delgado",
    "Sam Whitaker",
    "Priya Nair",
    "Luca Moretti",
    "Hanna Vogel",
    "Tomás Pereira",
    "Ingrid Solheim",
];
const CITIES: [&str; 8] = [
    "Toronto, ON",
    "Calgary, AB",
    "Chicago, IL",
    "Denver, CO",
    "Halifax, NS",
    "Portland, OR",
    "Austin, TX",
    "Winnipeg, MB",
];
const GOODS: [(&str, u32); 8] = [
    ("Stoneware mug", 1_850),
    ("Linen apron", 3_900),
    ("House blend, 500 g", 1_400),
    ("Field notes, set of 3", 1_250),
    ("Speckled vase", 5_400),
    ("Pour-over set", 4_750),
    ("Night garden, hardcover", 2_600),
    ("Tea towel", 1_200),
];

fn any<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}

fn uuid(rng: &mut Rng) -> String {
    let bits = rng.u128(..);
    let part = |shift: u32, digits: usize| format!("{:0digits$x}", (bits >> shift) & ((1 << (digits * 4)) - 1));
    format!("{}-{}-4{}-a{}-{}", part(0, 8), part(32, 4), part(48, 3), part(60, 3), part(72, 12))
}

fn email(name: &str) -> String {
    let plain = name.to_lowercase().replace(' ', ".").replace('á', "a");
    format!("{plain}@example.com")
}

/// Cents as an amount in text.
fn amount(cents: u32) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// A member changed in a payload.
fn with(mut payload: Value, changes: &[(&str, Value)]) -> Value {
    for (name, value) in changes {
        payload[*name] = value.clone();
    }
    payload
}

/// A subscription: an invoice that is paid sooner or later, or people who join.
pub(super) fn subscription(rng: &mut Rng, now: &str) -> Vec<Post> {
    let name = any(rng, &PEOPLE);
    if rng.u8(..4) == 0 {
        let user = json!({"id": uuid(rng), "name": name, "email": email(name), "invited_at": now});
        let mut posts = vec![post("user.invited", user.clone())];
        if rng.u8(..5) > 0 {
            posts.push(Post { stamped: Some("joined_at"), ..post("user.joined", user) });
        }
        return posts;
    }
    let (number, cents) = (rng.u32(10_000..99_999), rng.u32(9..240) * 100);
    let invoice = json!({
        "id": uuid(rng), "number": format!("INV-{number}"), "customer": {"name": name, "email": email(name)},
        "amount": amount(cents), "currency": "EUR", "status": "open", "created_at": now
    });
    let paid =
        Post { stamped: Some("paid_at"), ..post("invoice.paid", with(invoice.clone(), &[("status", json!("paid"))])) };
    let mut posts = vec![post("invoice.created", invoice.clone())];
    if rng.u8(..5) == 0 {
        posts.push(post("invoice.overdue", with(invoice, &[("status", json!("overdue"))])));
    }
    posts.push(paid);
    let renewed = json!({"id": uuid(rng), "plan": any(rng, &["team", "studio", "solo"]), "seats": rng.u8(1..40)});
    posts.push(Post { stamped: Some("renewed_at"), ..post("subscription.renewed", renewed) });
    posts
}

/// What happens to an order in freight: whose turn it is, and the status that it has then.
const JOURNEY: [(&str, &str); 17] = [
    ("order.created", "booked"),
    ("leg.created", "available"),
    ("manifest.created", "new"),
    ("manifest.assigned", "assigned"),
    ("order.dispatched", "dispatched"),
    ("leg.dispatched", "dispatched"),
    ("manifest.dispatched", "dispatched"),
    ("leg.loaded", "loaded"),
    ("manifest.moving", "moving"),
    ("order.in_transit", "in-transit"),
    ("order.status_updated", "in-transit"),
    ("manifest.carrier_details_updated", "moving"),
    ("leg.unloaded", "unloaded"),
    ("order.delivered", "delivered"),
    ("manifest.completed", "completed"),
    ("order.pod_uploaded", "delivered"),
    ("task.completed", "completed"),
];

/// An order that is moved from one place to another; a few are called off.
pub(super) fn freight(rng: &mut Rng, now: &str) -> Vec<Post> {
    let (number, from, to) = (rng.u32(10_000..99_999), any(rng, &CITIES), any(rng, &CITIES));
    let order = json!({
        "id": uuid(rng), "public_id": format!("RR-{number}"), "origin": from, "destination": to,
        "pieces": rng.u8(1..26), "weight_kg": rng.u32(200..18_000), "booked_at": now
    });
    let part_of_order = |id: String| json!({"id": id, "order_id": order["id"], "origin": from, "destination": to});
    let (leg, manifest, task) = (uuid(rng), uuid(rng), uuid(rng));
    let (leg, manifest, task) = (part_of_order(leg), part_of_order(manifest), part_of_order(task));
    let told = |(event_type, status): (&'static str, &str)| {
        let about = match event_type.split('.').next() {
            Some("leg") => &leg,
            Some("manifest") => &manifest,
            Some("task") => &task,
            _ => &order,
        };
        post(event_type, with(about.clone(), &[("status", json!(status))]))
    };
    if rng.u8(..12) == 0 {
        return vec![told(JOURNEY[0]), post("order.deleted", json!({"id": order["id"]}))];
    }
    JOURNEY.map(told).into()
}

/// The example of an event type, which the seed's sample is.
fn example(preset: Preset, event_type: &str) -> Value {
    let found = Catalogue::of(preset).event_type(event_type);
    found.and_then(|entry| serde_json::from_str(&entry.example).ok()).unwrap_or_else(|| json!({}))
}

/// A customer of a shop and what they buy, in the shape of the seed's samples.
pub(super) fn sale(rng: &mut Rng, now: &str) -> Vec<Post> {
    let (name, (item, price), quantity) = (any(rng, &PEOPLE), any(rng, &GOODS), rng.u32(1..4));
    let (number, customer_id, now) = (rng.u32(200..9_000), rng.u32(500..9_000).to_string(), spaced(now));
    let (address, id) = (format!("{} Mill Lane, {}", rng.u8(1..200), any(rng, &CITIES)), (number + 530).to_string());
    let customer = with(
        example(Preset::Shoprocket, "customer.created"),
        &[
            ("id", json!(customer_id)),
            ("name", json!(name)),
            ("email", json!(email(name))),
            ("billing_address", json!(address)),
            ("shipping_address", json!(address)),
            ("created_at", json!(now)),
        ],
    );
    let mut order = with(
        example(Preset::Shoprocket, "order.created"),
        &[
            ("id", json!(id)),
            ("order_id", json!(format!("#{number}"))),
            ("raw_order_id", json!(number)),
            ("customer_id", json!(customer_id)),
            ("user_name", json!(name)),
            ("email", json!(email(name))),
            ("subtotal", json!(amount(price * quantity))),
            ("total_amount", json!(amount(price * quantity + 995))),
            ("billing_address", json!(address)),
            ("shipping_address", json!(address)),
            ("created_at", json!(now)),
        ],
    );
    order["order_items"][0] = with(
        order["order_items"][0].clone(),
        &[
            ("order_id", json!(id)),
            ("item_name", json!(item)),
            ("unit_price", json!(amount(price))),
            ("quantity", json!(quantity.to_string())),
            ("created_at", json!(now)),
        ],
    );
    let changed = |event_type, changes: &[_]| Post {
        stamped: Some("updated_at"),
        ..post(event_type, with(order.clone(), changes))
    };
    let mut posts = vec![
        post("customer.created", customer.clone()),
        post("order.created", order.clone()),
        changed("order.updated", &[("is_unread", json!("0"))]),
    ];
    if rng.u8(..3) == 0 {
        let moved = with(customer, &[("shipping_address", json!("c/o The Corner Shop"))]);
        posts.push(Post { stamped: Some("updated_at"), ..post("customer.updated", moved) });
    }
    posts.push(match rng.u8(..8) {
        0 => Post { stamped: Some("deleted_at"), ..post("order.deleted", order.clone()) },
        _ => changed("order.updated", &[("is_unread", json!("0")), ("order_notes", json!("Handed to the courier."))]),
    });
    posts
}

/// A time as the shop writes it.
pub(super) fn spaced(time: &str) -> String {
    time.get(..19).unwrap_or(time).replace('T', " ")
}

/// Where a parcel can stand, and what that is called.
const STATIONS: [(&str, &str); 5] = [
    ("AC", "The package was accepted by the carrier."),
    ("IT", "The package is in transit to its destination."),
    ("EX", "An exception was identified."),
    ("AT", "An attempt was made to deliver the package."),
    ("DE", "Hooray, the package was delivered."),
];

/// A parcel that is tracked, with what went before it at times.
pub(super) fn parcel(rng: &mut Rng, now: &str) -> Vec<Post> {
    const HOST: &str = "https://api.shipengine.com";
    let number = format!("94001112983{:011}", rng.u64(..100_000_000_000));
    let mut posts = Vec::new();
    match rng.u8(..4) {
        0 => posts.push(post(
            "batch",
            json!({"resource_url": format!("{HOST}/v1/batches/se-{}", rng.u32(1_000_000..9_999_999))}),
        )),
        1 => {
            let url = format!("{HOST}/v1/shipments/se-{}/rates", rng.u32(1_000_000..9_999_999));
            posts.push(post("rate", json!({"resource_url": url})));
        }
        2 => {
            let mut imported = example(Preset::ShipEngine, "sales_orders_imported");
            imported["data"][0]["external_order_number"] = json!(format!("SH{}", rng.u32(10_000..99_999)));
            imported["data"][0]["created_at"] = json!(now);
            imported["data"][0]["customer"]["name"] = json!(any(rng, &PEOPLE));
            posts.push(post("sales_orders_imported", imported));
        }
        _ => {}
    }
    let [accepted, in_transit, exception, attempted, delivered] = STATIONS;
    let mut way = vec![accepted, in_transit];
    way.extend((rng.u8(..6) == 0).then_some(exception));
    way.push(in_transit);
    way.extend((rng.u8(..2) == 0).then_some(attempted));
    way.push(delivered);
    posts.extend(way.into_iter().map(|(code, text)| {
        let data = json!({"tracking_number": number, "status_code": code, "status_description": text});
        let url = format!("{HOST}/v1/tracking?carrier_code=usps&tracking_number={number}");
        post("track", json!({"resource_url": url, "data": data}))
    }));
    posts
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-22T03:21:38.546Z";

    #[test]
    fn chance_is_seeded() {
        for story in [subscription, freight, sale, parcel] {
            let told = |seed| story(&mut Rng::with_seed(seed), NOW);
            assert_eq!(told(7), told(7));
            assert_ne!(told(7), told(8));
        }
    }

    #[test]
    fn every_event_type_is_one_of_its_preset() {
        let stories: [(Preset, Story); 3] =
            [(Preset::RoseRocket, freight), (Preset::Shoprocket, sale), (Preset::ShipEngine, parcel)];
        for (preset, story) in stories {
            for seed in 0..50 {
                for post in story(&mut Rng::with_seed(seed), NOW) {
                    let known = Catalogue::of(preset).event_type(post.event_type);
                    assert!(known.is_some(), "{}", post.event_type);
                }
            }
        }
    }

    #[test]
    fn an_order_is_booked_first_and_delivered_before_its_proof() {
        let posts = (0..20).map(|seed| freight(&mut Rng::with_seed(seed), NOW)).find(|posts| posts.len() > 2).unwrap();
        let at = |event_type| posts.iter().position(|post| post.event_type == event_type).unwrap();
        assert_eq!((at("order.created"), &posts[0].payload["status"]), (0, &json!("booked")));
        assert!(at("order.dispatched") < at("order.in_transit") && at("order.in_transit") < at("order.delivered"));
        assert!(at("leg.loaded") < at("manifest.moving") && at("order.delivered") < at("order.pod_uploaded"));
    }

    #[test]
    fn a_parcel_ends_where_it_is_delivered() {
        let posts = parcel(&mut Rng::with_seed(3), NOW);
        let codes: Vec<_> = posts.iter().filter_map(|post| post.payload["data"]["status_code"].as_str()).collect();
        assert_eq!((codes.first(), codes.last()), (Some(&"AC"), Some(&"DE")));
    }

    #[test]
    fn ids_look_as_ids_do() {
        let id = uuid(&mut Rng::with_seed(1));
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{id}");
        assert_eq!(spaced(NOW), "2026-11-22 03:21:38");
    }
}
