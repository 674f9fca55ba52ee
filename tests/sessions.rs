//! Links, tokens and codes as a running server gives them out: what it keeps of them and what it writes, which must be
//! nothing that lets anybody in, and the command that asks for a link.

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::process::Command;

use serde_json::json;

use support::scene::{Scene, text};
use support::server::{API_KEY, run};

fn link(scene: &Scene, key: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cornet"));
    let server = format!("http://{}", scene.server.address());
    command.env_clear().env("CORNET_SERVER", server).env("CORNET_API_KEY", key).arg("link");
    let (status, out, error) = run(command);
    (status.code(), out, error)
}

#[test]
fn no_token_and_no_code_is_kept_or_logged_in_plain() {
    let scene = Scene::with(|launch| launch.with("CORNET_LOG", "trace"));
    let access = scene.client.post("/api/v1/auth/app-portal-access/default", &json!({})).expect_status(200).json();
    let operator = scene.client.post("/api/v1/auth/dashboard-access", &json!({})).expect_status(200).json();
    let code = |url: &str| url.split_once("?code=").expect("a link has a code").1.to_owned();
    let token = text(&access["token"]);
    let client = scene.server.client().with_key(Some(&token));
    client.get("/api/v1/app/default").expect_status(200);
    // Whatever is answered to one who follows a link: the log says nothing of its code.
    for link in [&access["url"], &operator["url"]] {
        let path = text(link).splitn(4, '/').nth(3).map(|rest| format!("/{rest}")).expect("a path");
        client.get(&path);
    }
    let texts = [code(&text(&access["url"])), code(&text(&operator["url"])), token];
    let (stored, output) = (scene.stored(), scene.server.output());
    scene.server.kill();
    let mut is_store_read = false;
    for bytes in stored {
        is_store_read |= bytes.windows(7).any(|window| window == b"default");
        for text in &texts {
            let plain = text.as_bytes().get(3..).expect("a text behind its prefix");
            assert!(!bytes.windows(plain.len()).any(|window| window == plain), "{text} is in a file");
        }
    }
    assert!(is_store_read, "what is not secret is found");
    for text in &texts {
        assert!(!output.contains(&text[3..]), "{text} is in the log");
    }
}

#[test]
fn a_token_survives_a_restart_and_ends_with_its_logout() {
    let scene = Scene::new();
    let access = scene.client.post("/api/v1/auth/app-portal-access/default", &json!({})).expect_status(200).json();
    let token = text(&access["token"]);
    let scene = scene.restarted();
    let client = scene.server.client().with_key(Some(&token));
    client.get("/api/v1/app/default").expect_status(200);
    client.send("POST", "/api/v1/auth/logout", &[], None).expect_status(204);
    client.get("/api/v1/app/default").expect_status(401);
    scene.client.get("/api/v1/app/default").expect_status(200);
}

#[test]
fn link_prints_a_link_for_an_admin_key_alone() {
    let scene = Scene::new();
    let (code, first, error) = link(&scene, API_KEY);
    let start = format!("http://{}/sign-in?code=cc_", scene.server.address());
    assert!(code == Some(0) && error.is_empty() && first.starts_with(&start), "{first} {error}");
    let (_, second, _) = link(&scene, API_KEY);
    assert_ne!(first, second);
    let made = scene.client.post("/api/v1/app/default/integration", &json!({"name": "A"})).expect_status(201).json();
    let (code, out, error) = link(&scene, &text(&made["key"]));
    assert!(code == Some(6) && out.is_empty() && error.contains("admin key"), "{out} {error}");
}

#[test]
fn away_from_a_terminal_the_first_start_shows_no_link_but_how_to_get_one() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let launch = support::server::Launch::new(&data.path().join("data")).without("CORNET_API_KEY");
    let server = launch.start();
    let line = support::until("the dashboard is named", || {
        server.output().lines().find(|line| line.trim_start().starts_with("Dashboard")).map(str::to_owned)
    });
    assert!(!server.output().contains("code=cc_"), "{}", server.output());
    let (_, command) = line.split_once('`').expect("a command");
    let mut words = command.trim_end_matches("`)").split_whitespace();
    let file = words.next().and_then(|word| word.strip_prefix("CORNET_API_KEY_FILE=")).expect("a file with the key");
    assert_eq!(words.next(), Some("cornet"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_cornet"));
    command.env_clear().env("CORNET_API_KEY_FILE", file).args(words);
    let (status, out, error) = run(command);
    assert!(status.success() && out.contains("/sign-in?code=cc_"), "{out} {error}");
}
