//! Sessions of operators and consumers: what opens them, what they open, and what ends them (THREATS G13, G17).

use std::time::Duration;

use cornet::domain::id::{EnvironmentKind, Id};
use cornet::domain::key::{self, Scope};
use cornet::domain::session::{
    OPERATOR_CODE_LIFE, PORTAL_CODE_LIFE, PORTAL_SESSION_LIFE, SESSION_IDLE_MAX, SESSION_LIFE_MAX, SESSIONS_MAX,
};
use cornet::ops::{Access, NewSession, OpError, PortalAccess, SIGN_IN_FAILURES_MAX};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::world::{Answer, KEY, OTHER_KEY, World};

const MINUTE: Duration = Duration::from_secs(60);

fn wait(world: &World, time: Duration) {
    world.clock.set(world.store.now().plus(time));
}

async fn admin(world: &World) -> Access {
    world.operations.authenticate(&world.admin_key().await).await.unwrap()
}

async fn operator(world: &World) -> NewSession {
    let code = world.operations.create_operator_code(&admin(world).await, OPERATOR_CODE_LIFE).await.unwrap();
    world.operations.open_session_with_code(&code, None).await.unwrap()
}

/// Whether a browser's session is still good.
async fn is_open(world: &World, session: &NewSession) -> bool {
    match world.operations.session(&session.text).await {
        Ok(found) => found.grant == session.session.grant,
        Err(OpError::Unauthenticated) => false,
        Err(error) => panic!("{error}"),
    }
}

async fn let_in(world: &World, application: &str, body: Value) -> Answer {
    world.post(&format!("/api/v1/auth/app-portal-access/{application}"), body).await.assert(200)
}

fn code_of(access: &Answer) -> &str {
    access.text("url").split_once("?code=").unwrap().1
}

/// The status of a request with this token.
async fn status(world: &World, token: &str, method: &str, path: &str) -> u16 {
    let body = matches!(method, "POST" | "PUT" | "PATCH").then(|| json!({}));
    world.call(token, method, path, body).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_code_opens_one_session_however_many_ask_at_once() {
    let world = World::new().await;
    let code = world.operations.create_operator_code(&admin(&world).await, OPERATOR_CODE_LIFE).await.unwrap();
    let mut racing = JoinSet::new();
    for _ in 0..8 {
        let (operations, code) = (world.operations.clone(), code.clone());
        racing.spawn(async move { operations.open_session_with_code(&code, None).await });
    }
    let ended = racing.join_all().await;
    let (opened, refused): (Vec<_>, Vec<_>) = ended.into_iter().partition(Result::is_ok);
    assert_eq!((opened.len(), refused.len()), (1, 7));
    assert!(refused.into_iter().all(|refused| matches!(refused, Err(OpError::Unauthenticated))));
}

#[tokio::test]
async fn what_is_unknown_used_or_too_old_is_refused_in_the_same_words() {
    let world = World::new().await;
    let used = let_in(&world, "default", json!({})).await;
    world.operations.open_session_with_code(code_of(&used), None).await.unwrap();
    let old = let_in(&world, "default", json!({})).await;
    wait(&world, PORTAL_CODE_LIFE);
    let mut words = Vec::new();
    for code in [code_of(&used), code_of(&old), "cc_never", "", &"c".repeat(10_000)] {
        words.push(world.operations.open_session_with_code(code, None).await.err().unwrap().to_string());
    }
    words.dedup();
    assert_eq!(words.len(), 1, "{words:?}");
}

#[tokio::test]
async fn a_code_is_good_until_its_minute_and_no_longer() {
    let world = World::new().await;
    let access = let_in(&world, "default", json!({})).await;
    wait(&world, PORTAL_CODE_LIFE - Duration::from_millis(1));
    world.operations.open_session_with_code(code_of(&access), None).await.unwrap();
    let code = world.operations.create_operator_code(&admin(&world).await, OPERATOR_CODE_LIFE).await.unwrap();
    wait(&world, OPERATOR_CODE_LIFE);
    assert!(world.operations.open_session_with_code(&code, None).await.is_err());
    // No link lets in for longer than the session that it is for.
    let access = let_in(&world, "default", json!({"expiry": 1})).await;
    wait(&world, Duration::from_secs(1));
    assert!(world.operations.open_session_with_code(code_of(&access), None).await.is_err());
}

#[tokio::test]
async fn an_operator_is_signed_out_after_half_a_day_without_a_look_and_after_a_week() {
    let world = World::new().await;
    let idle = operator(&world).await;
    wait(&world, SESSION_IDLE_MAX);
    assert!(!is_open(&world, &idle).await);
    let busy = operator(&world).await;
    let steps = SESSION_LIFE_MAX.as_secs() / (6 * 60 * 60);
    for step in 0..steps {
        assert!(is_open(&world, &busy).await, "after {step} times 6 hours");
        wait(&world, Duration::from_secs(6 * 60 * 60));
    }
    assert!(!is_open(&world, &busy).await);
}

#[tokio::test]
async fn a_session_ends_with_the_key_that_opened_it() {
    let world = World::new().await;
    let operations = &world.operations;
    let admin_key = world.admin_key().await;
    world.admin_key().await;
    let first = world.store.default_environment().await.unwrap().unwrap();
    let keys = format!("/api/v1/management/authentication/{first}/api-token");
    let wanted = Some(json!({"name": "Mine", "scope": "environment"}));
    let made = world.call(&admin_key, "POST", &keys, wanted).await.assert(200);
    let session = operations.open_session_with_key(made.text("token"), None).await.unwrap();
    assert_eq!((session.session.grant.environment_id, session.session.grant.scope), (first, Scope::Environment));
    assert!(is_open(&world, &session).await);
    let expire = format!("{keys}/{}/expire", made.text("id"));
    world.call(&admin_key, "POST", &expire, Some(json!({"expiry": 60}))).await.assert(204);
    assert!(is_open(&world, &session).await);
    wait(&world, MINUTE);
    assert!(!is_open(&world, &session).await);

    // A key of an application opens its portal, until it is given another text, or deleted.
    let integrations = "/api/v1/app/default/integration";
    let made = world.post(integrations, json!({"name": "A"})).await.assert(201);
    let portal = operations.open_session_with_key(made.text("key"), None).await.unwrap();
    assert!(portal.session.grant.application().is_some() && is_open(&world, &portal).await);
    let integration = format!("{integrations}/{}", made.text("id"));
    let rotated = world.post(&format!("{integration}/key/rotate"), json!({})).await.assert(200);
    assert!(!is_open(&world, &portal).await);
    let portal = operations.open_session_with_key(rotated.text("key"), None).await.unwrap();
    world.delete(&integration).await.assert(204);
    assert!(!is_open(&world, &portal).await);
    assert!(operations.open_session_with_key(rotated.text("key"), None).await.is_err());
}

#[tokio::test]
async fn what_is_deleted_is_looked_at_no_more() {
    let world = World::new().await;
    world.post("/api/v1/app", json!({"name": "A", "uid": "a"})).await.assert(201);
    let (used, unused) = (let_in(&world, "a", json!({})).await, let_in(&world, "a", json!({})).await);
    let session = world.operations.open_session_with_code(code_of(&used), None).await.unwrap();
    world.delete("/api/v1/app/a").await.assert(204);
    assert!(!is_open(&world, &session).await);
    assert!(world.operations.open_session_with_code(code_of(&unused), None).await.is_err());
    world.call(used.text("token"), "GET", "/api/v1/app", None).await.refused(401, "authentication_failed");

    let admin_key = world.admin_key().await;
    let other = world.operations.open_session_with_key(OTHER_KEY, None).await.unwrap();
    let environment = format!("/api/v1/management/environment/{}", other.session.grant.environment_id);
    assert!(is_open(&world, &other).await);
    world.call(&admin_key, "DELETE", &environment, None).await.assert(204);
    assert!(!is_open(&world, &other).await);
}

#[tokio::test]
async fn all_sessions_of_an_application_end_together_or_by_name() {
    let world = World::new().await;
    let expire = |body: Value| world.post("/api/v1/auth/app/default/expire-all", body);
    let (ada, bob) = (json!({"sessionId": "ada"}), json!({"sessionId": "bob"}));
    let (ada, bob) = (let_in(&world, "default", ada).await, let_in(&world, "default", bob).await);
    let unused = let_in(&world, "default", json!({"sessionId": "ada"})).await;
    let browser = world.operations.open_session_with_code(code_of(&ada), None).await.unwrap();
    expire(json!({"sessionIds": ["ada", "eve"]})).await.assert(204);
    assert!(!is_open(&world, &browser).await);
    assert!(world.operations.open_session_with_code(code_of(&unused), None).await.is_err());
    assert_eq!(status(&world, ada.text("token"), "GET", "/api/v1/app/default").await, 401);
    assert_eq!(status(&world, bob.text("token"), "GET", "/api/v1/app/default").await, 200);
    expire(json!({"expiry": 60})).await.assert(204);
    assert_eq!(status(&world, bob.text("token"), "GET", "/api/v1/app/default").await, 200);
    wait(&world, MINUTE);
    assert_eq!(status(&world, bob.text("token"), "GET", "/api/v1/app/default").await, 401);
    expire(json!({"expiry": 259_201})).await.refused(422, "expiry");
    expire(json!({"sessionIds": ["a b"]})).await.refused(422, "session_id");
    world.get("/api/v1/app/default").await.assert(200);
}

#[tokio::test]
async fn a_token_of_the_portal_sees_its_application_and_nothing_else() {
    let world = World::new().await;
    world.post("/api/v1/app", json!({"name": "A", "uid": "a"})).await.assert(201);
    let access = let_in(&world, "default", json!({})).await;
    let token = access.text("token");
    assert_eq!(world.call(token, "GET", "/api/v1/app", None).await.assert(200).column("uid"), ["default"]);
    let endpoint = Some(json!({"url": "https://example.com/"}));
    let made = world.call(token, "POST", "/api/v1/app/default/endpoint", endpoint.clone()).await.assert(201);
    let secret = format!("/api/v1/app/default/endpoint/{}/secret", made.text("id"));
    world.call(token, "GET", &secret, None).await.assert(200);
    world.call(token, "GET", "/api/v1/app/a", None).await.refused(404, "not_found");
    world.call(token, "POST", "/api/v1/app/a/endpoint", endpoint).await.refused(404, "not_found");
    let refused = [
        ("GET", "/api/v1/management/environment", json!(null)),
        ("POST", "/api/v1/app", json!({"name": "B"})),
        ("DELETE", "/api/v1/app/default", json!(null)),
        ("POST", "/api/v1/event-type", json!({"name": "a.b", "description": ""})),
        ("POST", "/api/v1/auth/dashboard-access", json!({})),
        // Or a session could outlive its end.
        ("POST", "/api/v1/auth/app-portal-access/default", json!({})),
        ("POST", "/api/v1/auth/app/default/expire-all", json!({})),
        ("GET", "/api/v1/app/default/integration", json!(null)),
    ];
    for (method, path, body) in refused {
        let body = Some(body).filter(|body| !body.is_null());
        world.call(token, method, path, body).await.refused(403, "insufficient_access");
    }
    for path in ["/api/v1/auth/app-portal-access/a", "/api/v1/auth/app/a/expire-all"] {
        world.call(token, "POST", path, Some(json!({}))).await.refused(404, "not_found");
    }
    wait(&world, PORTAL_SESSION_LIFE);
    world.call(token, "GET", "/api/v1/app", None).await.refused(401, "authentication_failed");
}

#[tokio::test]
async fn who_may_only_look_changes_nothing_and_sees_no_secret() {
    let world = World::new().await;
    let made = world.post("/api/v1/app/default/endpoint", json!({"url": "https://example.com/"})).await.assert(201);
    let endpoint = format!("/api/v1/app/default/endpoint/{}", made.text("id"));
    let access = let_in(&world, "default", json!({"readOnly": true})).await;
    let token = access.text("token");
    world.call(token, "GET", &endpoint, None).await.assert(200);
    world.call(token, "GET", &format!("{endpoint}/secret"), None).await.refused(403, "read_only");
    for (method, path) in [
        ("PATCH", endpoint.clone()),
        ("PUT", endpoint.clone()),
        ("DELETE", endpoint.clone()),
        ("POST", format!("{endpoint}/secret/rotate")),
        ("POST", "/api/v1/app/default/endpoint".to_owned()),
        ("POST", "/api/v1/app/default/msg".to_owned()),
        ("PATCH", "/api/v1/app/a".to_owned()),
    ] {
        world.call(token, method, &path, Some(json!({}))).await.refused(403, "read_only");
    }
    let shipengine = axum::http::Request::delete("/v1/environment/webhooks/1").header("api-key", token);
    world.send(shipengine.body(axum::body::Body::empty()).unwrap()).await.refused(403, "read_only");
    world.get(&endpoint).await.assert(200);
    // The browser's session is as the token.
    let session = world.operations.open_session_with_code(code_of(&access), None).await.unwrap();
    assert!(session.session.grant.read_only && Access::from(&session.session).require_writing().is_err());
    // Who may only look may still leave.
    world.call(token, "POST", "/api/v1/auth/logout", None).await.assert(204);
    assert_eq!(status(&world, token, "GET", &endpoint).await, 401);
}

#[tokio::test]
async fn only_managing_endpoints_lets_a_consumer_change_things() {
    let world = World::new().await;
    for (capabilities, patched) in [
        (json!(null), 200),
        (json!(["ViewBase", "ManageEndpoint"]), 200),
        (json!(["ViewBase"]), 403),
        (json!(["ViewBase", "ViewEndpointSecret", "ManageEndpointSecret", "CreateAttempts"]), 403),
        (json!([]), 403),
    ] {
        let access = let_in(&world, "default", json!({"capabilities": capabilities})).await;
        let made = world.post("/api/v1/app/default/endpoint", json!({"url": "https://example.com/"})).await;
        let path = format!("/api/v1/app/default/endpoint/{}", made.text("id"));
        assert_eq!(status(&world, access.text("token"), "PATCH", &path).await, patched, "{capabilities}");
    }
    let path = "/api/v1/auth/app-portal-access/newcomer";
    for (body, code) in [
        (json!({"capabilities": ["Everything"]}), "wrong_type"),
        (json!({"expiry": 0}), "expiry"),
        (json!({"expiry": 604_801}), "expiry"),
        (json!({"sessionId": "a b"}), "session_id"),
        (json!({"featureFlags": ["a b"]}), "feature_flag"),
        (json!({"scope": "admin"}), "unknown_member"),
    ] {
        let mut body = body;
        body["application"] = json!({"name": "New"});
        world.post(path, body).await.refused(422, code);
    }
    world.get("/api/v1/app/newcomer").await.refused(404, "not_found");
    let_in(&world, "newcomer", json!({"application": {"name": "New"}, "expiry": 604_800})).await;
}

#[tokio::test]
async fn event_types_with_flags_are_for_consumers_who_have_one() {
    let world = World::new().await;
    for (name, flags) in [("a", json!([])), ("b", json!(["beta"])), ("c", json!(["gamma", "delta"]))] {
        let body = json!({"name": name, "description": "", "featureFlags": flags});
        world.post("/api/v1/event-type", body).await.assert(201);
    }
    let path = "/api/v1/event-type";
    for (body, seen) in [
        (json!({}), vec!["a"]),
        (json!({"featureFlags": ["delta"]}), vec!["a", "c"]),
        (json!({"featureFlags": ["beta", "gamma"]}), vec!["a", "b", "c"]),
    ] {
        let access = let_in(&world, "default", body).await;
        let token = access.text("token");
        assert_eq!(world.call(token, "GET", path, None).await.assert(200).column("name"), seen);
        for name in ["a", "b", "c"] {
            let expected = if seen.contains(&name) { 200 } else { 404 };
            assert_eq!(status(&world, token, "GET", &format!("{path}/{name}")).await, expected, "{name}");
        }
        let seen_here =
            Access::from(&world.operations.open_session_with_code(code_of(&access), None).await.unwrap().session);
        let in_order = world.operations.event_types_in_order(&seen_here, false).await.unwrap();
        assert_eq!(in_order.iter().map(|event_type| event_type.name.as_str()).collect::<Vec<_>>(), seen);
    }
    let key = world.key_of(world.get("/api/v1/app/default").await.text("id")).await;
    assert_eq!(world.call(&key, "GET", path, None).await.assert(200).column("name"), ["a", "b", "c"]);
}

#[tokio::test]
async fn each_text_opens_its_own_door_alone() {
    let world = World::new().await;
    let access = let_in(&world, "default", json!({})).await;
    let browser = world.operations.open_session_with_key(KEY, None).await.unwrap();
    for text in [browser.text.as_str(), code_of(&access)] {
        world.call(text, "GET", "/api/v1/app", None).await.refused(401, "authentication_failed");
        assert!(world.operations.open_session_with_key(text, None).await.is_err());
    }
    for text in [access.text("token"), code_of(&access), KEY, ""] {
        assert!(world.operations.session(text).await.is_err());
    }
    // A logout with a key ends nothing.
    world.call(KEY, "POST", "/api/v1/auth/logout", None).await.assert(204);
    world.get("/api/v1/app").await.assert(200);
    world.call("cp_unknown", "POST", "/api/v1/auth/logout", None).await.refused(401, "authentication_failed");
    world.operations.close_session(&browser.text).await.unwrap();
    assert!(!is_open(&world, &browser).await);
}

#[tokio::test]
async fn an_environment_is_there_for_whoever_may_see_it() {
    let world = World::new().await;
    let operations = &world.operations;
    let (admin, own) = (admin(&world).await, operations.authenticate(KEY).await.unwrap());
    let other = operations.authenticate(OTHER_KEY).await.unwrap();
    let key = world.key_of(world.get("/api/v1/app/default").await.text("id")).await;
    let consumer = operations.authenticate(&key).await.unwrap();
    let (first, second) = (own.environment_id.to_string(), other.environment_id.to_string());
    let there = operations.access_in(&admin, &second).await.unwrap();
    assert_eq!((there.environment_id, there.scope), (other.environment_id, Scope::Admin));
    assert_eq!(operations.access_in(&own, &first).await.unwrap().scope, Scope::Environment);
    let never: Id<EnvironmentKind> = world.store.next_id();
    for (access, environment) in
        [(&own, second.as_str()), (&consumer, &first), (&consumer, &second), (&admin, &never.to_string()), (&own, "x")]
    {
        let refused = operations.access_in(access, environment).await;
        assert!(matches!(refused, Err(OpError::NotFound("environment"))), "{environment}: {refused:?}");
    }
}

#[tokio::test]
async fn who_guesses_keys_has_to_wait_and_a_link_opens_all_the_same() {
    let world = World::new().await;
    let code = world.operations.create_operator_code(&admin(&world).await, OPERATOR_CODE_LIFE).await.unwrap();
    world.operations.open_session_with_key(KEY, None).await.unwrap();
    for _ in 0..SIGN_IN_FAILURES_MAX {
        let refused = world.operations.open_session_with_key("ck_guessed", None).await;
        assert!(matches!(refused, Err(OpError::Unauthenticated)));
    }
    let refused = world.operations.open_session_with_key(KEY, None).await;
    assert!(matches!(refused, Err(OpError::TooMany { code: "sign_ins_failed", .. })));
    world.operations.open_session_with_code(&code, None).await.unwrap();
    wait(&world, MINUTE);
    world.operations.open_session_with_key(KEY, None).await.unwrap();
}

#[tokio::test]
async fn what_has_ended_is_swept_away_and_the_oldest_makes_place() {
    let world = World::new().await;
    let first = operator(&world).await;
    let consumer = let_in(&world, "default", json!({})).await;
    wait(&world, MINUTE);
    let operations = &world.operations;
    let mut opening = JoinSet::new();
    for _ in 0..SESSIONS_MAX - 1 {
        let (operations, admin) = (operations.clone(), admin(&world).await);
        opening.spawn(async move {
            let code = operations.create_operator_code(&admin, OPERATOR_CODE_LIFE).await.unwrap();
            operations.open_session_with_code(&code, None).await.unwrap()
        });
    }
    opening.join_all().await;
    assert!(is_open(&world, &first).await);
    operator(&world).await;
    assert!(!is_open(&world, &first).await);
    assert_eq!(status(&world, consumer.text("token"), "GET", "/api/v1/app").await, 200, "each owner has room");

    let hash = key::hash(consumer.text("token"));
    let then = world.store.now();
    wait(&world, PORTAL_SESSION_LIFE);
    assert!(world.store.session(hash, then).await.unwrap().is_some());
    while world.store.drop_what_is_old().await.unwrap() {}
    assert!(world.store.session(hash, then).await.unwrap().is_none());
}

#[tokio::test]
async fn a_code_can_be_made_without_a_token() {
    let world = World::new().await;
    let own = world.operations.authenticate(KEY).await.unwrap();
    let wanted = PortalAccess { read_only: true, name: Some("ada".to_owned()), ..PortalAccess::default() };
    let code = world.operations.create_portal_code(&own, "default", wanted.clone()).await.unwrap();
    let session = world.operations.open_session_with_code(&code, None).await.unwrap().session;
    assert_eq!((session.name.as_deref(), session.grant.read_only), (Some("ada"), true));
    assert_eq!(session.expires_at, world.store.now().plus(PORTAL_SESSION_LIFE));
    let other = world.operations.authenticate(OTHER_KEY).await.unwrap();
    let application = world.get("/api/v1/app/default").await.text("id").to_owned();
    let foreign = world.operations.create_portal_code(&other, &application, wanted).await;
    assert!(matches!(foreign, Err(OpError::NotFound("application"))));
}
