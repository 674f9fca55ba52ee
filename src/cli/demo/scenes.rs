//! What the demo shows: environments, the applications in them, their endpoints and how each receiver behaves. All names
//! are made up.

use super::stories::{self, Story};

/// An environment.
pub(super) struct Scene {
    pub(super) name: &'static str,
    pub(super) preset: &'static str,
    /// What is to be seen there.
    pub(super) about: &'static str,
    /// What its catalogue has besides the preset's: name, group, what it tells.
    pub(super) event_types: &'static [(&'static str, &'static str, &'static str)],
    pub(super) applications: &'static [Application],
    pub(super) story: Story,
}

/// A customer of the platform.
pub(super) struct Application {
    pub(super) uid: &'static str,
    pub(super) name: &'static str,
    pub(super) endpoints: &'static [Endpoint],
}

/// Where a customer is told.
pub(super) struct Endpoint {
    pub(super) description: &'static str,
    /// None is all.
    pub(super) event_types: &'static [&'static str],
    pub(super) receiver: Receiver,
}

/// How a receiver behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiver {
    /// It takes everything.
    Fine,
    /// It takes everything after so many milliseconds.
    Slow(u32),
    /// It always answers with this status.
    Broken(u16),
    /// It is down for a while, comes back, and so on.
    Shaky,
    /// Its endpoint is switched off.
    Off,
}

const fn endpoint(description: &'static str, event_types: &'static [&'static str], receiver: Receiver) -> Endpoint {
    Endpoint { description, event_types, receiver }
}

/// All of them; the first is the environment that every store begins with.
pub(super) const SCENES: [Scene; 4] = [STANDARD, ROSE_ROCKET, SHOPROCKET, SHIPENGINE];

const STANDARD: Scene = Scene {
    name: "Standard",
    preset: "standard",
    about: "a subscription service; one endpoint is down at times and recovers",
    event_types: &[
        ("invoice.created", "Invoices", "An invoice was written."),
        ("invoice.paid", "Invoices", "An invoice was paid in full."),
        ("invoice.overdue", "Invoices", "An invoice was not paid in time."),
        ("subscription.renewed", "Subscriptions", "A subscription goes on for another period."),
        ("user.invited", "People", "Somebody was asked to join."),
        ("user.joined", "People", "Somebody who was asked has joined."),
    ],
    applications: &[
        Application {
            uid: "northwind-studio",
            name: "Northwind Studio",
            endpoints: &[
                endpoint("Bookkeeping", &["invoice.created", "invoice.paid", "invoice.overdue"], Receiver::Fine),
                endpoint("Everything, to the data warehouse", &[], Receiver::Shaky),
            ],
        },
        Application {
            uid: "blue-fern-bakery",
            name: "Blue Fern Bakery",
            endpoints: &[endpoint("Shop till", &[], Receiver::Fine)],
        },
        Application {
            uid: "kestrel-labs",
            name: "Kestrel Labs",
            endpoints: &[
                endpoint("Directory", &["user.invited", "user.joined"], Receiver::Slow(1_200)),
                endpoint("The old billing system", &["invoice.paid"], Receiver::Off),
            ],
        },
    ],
    story: stories::subscription,
};

const ROSE_ROCKET: Scene = Scene {
    name: "Rose Rocket",
    preset: "rose-rocket",
    about: "carriers; orders, legs and manifests from booked to delivered, one attempt each",
    event_types: &[],
    applications: &[
        Application {
            uid: "northline-freight",
            name: "Northline Freight",
            endpoints: &[
                endpoint("Order intake", &["order.created"], Receiver::Fine),
                endpoint("Customer notices", &["order.in_transit"], Receiver::Fine),
                endpoint("Customer notices", &["order.delivered"], Receiver::Fine),
                endpoint("Proof of delivery archive", &["order.pod_uploaded"], Receiver::Fine),
                endpoint("Yard screens", &["leg.loaded"], Receiver::Slow(900)),
            ],
        },
        Application {
            uid: "prairie-haul",
            name: "Prairie Haul Ltd.",
            endpoints: &[
                endpoint("Dispatch board", &["order.created"], Receiver::Fine),
                endpoint("Dispatch board", &["leg.created"], Receiver::Fine),
                endpoint("Load board", &["order.dispatched"], Receiver::Broken(500)),
                endpoint("Accounting", &["manifest.completed"], Receiver::Fine),
            ],
        },
        Application {
            uid: "coastal-drayage",
            name: "Coastal Drayage Co.",
            endpoints: &[
                endpoint("Gate", &["leg.created"], Receiver::Fine),
                endpoint("Port terminal", &["manifest.moving"], Receiver::Off),
            ],
        },
    ],
    story: stories::freight,
};

const SHOPROCKET: Scene = Scene {
    name: "Shoprocket",
    preset: "shoprocket",
    about: "shops; their orders and customers",
    event_types: &[],
    applications: &[
        Application {
            uid: "clay-and-kiln",
            name: "Clay & Kiln",
            endpoints: &[
                endpoint("Warehouse", &["order.created", "order.updated", "order.deleted"], Receiver::Fine),
                endpoint("Newsletter", &["customer.created", "customer.updated"], Receiver::Shaky),
            ],
        },
        Application {
            uid: "paper-lantern",
            name: "Paper Lantern Books",
            endpoints: &[endpoint("Till", &[], Receiver::Fine)],
        },
        Application {
            uid: "hillside-coffee",
            name: "Hillside Coffee Roasters",
            endpoints: &[
                endpoint("Roastery", &["order.created"], Receiver::Slow(2_500)),
                endpoint("Last year's shop", &["order.created"], Receiver::Broken(404)),
            ],
        },
    ],
    story: stories::sale,
};

const SHIPENGINE: Scene = Scene {
    name: "ShipEngine",
    preset: "shipengine",
    about: "shippers; parcels tracked from accepted to delivered, three attempts two hours apart",
    event_types: &[],
    applications: &[
        Application {
            uid: "juniper-outfitters",
            name: "Juniper Outfitters",
            endpoints: &[
                endpoint("Tracking page", &["track"], Receiver::Fine),
                endpoint("Label printer", &["batch"], Receiver::Fine),
                endpoint("Rate cache", &["rate"], Receiver::Off),
            ],
        },
        Application {
            uid: "harbour-goods",
            name: "Harbour Goods",
            endpoints: &[
                endpoint("Order desk", &["sales_orders_imported"], Receiver::Fine),
                endpoint("Customer texts", &["track"], Receiver::Broken(503)),
            ],
        },
        Application {
            uid: "parcel-pigeon",
            name: "Parcel Pigeon",
            endpoints: &[endpoint("Everything that moves", &["track"], Receiver::Slow(600))],
        },
    ],
    story: stories::parcel,
};
