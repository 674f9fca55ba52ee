//! How portals look: whose look it is, and what is taken.

use cornet::domain::portal::{Colour, LogoKind, PORTAL_LOGO_BYTES_MAX, PORTAL_NAME_CHARS_MAX, PortalLook};
use cornet::ops::{OpError, WantedLook};

use crate::world::{KEY, OTHER_KEY, World};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

fn some<T: Into<U>, U>(value: T) -> Option<Option<U>> {
    Some(Some(value.into()))
}

#[tokio::test]
async fn a_look_is_set_changed_in_part_and_taken_away() {
    let world = World::new().await;
    let operations = &world.operations;
    let own = operations.authenticate(KEY).await.unwrap();
    let environment_id = own.environment_id;
    assert_eq!(operations.portal_look(environment_id).await.unwrap(), PortalLook::default());
    let wanted = WantedLook { name: some("Acme"), accent: some("#2B55C9"), logo: some(PNG) };
    let look = operations.set_portal_look(&own, wanted).await.unwrap();
    assert_eq!((look.name.as_deref(), look.accent), (Some("Acme"), Colour::parse("#2b55c9")));
    assert_eq!(operations.portal_look(environment_id).await.unwrap(), look);
    let logo = operations.portal_logo(environment_id).await.unwrap();
    assert_eq!((logo.kind, logo.image.as_slice()), (LogoKind::Png, PNG));
    assert_eq!(look.logo, Some((logo.kind, logo.version.clone())));

    let gif = WantedLook { logo: some(b"GIF89a".as_slice()), ..WantedLook::default() };
    let changed = operations.set_portal_look(&own, gif).await.unwrap();
    assert_eq!((changed.name, changed.accent), (look.name, look.accent));
    let (kind, version) = changed.logo.unwrap();
    assert!(kind == LogoKind::Gif && version != logo.version);

    let none = WantedLook { name: Some(None), accent: Some(None), logo: Some(None) };
    assert_eq!(operations.set_portal_look(&own, none).await.unwrap(), PortalLook::default());
    assert!(matches!(operations.portal_logo(environment_id).await, Err(OpError::NotFound("logo"))));
    let other = operations.authenticate(OTHER_KEY).await.unwrap();
    assert_eq!(operations.portal_look(other.environment_id).await.unwrap(), PortalLook::default());
}

#[tokio::test]
async fn what_could_do_harm_is_refused() {
    let world = World::new().await;
    let own = world.operations.authenticate(KEY).await.unwrap();
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>".as_slice();
    let large = [PNG, &vec![0; PORTAL_LOGO_BYTES_MAX]].concat();
    let refused = [
        (WantedLook { accent: some("red;background:url(//evil)"), ..WantedLook::default() }, "colour"),
        (WantedLook { logo: some(svg), ..WantedLook::default() }, "logo_kind"),
        (WantedLook { logo: some(large), ..WantedLook::default() }, "logo_too_large"),
        (WantedLook { name: some("a".repeat(PORTAL_NAME_CHARS_MAX + 1)), ..WantedLook::default() }, "name"),
        (WantedLook { name: some("a\nb"), ..WantedLook::default() }, "name"),
    ];
    for (wanted, expected) in refused {
        match world.operations.set_portal_look(&own, wanted).await {
            Err(OpError::Invalid { code, .. }) => assert_eq!(code, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    let key = world.key_of(world.get("/api/v1/app/default").await.text("id")).await;
    let consumer = world.operations.authenticate(&key).await.unwrap();
    let wanted = WantedLook { name: some("Mine"), ..WantedLook::default() };
    let refused = world.operations.set_portal_look(&consumer, wanted).await;
    assert!(matches!(refused, Err(OpError::Forbidden(_))));
}
