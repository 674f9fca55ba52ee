//! The promise that nothing accepted is lost, tried on the real scheduler, courier and store in a world whose time is
//! moved by hand and whose faults are drawn from a seed: receivers that hang, refuse, answer 500 or 410, a process
//! that is killed between any two steps and starts again on the same store. Virtual days pass in a second or two.
//! A failing seed is tried again with `CORNET_SIMULATION_SEED=n cargo test --test simulation`.

#![expect(clippy::unwrap_used, reason = "a simulation that cannot go on has failed")]

mod foundation;
mod ledger;
#[expect(dead_code, reason = "each test binary uses its own part of it")]
#[path = "../support/postgres.rs"]
mod postgres;
mod receivers;
mod world;

use std::time::Duration;

use cornet::domain::environment::{EndpointRules, Settings};
use cornet::domain::preset::Preset;
use receivers::Manners;
use world::{Faults, World};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// How late an attempt may come: forty messages wait for a receiver that lets four at a time hang for fifteen seconds.
const LATE_MAX: Duration = Duration::from_secs(240);

/// How many worlds each promise is tried in, unless one seed is named.
const SEEDS: u64 = 8;
/// How many where each step takes a server's time.
const SEEDS_ON_SERVER: u64 = 1;

fn each_seed(first: u64, run: impl Fn(u64)) {
    match std::env::var("CORNET_SIMULATION_SEED").ok().and_then(|text| text.parse().ok()) {
        Some(seed) => run(seed),
        None if postgres::is_wanted() => (first..first + SEEDS_ON_SERVER).for_each(run),
        None => (first..first + SEEDS).for_each(run),
    }
}

fn block_on(run: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(run);
}

/// Receivers fail in every way, the process does not: each delivery is tried exactly as its schedule says, each
/// attempt arrives once, and everything ends in the state that the receiver's answers call for.
#[test]
fn attempts_follow_the_schedule_and_everything_ends() {
    each_seed(1_000, |seed| {
        block_on(async {
            let mut world = World::new(seed, "1s,30s,10m,2h,1d", Faults::receivers_only()).await;
            world.live(DAY, 40).await;
            world.run_out().await;
            world.ledger.every_delivery_has_ended(&world.place);
            world.ledger.every_attempt_arrived_once();
            world.ledger.attempts_follow(world.schedule(), Some(LATE_MAX));
        });
    });
}

/// The process is killed between any two steps, again and again: what was acknowledged arrives or ends in a named
/// state, repeats are identical, and no attempt comes before its time.
#[test]
fn nothing_accepted_is_lost_when_the_process_is_killed_between_any_two_steps() {
    each_seed(2_000, |seed| {
        block_on(async {
            let mut world = World::new(seed, "2s,1m,1h", Faults::receivers_and_kills()).await;
            world.live(6 * HOUR, 40).await;
            world.run_out().await;
            assert!(world.kills > 0, "seed {seed} killed nothing");
            world.ledger.every_delivery_has_ended(&world.place);
            world.ledger.attempts_follow(world.schedule(), None);
        });
    });
}

/// With `none` as schedule every delivery is tried once and then ends (SEEDS A17).
#[test]
fn without_retries_everything_is_tried_once() {
    each_seed(3_000, |seed| {
        block_on(async {
            let mut world = World::new(seed, "none", Faults::receivers_only()).await;
            world.live(HOUR, 40).await;
            world.run_out().await;
            world.ledger.every_delivery_has_ended(&world.place);
            world.ledger.every_attempt_arrived_once();
            world.ledger.attempts_follow(world.schedule(), None);
        });
    });
}

/// A receiver that never takes anything, for whatever reason; half of them say that they are gone.
fn unwilling(port: u16, _: &mut fastrand::Rng) -> Manners {
    if port.is_multiple_of(2) { Manners::Dead } else { Manners::Leaving(0) }
}

/// Rose Rocket: one attempt and no more, whatever the cause, and whatever the answer asks for: one that says that it is
/// gone, or when to come back, is shown and not obeyed, so the next message is sent to it too (SEEDS A16, A17, D1, D7).
#[test]
fn a17_rose_rocket_tries_once_for_any_cause_and_never_acts_on_the_answer() {
    each_seed(4_000, |seed| {
        block_on(async {
            let settings = Preset::RoseRocket.settings();
            let mut world = World::with(seed, settings, Faults::receivers_only(), unwilling).await;
            world.live(HOUR, 20).await;
            world.pass(DAY).await;
            world.ledger.everything_failed_after(1, &world.place);
            let endpoints = world.get("/endpoint").await;
            for endpoint in endpoints["data"].as_array().unwrap() {
                assert_eq!(endpoint["disabled"], false, "seed {seed}");
            }
            let message = world.ledger.messages()[0];
            let attempts = world.get(&format!("/attempt/msg/{message}")).await;
            let shown = attempts["data"].as_array().unwrap();
            assert!(shown.iter().any(|attempt| attempt["responseStatusCode"] == 410), "seed {seed}: D7");
        });
    });
}

/// ShipEngine: three attempts, two hours apart, then discarded; the message can still be read over the API, and so can
/// what came of each attempt (SEEDS C7, C8, D1).
#[test]
fn c7_shipengine_tries_three_times_two_hours_apart_and_c8_the_message_stays_readable() {
    each_seed(5_000, |seed| {
        block_on(async {
            // All of the world's receivers want the one event type.
            let settings = Settings { endpoint_rules: EndpointRules::default(), ..Preset::ShipEngine.settings() };
            let mut world = World::with(seed, settings, Faults::receivers_only(), |_, _| Manners::Dead).await;
            world.live(HOUR, 20).await;
            world.pass(DAY).await;
            world.ledger.everything_failed_after(3, &world.place);
            world.ledger.attempts_follow(world.schedule(), Some(LATE_MAX));
            assert_eq!(world.schedule().delays(), [2 * HOUR, 2 * HOUR]);
            for message in world.ledger.messages() {
                let read = world.get(&format!("/msg/{message}")).await;
                assert_eq!(read["payload"]["resource_url"], "https://api.example.com/1", "seed {seed}");
                assert_eq!(read["payload"]["data"]["price"], 40.0, "seed {seed}");
                let attempts = world.get(&format!("/attempt/msg/{message}?limit=100")).await;
                let count = attempts["data"].as_array().unwrap().len();
                assert_eq!(count, 3 * usize::from(world::ENDPOINTS), "seed {seed}");
            }
        });
    });
}

/// Answers that are not heeded neither move an attempt nor end a schedule that goes on (SEEDS A16).
#[test]
fn a16_a_longer_schedule_goes_on_whatever_the_answers_ask_for() {
    each_seed(6_000, |seed| {
        block_on(async {
            let retry_schedule = "10s,20s".parse().unwrap();
            let settings = Settings { retry_schedule, heeds_answers: false, ..Settings::default() };
            let mut world = World::with(seed, settings, Faults::receivers_only(), unwilling).await;
            world.live(HOUR, 20).await;
            world.pass(DAY).await;
            world.ledger.everything_failed_after(3, &world.place);
        });
    });
}

/// Endpoints that keep order get one message after the other, whatever each of them answers, and each until it has ended.
#[test]
fn where_order_is_kept_a_message_waits_for_the_end_of_the_one_before_it() {
    each_seed(7_000, |seed| {
        block_on(async {
            let mut world = World::new(seed, "1s,30s,10m", Faults::receivers_only()).await;
            world.keep_order(true).await;
            world.live(HOUR, 60).await;
            world.run_out().await;
            world.ledger.every_delivery_has_ended(&world.place);
            world.ledger.every_attempt_arrived_once();
            world.ledger.attempts_follow(world.schedule(), Some(HOUR));
            world.ledger.order_was_kept(false);
        });
    });
}

/// And they do so when the process is killed between any two steps: only what had arrived is repeated.
#[test]
fn order_is_kept_over_kills_and_nothing_is_lost() {
    each_seed(8_000, |seed| {
        block_on(async {
            let mut world = World::new(seed, "2s,1m,10m", Faults::receivers_and_kills()).await;
            world.keep_order(true).await;
            world.live(HOUR, 60).await;
            world.run_out().await;
            assert!(world.kills > 0, "seed {seed} killed nothing");
            world.ledger.every_delivery_has_ended(&world.place);
            world.ledger.attempts_follow(world.schedule(), None);
            world.ledger.order_was_kept(true);
        });
    });
}

/// Order is switched on and off while messages wait: each is still tried as its schedule says, and ends.
#[test]
fn order_may_be_switched_on_and_off_while_messages_wait() {
    each_seed(9_000, |seed| {
        block_on(async {
            let mut world = World::new(seed, "1s,30s,10m", Faults::receivers_only()).await;
            for ordered in [true, false, true, false] {
                world.keep_order(ordered).await;
                world.live(HOUR / 4, 20).await;
            }
            world.run_out().await;
            world.ledger.every_delivery_has_ended(&world.place);
            world.ledger.every_attempt_arrived_once();
            world.ledger.attempts_follow(world.schedule(), Some(HOUR));
        });
    });
}

/// One that was down for two hours, while a hundred messages came, was left in peace meanwhile and gets them gently: no
/// attempt before its time, and nothing lost (FAULTS X20).
#[test]
fn x20_an_endpoint_that_was_down_for_two_hours_gets_what_waited_gently() {
    each_seed(10_000, |seed| {
        block_on(async {
            let back = world::BEGIN.plus(2 * HOUR);
            let settings = Settings { retry_schedule: "5s,1m,10m,1h,5h,1d".parse().unwrap(), ..Settings::default() };
            let manners = |port, _: &mut fastrand::Rng| match port {
                world::FIRST_PORT => Manners::DownUntil(back),
                _ => Manners::Good,
            };
            let mut world = World::with(seed, settings, Faults::receivers_only(), manners).await;
            world.live(2 * HOUR, 100).await;
            world.run_out().await;
            world.ledger.every_delivery_has_ended(&world.place);
            world.ledger.every_attempt_arrived_once();
            world.ledger.attempts_follow(world.schedule(), Some(LATE_MAX));
            // The first ten and what was in flight with them, four short rests, and one a minute.
            world.ledger.came_back_gently(world::FIRST_PORT, back, 10 + 3 + 4 + 120);
        });
    });
}

/// The same seed gives the same history, so a failure can be looked at again.
#[test]
fn a_seed_always_gives_the_same_history() {
    let history = |seed| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let mut world = World::new(seed, "2s,1m,1h", Faults::receivers_and_kills()).await;
            world.live(6 * HOUR, 40).await;
            world.run_out().await;
            world.ledger.history()
        })
    };
    assert_eq!(history(4_000), history(4_000));
    assert_ne!(history(4_000), history(4_001));
}
