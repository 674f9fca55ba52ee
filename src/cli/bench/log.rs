//! A log that keeps messages and does nothing else with them: all that came while the disk was busy is written at one place and
//! synced once. It shows what this machine's disk asks of anybody who answers only for what is durable. Nobody reads it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::Context as _;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

/// How long the file is. It has its full length from the beginning, so that a sync has nothing but content to write.
const FILE_BYTES: usize = 16 * 1024 * 1024;
/// What is written begins and ends at a multiple of this.
const PAGE_BYTES: usize = 4096;

/// A message that waits, and who waits for it.
type Waiting = (Bytes, oneshot::Sender<()>);

/// The way to the thread that writes.
pub(super) struct Log {
    waiting: mpsc::UnboundedSender<Waiting>,
}

impl Log {
    /// A log in a new file.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(path).context("cannot make the log")?;
        file.write_all_at(&vec![0; FILE_BYTES], 0)?;
        file.sync_all()?;
        let (waiting, messages) = mpsc::unbounded_channel();
        std::thread::Builder::new().name("log".to_owned()).spawn(move || write_on(&file, messages))?;
        Ok(Self { waiting })
    }

    /// Returns once a message is durable.
    ///
    /// # Errors
    /// When it could not be kept, and neither will any after it.
    pub(super) async fn keep(&self, message: Bytes) -> anyhow::Result<()> {
        let (kept, is_kept) = oneshot::channel();
        self.waiting.send((message, kept)).ok().context("nobody writes the log any more")?;
        is_kept.await.context("the log could not be written")
    }
}

/// Writes and syncs what waits, and lets those go on who wait for it; until the disk refuses.
fn write_on(file: &File, mut messages: mpsc::UnboundedReceiver<Waiting>) {
    let mut position = 0;
    while let Some(first) = messages.blocking_recv() {
        let mut group = vec![first];
        group.extend(std::iter::from_fn(|| messages.try_recv().ok()));
        let mut content = Vec::new();
        group.iter().for_each(|(message, _)| content.extend_from_slice(message));
        content.resize(content.len().next_multiple_of(PAGE_BYTES), 0);
        position = if position + content.len() > FILE_BYTES { 0 } else { position };
        if let Err(error) = file.write_all_at(&content, position as u64).and_then(|()| file.sync_data()) {
            return eprintln!("cornet: cannot write the log of the relay: {error}");
        }
        position += content.len();
        for (_, kept) in group {
            // Who waited may have hung up.
            kept.send(()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{FILE_BYTES, Log, PAGE_BYTES};

    #[tokio::test]
    async fn whoever_keeps_a_message_goes_on_when_it_is_in_the_file_which_stays_as_long_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let log = Log::create(&path).unwrap();
        let large = Bytes::from(vec![b'a'; FILE_BYTES - PAGE_BYTES]);
        for (message, at) in
            [(large, 0), (Bytes::from_static(b"last"), FILE_BYTES - PAGE_BYTES), (Bytes::from_static(b"anew"), 0)]
        {
            log.keep(message.clone()).await.unwrap();
            let content = std::fs::read(&path).unwrap();
            assert_eq!((&content[at..at + message.len()], content.len()), (&message[..], FILE_BYTES));
        }
        assert!(Log::create(&path).is_err(), "it is not another's");
    }
}
