//! The promise that nothing accepted is lost, tried on the real scheduler, courier and store in a world whose time is
//! moved by hand and whose faults are drawn from a seed: receivers that hang, refuse, answer 500 or 410, a process
//! that is killed between any two steps and starts again on the same store. Virtual days pass in a second or two.
//! A failing seed is tried again with `CORNET_SIMULATION_SEED=n cargo test --test simulation`.

#![expect(clippy::unwrap_used, reason = "a simulation that cannot go on has failed")]

mod foundation;
mod ledger;
mod receivers;
mod world;

use std::time::Duration;

use world::{Faults, World};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// How late an attempt may come: forty messages wait for a receiver that lets four at a time hang for fifteen seconds.
const LATE_MAX: Duration = Duration::from_secs(240);

/// How many worlds each promise is tried in, unless one seed is named.
const SEEDS: u64 = 12;

fn each_seed(first: u64, run: impl Fn(u64)) {
    match std::env::var("CORNET_SIMULATION_SEED").ok().and_then(|text| text.parse().ok()) {
        Some(seed) => run(seed),
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
            world.ledger.every_delivery_has_ended(&world.database());
            world.ledger.every_attempt_arrived_once();
            world.ledger.attempts_follow(&world.schedule, Some(LATE_MAX));
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
            world.ledger.every_delivery_has_ended(&world.database());
            world.ledger.attempts_follow(&world.schedule, None);
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
            world.ledger.every_delivery_has_ended(&world.database());
            world.ledger.every_attempt_arrived_once();
            world.ledger.attempts_follow(&world.schedule, None);
        });
    });
}
