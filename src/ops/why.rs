//! Why: for one message, what became of it at each endpoint and for what reason, in words that need no manual.

use std::collections::BTreeMap;

use super::{Access, OpError, Operations};
use crate::domain::delivery::{DeliveryState, Journey, Standing};
use crate::domain::endpoint::{Endpoint, Verdict};
use crate::domain::id::EndpointId;
use crate::domain::message::Message;
use crate::store::Routes;

/// What became of a message at one endpoint, and why.
#[derive(Clone, Debug)]
pub struct Why {
    /// The endpoint.
    pub endpoint_id: EndpointId,
    /// What it is now; `None` once it has been deleted.
    pub endpoint: Option<Endpoint>,
    /// What was decided when the message was accepted; `None` when the endpoint was not looked at then.
    pub verdict: Option<Verdict>,
    /// How far the message has come there.
    pub journey: Journey,
    /// Whether the endpoint is left in peace, because it failed again and again.
    pub is_resting: bool,
}

impl Why {
    /// All of it in plain words.
    pub fn explanation(&self) -> String {
        let decided = self
            .verdict
            .map_or("The endpoint was not looked at when the message was accepted.", |verdict| verdict.explanation());
        let resent = match (self.verdict, &self.journey) {
            (Some(Verdict::Queued), _) | (_, Journey { standing: None, attempts: 0, .. }) => None,
            _ => Some("Somebody had the message sent there later."),
        };
        [Some(decided), resent, self.standing()].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// Where it stands, in one sentence.
    fn standing(&self) -> Option<&'static str> {
        let switched_off = self.endpoint.as_ref().is_some_and(|endpoint| endpoint.disabled.is_some());
        let keeps_order = self.endpoint.as_ref().is_some_and(|endpoint| endpoint.ordered);
        Some(match self.journey.standing? {
            Standing::Waiting(_) if switched_off => {
                "It waits, because the endpoint is switched off; switching it on has it sent."
            }
            Standing::Waiting(_) if self.is_resting => {
                "It waits, because the endpoint failed again and again; one message is tried now and then."
            }
            Standing::Waiting(_) if keeps_order && self.journey.behind.is_some() => {
                "It waits for the message before it, because the endpoint keeps order."
            }
            Standing::Waiting(_) if self.journey.attempts == 0 => "It waits for its first attempt.",
            Standing::Waiting(_) => "It waits for its next attempt.",
            Standing::Ended(DeliveryState::Delivered) => "The endpoint took it.",
            Standing::Ended(DeliveryState::Failed) => "Every attempt has failed; it can be resent or recovered.",
            Standing::Ended(DeliveryState::Cancelled) => "It was cancelled, because the endpoint was deleted.",
            Standing::Ended(DeliveryState::Expired) => "It expired, because its payload was deleted.",
        })
    }
}

/// Everything that is known of the message at each endpoint, by the endpoint's id.
fn reasons(routes: &Routes, message: &Message, journeys: BTreeMap<EndpointId, Journey>) -> Vec<Why> {
    let blank = |endpoint_id| Why {
        endpoint_id,
        endpoint: routes.endpoint(endpoint_id).map(|route| route.endpoint.clone()),
        verdict: None,
        journey: Journey::default(),
        is_resting: false,
    };
    let mut reasons = BTreeMap::new();
    for &(endpoint_id, verdict) in &message.verdicts {
        reasons.entry(endpoint_id).or_insert_with(|| blank(endpoint_id)).verdict = Some(verdict);
    }
    for (endpoint_id, journey) in journeys {
        reasons.entry(endpoint_id).or_insert_with(|| blank(endpoint_id)).journey = journey;
    }
    reasons.into_values().collect()
}

impl Operations {
    /// The message with this id or event id, without its payload, and what became of it at each endpoint and why.
    ///
    /// # Errors
    /// When there is no such message that `access` may see, or the store can't be read.
    pub async fn why(&self, access: &Access, application: &str, message: &str) -> Result<(Message, Vec<Why>), OpError> {
        let routes = self.routes(access, application).await?;
        let found = self.message_of(&routes, message, false).await?;
        let journeys = self.store.journeys(found.id).await?;
        let mut reasons = reasons(&routes, &found, journeys);
        for why in &mut reasons {
            why.is_resting = self.store.rest(why.endpoint_id).is_some();
        }
        Ok((found, reasons))
    }
}
