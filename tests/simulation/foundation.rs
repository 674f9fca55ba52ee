//! What a store holds before a simulated world begins to live: an environment, an application and its endpoints.

use std::sync::Arc;

use cornet::domain::application::Application;
use cornet::domain::endpoint::EndpointChange;
use cornet::domain::environment::{Environment, EnvironmentType, Settings};
use cornet::domain::id::{ApplicationId, EndpointId, EnvironmentId};
use cornet::domain::key::{self, ApiKey, Scope};
use cornet::domain::target::TargetPolicy;
use cornet::ops::{Access, Made, Operations};
use cornet::store::Store;

/// Makes the environment and its application; the text is that of a key.
pub async fn found(store: &Arc<Store>, settings: &Settings) -> (EnvironmentId, ApplicationId, String) {
    let now = store.now();
    let environment = Environment {
        id: store.next_id(),
        name: "Simulated".to_owned(),
        environment_type: EnvironmentType::Development,
        settings: settings.clone(),
        created_at: now,
        updated_at: now,
    };
    let application = Application::blank(store.next_id(), environment.id, now);
    let text = key::generate().unwrap().to_string();
    let made = (environment.id, application.id, text);
    let key = ApiKey {
        id: store.next_id(),
        environment_id: environment.id,
        scope: Scope::Admin,
        name: "first".to_owned(),
        hash: key::hash(&made.2),
        shown: key::shown(&made.2),
        created_at: now,
        updated_at: now,
        expires_at: None,
    };
    assert!(store.found(environment, application, key).await.unwrap());
    made
}

/// Has every endpoint of the application keep order, or not.
pub async fn keep_order(store: &Arc<Store>, environment_id: EnvironmentId, application: ApplicationId, ordered: bool) {
    let operations = Operations::new(store.clone(), Arc::new(TargetPolicy::allowing("127.0.0.0/8").unwrap()));
    let access = Access::new(environment_id, Scope::Admin);
    let routes = store.routes(application).await.unwrap().unwrap();
    for route in &routes.endpoints {
        let change = EndpointChange { ordered: Some(ordered), ..EndpointChange::default() };
        let id = route.endpoint.id.to_string();
        operations.patch_endpoint(&access, &application.to_string(), &id, change).await.ok().unwrap();
    }
}

/// Makes an endpoint that listens on `port`.
pub async fn endpoint(
    store: &Arc<Store>,
    environment_id: EnvironmentId,
    application: ApplicationId,
    port: u16,
) -> EndpointId {
    let policy = TargetPolicy::allowing("127.0.0.0/8").unwrap();
    let operations = Operations::new(store.clone(), Arc::new(policy));
    let access = Access::new(environment_id, Scope::Admin);
    let change = EndpointChange { url: Some(format!("http://127.0.0.1:{port}/")), ..EndpointChange::default() };
    match operations.create_endpoint(&access, &application.to_string(), change, None, None).await {
        Ok(Made::New(endpoint)) => endpoint.id,
        other => panic!("no endpoint was made: {:?}", other.err()),
    }
}
