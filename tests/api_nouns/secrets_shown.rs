//! A secret in the dashboard (THREATS I18): it is shown by a form, to who has signed in of late, and each time leaves an
//! entry in the audit log.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use cornet::dashboard::{self, Site};
use cornet::domain::own_names::OwnNames;
use cornet::domain::session::OPERATOR_CODE_LIFE;
use http_body_util::BodyExt as _;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::world::{KEY, World};

struct Browser {
    pages: Router,
    cookie: String,
}

/// An answer: its status, where it leads, and its text.
struct Shown(u16, String, String);

impl Browser {
    fn new(world: &World) -> Self {
        let site = Site::new("http://127.0.0.1".to_owned(), OwnNames::new(None), Vec::new(), CancellationToken::new());
        Self { pages: dashboard::router(world.operations.clone(), site), cookie: String::new() }
    }

    async fn send(&mut self, request: Request<Body>) -> Shown {
        let answer: Response<Body> = self.pages.clone().oneshot(request).await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (status, location, cookie) = (answer.status().as_u16(), header("location"), header("set-cookie"));
        if let Some(cookie) = cookie {
            self.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        Shown(status, location.unwrap_or_default(), String::from_utf8(text.to_vec()).unwrap())
    }

    async fn get(&mut self, path: &str) -> Shown {
        self.send(Request::get(path).header("cookie", &self.cookie).body(Body::empty()).unwrap()).await
    }

    async fn post(&mut self, path: &str, form: &str) -> Shown {
        let request = Request::post(path).header("cookie", &self.cookie);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// Sends the form of the page at this path, which holds nothing but what every form does.
    async fn submit(&mut self, path: &str) -> Shown {
        let Shown(status, _, page) = self.get(path).await;
        assert_eq!(status, 200, "{page}");
        assert!(!page.contains("whsec_"), "a look shows no secret");
        let csrf = page.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        self.post(path, &format!("csrf={csrf}")).await
    }
}

async fn shown_so_far(world: &World, admin: &str) -> usize {
    let environment = world.store.default_environment().await.unwrap().unwrap();
    let path = format!("/api/v1/management/environment/{environment}/audit-log?action=endpoint.secret_revealed");
    world.call(admin, "GET", &path, None).await.assert(200).column("id").len()
}

#[tokio::test]
async fn a_secret_is_shown_to_an_operator_who_signed_in_of_late_and_each_time_is_written_down() {
    let world = World::new().await;
    let admin = world.admin_key().await;
    let made = world.post("/api/v1/app/default/endpoint", json!({"url": "https://example.com/"})).await.assert(201);
    let application = world.get("/api/v1/app/default").await.text("id").to_owned();
    let mut browser = Browser::new(&world);
    assert_eq!(browser.post("/sign-in", &format!("key={KEY}")).await.0, 303);
    let home = browser.get("/").await.1;
    let path = format!("{home}/applications/{application}/endpoints/{}/secret", made.text("id"));
    let Shown(status, _, page) = browser.submit(&path).await;
    assert!(status == 200 && page.contains("whsec_"), "{status}");
    assert_eq!(shown_so_far(&world, &admin).await, 1);

    world.clock.set(world.store.now().plus(Duration::from_secs(16 * 60)));
    let Shown(status, location, _) = browser.submit(&path).await;
    assert_eq!(status, 303);
    assert!(location.starts_with("/sign-in?back=") && location.ends_with("&again=yes"), "{location}");
    assert!(browser.get(&location).await.2.contains("once more"));
    assert_eq!(shown_so_far(&world, &admin).await, 1, "nothing was shown");

    let again = format!("key={KEY}&back={path}");
    assert_eq!(browser.post("/sign-in", &again).await.1, path);
    assert!(browser.submit(&path).await.2.contains("whsec_"));
    assert_eq!(shown_so_far(&world, &admin).await, 2);
}

#[tokio::test]
async fn the_log_has_a_page_for_admins_and_a_table_to_take_away() {
    let world = World::new().await;
    let url = "https://example.com/<script>alert(1)</script>";
    world.post("/api/v1/app/default/endpoint", json!({"url": url})).await.assert(201);
    let access = world.operations.authenticate(&world.admin_key().await).await.unwrap();
    let code = world.operations.create_operator_code(&access, OPERATOR_CODE_LIFE).await.unwrap();
    let mut browser = Browser::new(&world);
    assert_eq!(browser.post("/sign-in/code", &format!("code={}", code.as_str())).await.0, 303);
    let path = format!("{}/settings/audit", browser.get("/").await.1);
    let Shown(status, _, page) = browser.get(&path).await;
    assert!(status == 200 && page.contains("endpoint.created") && page.contains("session.link_created"), "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
    // A filter proposes every action, so the rows alone tell.
    let rows = |page: &str| page.split("<tbody>").nth(1).unwrap_or_default().matches("<tr").count();
    assert_eq!((rows(&page), rows(&browser.get(&format!("{path}?action=endpoint.created")).await.2)), (3, 1));
    assert_eq!(rows(&browser.get(&format!("{path}?actor=nobody")).await.2), 0);
    let Shown(status, _, table) = browser.get(&format!("{path}/export")).await;
    assert!(status == 200 && table.starts_with("time,id,action,") && table.lines().count() == 4, "{table}");

    let mut others = Browser::new(&world);
    assert_eq!(others.post("/sign-in", &format!("key={KEY}")).await.0, 303);
    assert_eq!(others.get(&path).await.0, 403);
    assert_eq!(others.get(&format!("{path}/export")).await.0, 403);
}
