//! The signals that ask the process to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a shell reports of a process that an interrupt ended.
const EXIT_INTERRUPTED: i32 = 130;

/// SIGTERM and SIGINT, from now on.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one of them.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Ends the process at the next one: whoever asks twice does not want to wait.
    pub(super) fn exit_at_the_next(mut self) {
        tokio::spawn(async move {
            self.next().await;
            tracing::warn!("ended by a second signal");
            std::process::exit(EXIT_INTERRUPTED);
        });
    }
}
