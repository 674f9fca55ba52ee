//! `cornet demo`, as a newcomer runs it: every way of working has something to show, and nothing is left behind.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "each test binary uses its own part of the support")]
mod support;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use support::client::Client;
use support::server::{API_KEY, run};

/// A running demo, with what it said once it was ready.
struct Demo {
    child: Child,
    said: String,
}

fn command(temporary: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cornet"));
    command.arg("demo").args(["--listen", "127.0.0.1:0"]).args(arguments);
    command.env_clear().env("TMPDIR", temporary).env("CORNET_API_KEY", API_KEY);
    // What another server on the machine is set to is not for the demo.
    command.env("CORNET_DATA_DIR", temporary.join("somebody-elses")).env("CORNET_REQUEST_TIMEOUT", "never");
    command
}

impl Demo {
    fn start(temporary: &Path) -> Self {
        let mut child = command(temporary, &[]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut said = String::new();
        for line in lines {
            said += &line;
            said.push('\n');
            if line.contains("Ctrl-C") {
                break;
            }
        }
        Self { child, said }
    }

    fn client(&self) -> Client {
        let address = self.said.split_once("http://").unwrap().1.split('/').next().unwrap();
        Client::new(address.parse().unwrap(), Some(API_KEY))
    }

    fn terminate(mut self) -> std::process::ExitStatus {
        kill_process(Pid::from_raw(self.child.id().try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.child.kill().ok();
    }
}

fn list(client: &Client, path: &str) -> Vec<Value> {
    client.get(path).expect_status(200).json()["data"].as_array().unwrap().clone()
}

/// What became of the deliveries to an application's endpoints: how many arrived, and how many fail or wait for another
/// attempt.
fn sums(client: &Client, application: &Value) -> (u64, u64) {
    let endpoints = format!("/api/v1/app/{}/endpoint", application["id"].as_str().unwrap());
    list(client, &endpoints).iter().fold((0, 0), |(arrived, failing), endpoint| {
        let path = format!("{endpoints}/{}/stats", endpoint["id"].as_str().unwrap());
        let stats = client.get(&path).expect_status(200).json();
        let count = |name: &str| stats[name].as_u64().unwrap();
        (arrived + count("success"), failing + count("fail") + count("pending"))
    })
}

#[test]
fn every_way_of_working_has_something_to_show() {
    let temporary = TempDir::new().unwrap();
    let demo = Demo::start(temporary.path());
    let admin = demo.client();
    let environments = list(&admin, "/api/v1/management/environment");
    let presets: Vec<_> = environments.iter().map(|environment| environment["preset"].as_str().unwrap()).collect();
    for preset in ["standard", "rose-rocket", "shoprocket", "shipengine"] {
        assert!(presets.contains(&preset), "{presets:?}");
    }
    for environment in &environments {
        let keys = format!("/api/v1/management/authentication/{}/api-token", environment["id"].as_str().unwrap());
        let key = admin.post(&keys, &json!({"name": "Test"})).expect_status(200).json();
        let client = admin.with_key(key["token"].as_str());
        let (name, applications) = (&environment["name"], list(&client, "/api/v1/app"));
        assert!(applications.len() >= 3, "{name}: {} applications", applications.len());
        support::until(&format!("deliveries arrive and fail in {name}"), || {
            let sums = applications.iter().map(|application| sums(&client, application));
            let (arrived, failing) = sums.fold((0, 0), |sum, more| (sum.0 + more.0, sum.1 + more.1));
            (arrived > 20 && failing > 0).then_some(())
        });
        let uid =
            applications.iter().find_map(|application| application["uid"].as_str().filter(|uid| *uid != "default"));
        assert!(!list(&client, &format!("/api/v1/app/{}/msg", uid.unwrap())).is_empty(), "{name}");
        assert!(list(&client, "/api/v1/inbox").iter().any(|inbox| inbox["status"] != 200), "{name}");
        let line = format!("/environments/{}", environment["id"].as_str().unwrap());
        assert!(demo.said.contains(&line), "{}", demo.said);
    }
    assert_eq!(demo.said.matches("/enter?code=").count(), environments.len());
    assert!(demo.said.contains("/sign-in?code=") && !demo.said.contains(API_KEY), "{}", demo.said);
    assert!(demo.terminate().success());
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "the demo leaves something behind");
}

#[test]
fn data_that_is_there_already_is_left_alone() {
    let data = TempDir::new().unwrap();
    std::fs::write(data.path().join("precious"), "1").unwrap();
    let (status, out, error) = run(command(data.path(), &["--data-dir", data.path().to_str().unwrap()]));
    assert!(!status.success() && out.is_empty() && error.contains("not empty"), "{error}");
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 1);
}
