//! Plays the platform: sets the scenes up through the API, posts a first burst so that there is something to see, says
//! what can be seen where, and goes on with a gentle stream until the server ends.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use fastrand::Rng;
use serde_json::{Value, json};

use super::DemoDirectory;
use super::scenes::{Application, Endpoint, Receiver, SCENES, Scene};
use super::stories::{Post, spaced};
use crate::cli::client::{Client, ClientError};
use crate::cli::{print_line, shown};
use crate::clock::{Clock as _, SystemClock};

/// Where chance begins: every demo tells the same stories.
const SEED: u64 = 42;
/// What goes on at the same time for each application.
const STORIES: usize = 3;
/// Messages at the start.
const BURST: usize = 400;
/// Between two messages later on.
const PAUSE: Duration = Duration::from_millis(500);
/// For how many messages a shaky receiver is down, and then up.
const DOWN: usize = 180;
const UP: usize = 720;

/// A scene that is set up.
struct Stage {
    scene: &'static Scene,
    environment_id: String,
    client: Client,
    /// The inboxes whose receivers come and go.
    shaky: Vec<String>,
    /// The URL of one inbox, to look into.
    inbox: String,
}

/// An application, and what goes on there: of each story the messages that are still to be posted.
struct Place {
    stage: usize,
    application: &'static Application,
    stories: [VecDeque<Post>; STORIES],
}

/// Plays until the server is gone.
///
/// # Errors
/// When what is to be seen can't be set up.
pub(super) fn play(admin: &Client, directory: &DemoDirectory) -> anyhow::Result<()> {
    let mut stages = Vec::with_capacity(SCENES.len());
    for scene in &SCENES {
        match set_up(scene, admin) {
            Ok(stage) => stages.push(stage),
            Err(error) if is_gone(&error) => return Ok(()),
            Err(error) => return Err(error.context(format!("cannot set up {}", scene.name))),
        }
    }
    let mut traffic = Traffic::new(stages);
    for _ in 0..BURST {
        if !traffic.step() {
            return Ok(());
        }
    }
    match program(admin, &traffic.stages, directory) {
        Ok(text) => print_line(&text)?,
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    for count in 0.. {
        std::thread::sleep(PAUSE);
        match count % (DOWN + UP) {
            DOWN => traffic.answer(200),
            0 if count > 0 => traffic.answer(503),
            _ => {}
        }
        if !traffic.step() {
            break;
        }
    }
    Ok(())
}

/// Whether the server does not answer any more.
fn is_gone(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<ClientError>(), Some(ClientError::Unreachable { .. }))
}

struct Traffic {
    stages: Vec<Stage>,
    places: Vec<Place>,
    rng: Rng,
    clock: SystemClock,
}

impl Traffic {
    fn new(stages: Vec<Stage>) -> Self {
        let applications = |(index, stage): (usize, &Stage)| {
            let place = move |application| Place { stage: index, application, stories: Default::default() };
            stage.scene.applications.iter().map(place)
        };
        let places = stages.iter().enumerate().flat_map(applications).collect();
        Self { stages, places, rng: Rng::with_seed(SEED), clock: SystemClock::default() }
    }

    /// Posts one message; false when the server is gone.
    fn step(&mut self) -> bool {
        let now = self.clock.now().to_string();
        let place = self.rng.usize(..self.places.len());
        let Place { stage, application, stories } = &mut self.places[place];
        let stage = &self.stages[*stage];
        let story = &mut stories[self.rng.usize(..STORIES)];
        if story.is_empty() {
            *story = (stage.scene.story)(&mut self.rng, &now).into();
        }
        let Some(post) = story.pop_front() else { return true };
        match stage.client.post(&["api", "v1", "app", application.uid, "msg"], message(post, &now)) {
            Err(error) if is_gone(&error) => return false,
            // Whoever looks at the demo may change everything in it; what is refused then has no sequel.
            Err(_) => story.clear(),
            Ok(_) => {}
        }
        true
    }

    /// Has the shaky receivers answer with this status from now on.
    fn answer(&self, status: u16) {
        for stage in &self.stages {
            for id in &stage.shaky {
                // One that was deleted is nobody's any more.
                stage.client.patch(&["api", "v1", "inbox", id], answering(status, 0)).ok();
            }
        }
    }
}

fn message(post: Post, now: &str) -> String {
    let Post { event_type, mut payload, stamped } = post;
    if let Some(member) = stamped {
        payload[member] = json!(spaced(now));
    }
    json!({"eventType": event_type, "payload": payload}).to_string()
}

fn answering(status: u16, delay_ms: u32) -> String {
    let body = if status < 400 { "Thanks!" } else { "The demo's receiver does not feel well." };
    json!({"status": status, "delayMs": delay_ms, "body": body}).to_string()
}

/// The member of an answer, as text.
fn member(answer: &str, name: &str) -> anyhow::Result<String> {
    let answer: Value = serde_json::from_str(answer).context("the answer is not JSON")?;
    Ok(answer[name].as_str().with_context(|| format!("the answer has no {name}"))?.to_owned())
}

/// Makes a scene's environment, and all that is in it.
fn set_up(scene: &'static Scene, admin: &Client) -> anyhow::Result<Stage> {
    const ENVIRONMENTS: [&str; 4] = ["api", "v1", "management", "environment"];
    let environment_id = if scene.preset == "standard" {
        let listed: Value = serde_json::from_str(&admin.get(&ENVIRONMENTS)?)?;
        let id = listed["data"][0]["id"].as_str().context("there is no environment")?.to_owned();
        admin.patch(&[&ENVIRONMENTS[..], &[&id]].concat(), json!({"name": scene.name}).to_string())?;
        id
    } else {
        let body = json!({"name": scene.name, "preset": scene.preset, "type": "production"});
        member(&admin.post(&ENVIRONMENTS, body.to_string())?, "id")?
    };
    let keys = ["api", "v1", "management", "authentication", &environment_id, "api-token"];
    let key = member(&admin.post(&keys, json!({"name": "The demo's platform"}).to_string())?, "token")?;
    let client = admin.with_another_key(&key)?;
    for (name, group, description) in scene.event_types {
        let body = json!({"name": name, "groupName": group, "description": description});
        client.post(&["api", "v1", "event-type"], body.to_string())?;
    }
    let mut stage = Stage { scene, environment_id, client, shaky: Vec::new(), inbox: String::new() };
    for application in scene.applications {
        let body = json!({"name": application.name, "uid": application.uid});
        stage.client.post(&["api", "v1", "app"], body.to_string())?;
        for endpoint in application.endpoints {
            add(&mut stage, application, endpoint)?;
        }
    }
    Ok(stage)
}

/// Makes an endpoint, and the inbox that receives for it.
fn add(stage: &mut Stage, application: &Application, endpoint: &Endpoint) -> anyhow::Result<()> {
    let body =
        json!({"name": format!("{}: {}", application.name, endpoint.description), "applicationId": application.uid});
    let inbox = stage.client.post(&["api", "v1", "inbox"], body.to_string())?;
    let (id, url) = (member(&inbox, "id")?, member(&inbox, "url")?);
    let (status, delay_ms) = match endpoint.receiver {
        Receiver::Fine | Receiver::Off => (200, 0),
        Receiver::Slow(delay_ms) => (200, delay_ms),
        Receiver::Broken(status) => (status, 0),
        Receiver::Shaky => (503, 0),
    };
    stage.client.patch(&["api", "v1", "inbox", &id], answering(status, delay_ms))?;
    let wanted = Some(endpoint.event_types).filter(|names| !names.is_empty());
    let body = json!({
        "url": url, "description": endpoint.description, "eventTypes": wanted,
        "disabled": endpoint.receiver == Receiver::Off
    });
    stage.client.post(&["api", "v1", "app", application.uid, "endpoint"], body.to_string())?;
    if endpoint.receiver == Receiver::Shaky {
        stage.shaky.push(id);
    }
    if stage.inbox.is_empty() {
        stage.inbox = url;
    }
    Ok(())
}

/// What can be seen, and where.
fn program(admin: &Client, stages: &[Stage], directory: &DemoDirectory) -> anyhow::Result<String> {
    let link = member(&admin.post(&["api", "v1", "auth", "dashboard-access"], String::new())?, "url")?;
    let base_url = link.split("/sign-in").next().unwrap_or_default();
    let mut text = format!(
        "\n  The demo is ready.\n\n  Dashboard   {}\n              (signs you in, once, within 15 minutes)\n",
        shown(&link)
    );
    for stage in stages {
        let Stage { scene, environment_id, client, inbox, .. } = stage;
        let first = &scene.applications[0];
        let access = client.post(&["api", "v1", "auth", "app-portal-access", first.uid], "{}".to_owned())?;
        let portal = member(&access, "url")?;
        write!(
            text,
            "\n  {}: {}\n    dashboard {base_url}/environments/{environment_id}\n    portal    {}   ({}; once, within 5 minutes)\n    inbox     {}\n",
            scene.name,
            scene.about,
            shown(&portal),
            first.name,
            shown(inbox)
        )?;
    }
    let path = directory.path.display();
    match directory.is_kept {
        true => write!(text, "\n  The data is kept in {path}. Ctrl-C ends the demo.\n")?,
        false => write!(text, "\n  The data is in {path} and goes when the demo ends, by Ctrl-C.\n")?,
    }
    Ok(text)
}
