//! The first page where no seed's way of working is wanted: the endpoints in a list, and how to get a first one.

use axum::response::Response;
use maud::{Markup, html};

use super::{Arrangement, Webhooks};
use crate::dashboard::Pages;
use crate::dashboard::components::icon::{Icon, icon};
use crate::dashboard::components::notice::empty;
use crate::dashboard::endpoints::{add_button, list_of_application};
use crate::dashboard::failure::Failure;
use crate::dashboard::frame;
use crate::dashboard::viewer::Viewer;

pub(super) async fn show(pages: &Pages, viewer: &Viewer, webhooks: &Webhooks) -> Result<Response, Failure> {
    let page = Arrangement::List.page(viewer).lead(html! { "Where your events are sent." }).live();
    if webhooks.routes.endpoints.is_empty() {
        return Ok(
            page.show(html! { section.card id="endpoints" data-live-part aria-label="Endpoints" { (none(viewer)) } })
        );
    }
    let list = list_of_application(pages, viewer, webhooks.application()).await?;
    Ok(page.actions(add_button(viewer, &viewer.place.at("/endpoints/new"))).show(list))
}

fn none(viewer: &Viewer) -> Markup {
    let text = html! {
        "An endpoint is a URL of yours that gets a signed request for each event that you choose. No server yet? An inbox takes events and shows them to you."
    };
    let inbox = html! { button.button { (icon(Icon::Inbox)) "Try it with an inbox" } };
    let actions = html! {
        @if viewer.may_write() {
            div.row {
                (add_button(viewer, &viewer.place.at("/endpoints/new")))
                (frame::post(viewer, &viewer.place.at("/inboxes"), "", &inbox))
            }
        }
    };
    empty(Icon::Endpoint, "No endpoints yet", &text, &actions)
}
