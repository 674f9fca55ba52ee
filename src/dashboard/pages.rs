//! The pages themselves, and the frame that they share.

use maud::{DOCTYPE, Markup, html};

use super::assets;

/// The first page: that Cornet runs, and how to go on.
pub(super) fn home(base_url: &str) -> Markup {
    let curl = format!(
        "curl {base_url}/api/v1/app/default/msg \\\n  -H \"Authorization: Bearer $CORNET_API_KEY\" \\\n  \
         -H 'Content-Type: application/json' \\\n  -d '{{\"eventType\":\"order.created\",\"payload\":{{\"order\":1}}}}'"
    );
    let body = html! {
        p.state { span.dot aria-hidden="true" {} "Cornet " (env!("CARGO_PKG_VERSION")) " is running." }
        h1 { "Webhooks that arrive" }
        p.lead {
            "Your product posts a message once. Cornet delivers it, signed, to every endpoint that your customers "
            "registered, and tries again until it arrives."
        }
        section {
            h2 { "Post a message" }
            p { "The API key was shown when Cornet started for the first time." }
            pre tabindex="0" { code { (curl) } }
            p {
                "It goes to the endpoints of the application " code { "default" } ". Register one with a "
                code { "POST" } " to " code { "/api/v1/app/default/endpoint" } ", or with any official Svix SDK whose "
                "server URL is " code { (base_url) } "."
            }
        }
        section {
            h2 { "Look closer" }
            ul.links {
                li { a href="/openapi.json" { "/openapi.json" } span { "the API, as a document for tools" } }
                li { a href="/metrics" { "/metrics" } span { "figures for Prometheus" } }
                li { a href="/readyz" { "/readyz" } span { "whether messages are accepted right now" } }
            }
        }
    };
    page("Cornet", &body)
}

/// What stands where the consumers' portal will be.
pub(super) fn portal() -> Markup {
    let body = html! {
        h1 { "Your webhooks" }
        p.lead { "This is where you will look after the webhooks that you receive. The pages are not in this version yet." }
        section {
            h2 { "What will be here" }
            ul.plain {
                li { "your endpoints: add one, choose its event types, pause it, send it an example" }
                li { "every delivery with its attempts, what your server answered, and when the next attempt is" }
                li { "the signing secret: copy it, or replace it while the old one still works" }
                li { "the catalogue of events, with an example of each" }
            }
            p { "Until then, whoever gave you this link can do all of it for you through Cornet's API." }
        }
    };
    page("Your webhooks", &body)
}

/// The answer under a host name that is not known to be ours.
pub(super) fn misdirected() -> Markup {
    let body = html! {
        h1 { "Not under this name" }
        p.lead {
            "Cornet shows its pages under its IP address, as localhost, and under the name in " code { "CORNET_PUBLIC_URL" }
            ". If this is your name for it, set that variable."
        }
    };
    page("Cornet", &body)
}

fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" type="image/svg+xml" href=(assets::icon_path());
                link rel="stylesheet" href=(assets::style_path());
            }
            body {
                header { img src=(assets::icon_path()) alt="" width="28" height="28"; span { "Cornet" } }
                main { (body) }
            }
        }
    }
}
