//! What `sign` and `verify` both read: the secrets, which never come from the command line where `ps` would show
//! them (THREATS K08), and the body.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use zeroize::Zeroizing;

/// The variable that holds the secrets when no file does.
const SECRET_VARIABLE: &str = "CORNET_SECRET";

/// Where the secrets and the body come from.
#[derive(Debug, clap::Args)]
pub struct SignedInput {
    /// File with the secret (whsec_…, whsk_…, or whpk_… to verify); several on lines of their own during a rotation.
    /// Without it the variable CORNET_SECRET is read
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,

    /// File with the body, byte for byte; without it the body is read from standard input
    #[arg(long, value_name = "FILE")]
    pub body_file: Option<PathBuf>,
}

impl SignedInput {
    /// The secrets' texts, divided by white space; see [`each_secret`].
    pub(super) fn secrets(&self) -> anyhow::Result<Zeroizing<String>> {
        let text = match &self.secret_file {
            Some(path) => std::fs::read_to_string(path).with_context(|| cannot_read(path))?,
            None => std::env::var(SECRET_VARIABLE)
                .with_context(|| format!("no secret: give --secret-file, or set {SECRET_VARIABLE}"))?,
        };
        Ok(Zeroizing::new(text))
    }

    /// The body's bytes.
    pub(super) fn body(&self) -> anyhow::Result<Vec<u8>> {
        let Some(path) = &self.body_file else {
            let mut body = Vec::new();
            std::io::stdin().lock().read_to_end(&mut body).context("cannot read the body from standard input")?;
            return Ok(body);
        };
        std::fs::read(path).with_context(|| cannot_read(path))
    }
}

/// Reads every secret in `text` with `parse`; an error names its place, never its text.
pub(super) fn each_secret<T, E>(text: &str, parse: impl Fn(&str) -> Result<T, E>) -> anyhow::Result<Vec<T>>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let secrets = text.split_whitespace().enumerate();
    let secrets: Vec<T> = secrets
        .map(|(index, secret)| parse(secret).with_context(|| format!("cannot use secret {}", index + 1)))
        .collect::<Result<_, _>>()?;
    if secrets.is_empty() {
        bail!("no secret: the file or variable is empty");
    }
    Ok(secrets)
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read {}", path.display())
}
