//! What the operator is told once the server serves: one log line at every start, and after the first one what to do
//! next, with a command that works when it is pasted. A key that was made up, and links that sign somebody in, are shown
//! on a terminal only.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use url::Url;
use zeroize::Zeroizing;

use super::founding::FirstKey;
use crate::domain::session::{FIRST_CODE_LIFE, OPERATOR_CODE_LIFE};

/// What is told.
pub(super) struct Welcome {
    address: SocketAddr,
    base_url: String,
    key: FirstKey,
    link: Option<Zeroizing<String>>,
}

impl Welcome {
    pub(super) fn new(address: SocketAddr, public_url: Option<&Url>, key: FirstKey) -> Self {
        let base_url = match public_url {
            Some(url) => url.as_str().trim_end_matches('/').to_owned(),
            // Every network is no place to go to; this machine is one of its addresses.
            None if address.ip().is_unspecified() => format!("http://127.0.0.1:{}", address.port()),
            None => format!("http://{address}"),
        };
        Self { address, base_url, key, link: None }
    }

    /// For how long a link that signs the operator in is to work; `None` where none may be shown.
    pub(super) fn link_life(&self, has_terminal: bool) -> Option<Duration> {
        match self.key {
            FirstKey::Shown(_) => Some(FIRST_CODE_LIFE),
            FirstKey::Known if has_terminal => Some(OPERATOR_CODE_LIFE),
            FirstKey::Known | FirstKey::Kept(_) => None,
        }
    }

    /// Tells of a link with this code, too.
    pub(super) fn with_code(mut self, code: &str) -> Self {
        self.link = Some(Zeroizing::new(format!("{}/sign-in?code={code}", self.base_url)));
        self
    }

    /// Where people reach the server, without a slash at its end.
    pub(super) fn base_url(&self) -> String {
        self.base_url.clone()
    }

    /// Says that the server serves. On a terminal it all goes to stderr; otherwise stderr is for the log alone, and what
    /// a person may want to read goes to stdout. That nobody reads it any more is no reason not to serve.
    pub(super) fn say(self, connections_max: usize) {
        let address = self.address;
        let version = env!("CARGO_PKG_VERSION");
        match &self.key {
            FirstKey::Known => {
                tracing::info!(%address, version, connections_max, "serving");
                if self.link.is_some() {
                    writeln!(std::io::stderr(), "\n  Dashboard   {}\n", self.dashboard()).ok();
                }
            }
            FirstKey::Shown(key) => {
                tracing::info!(%address, version, connections_max, "serving");
                let shown = format!("{}   (shown this once)", key.as_str());
                writeln!(std::io::stderr(), "{}", self.first_steps(&shown, key)).ok();
            }
            FirstKey::Kept(path) => {
                let word = shell_quoted(&path.display().to_string());
                let steps = self.first_steps(&format!("in the file {word}"), &format!("$(cat {word})"));
                // First, so that whoever waits for the log line has it already.
                writeln!(std::io::stdout(), "{steps}").ok();
                tracing::info!(%address, version, connections_max, key_file = %path.display(), "serving");
            }
        }
    }

    /// Where the dashboard is, and how to get in.
    fn dashboard(&self) -> String {
        let base_url = &self.base_url;
        match (&self.link, &self.key) {
            (Some(link), FirstKey::Shown(_)) => format!("{}   (signs you in, once, within 24 hours)", link.as_str()),
            (Some(link), _) => format!("{}   (signs you in, once, within 15 minutes)", link.as_str()),
            (None, FirstKey::Kept(path)) => {
                let word = shell_quoted(&path.display().to_string());
                let command = format!("CORNET_API_KEY_FILE={word} cornet link --server {base_url}");
                format!("{base_url}/   (sign in with the key, or with a link from `{command}`)")
            }
            (None, _) => format!("{base_url}/"),
        }
    }

    fn first_steps(&self, shown: &str, key: &str) -> String {
        let (base_url, dashboard) = (&self.base_url, self.dashboard());
        let curl = curl(base_url, key);
        format!(
            "
  Cornet is ready.

  Dashboard   {dashboard}
  API key     {shown}

  Post your first message:

{curl}

  It is delivered to the endpoints of the application `default`, of which there is none yet.
  The dashboard leads to a first verified delivery in three clicks; README.md goes on from a shell.
"
        )
    }
}

/// A command that posts a message; one line, so that it can be copied from anywhere.
pub(super) fn curl(base_url: &str, key: &str) -> String {
    format!(
        "curl {base_url}/api/v1/app/default/msg -H \"Authorization: Bearer {key}\" -H 'Content-Type: application/json' \
         -d '{{\"eventType\":\"order.created\",\"payload\":{{\"order\":1}}}}'"
    )
}

/// A path as a word for the shell: as it is when it is plain, in single quotes otherwise.
fn shell_quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if text.bytes().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use zeroize::Zeroizing;

    use super::{FIRST_CODE_LIFE, FirstKey, OPERATOR_CODE_LIFE, Welcome, shell_quoted};

    #[test]
    fn the_first_steps_hold_the_key_twice_and_a_file_keeps_it_out() {
        let address = "0.0.0.0:8484".parse().unwrap();
        let welcome = Welcome::new(address, None, FirstKey::Shown(Zeroizing::new("ck_secret".to_owned())));
        let steps = welcome.first_steps("ck_secret", "ck_secret");
        assert_eq!(steps.matches("ck_secret").count(), 2);
        assert!(steps.contains("\ncurl http://127.0.0.1:8484/api/v1/app/default/msg "), "{steps}");
        let welcome = Welcome::new(address, None, FirstKey::Kept(PathBuf::from("/a b/key")));
        let steps = welcome.first_steps("", "$(cat '/a b/key')");
        assert!(steps.contains("Bearer $(cat '/a b/key')\""));
        assert!(
            steps.contains("`CORNET_API_KEY_FILE='/a b/key' cornet link --server http://127.0.0.1:8484`"),
            "{steps}"
        );
    }

    #[test]
    fn a_link_is_for_a_terminal_and_for_a_day_after_the_first_start() {
        let address = "127.0.0.1:8484".parse().unwrap();
        let welcome = |key| Welcome::new(address, None, key);
        let shown = || FirstKey::Shown(Zeroizing::new("ck_secret".to_owned()));
        assert_eq!(welcome(shown()).link_life(true), Some(FIRST_CODE_LIFE));
        assert_eq!(welcome(FirstKey::Known).link_life(true), Some(OPERATOR_CODE_LIFE));
        assert_eq!(welcome(FirstKey::Known).link_life(false), None);
        assert_eq!(welcome(FirstKey::Kept(PathBuf::from("/key"))).link_life(false), None);
        let steps = welcome(shown()).with_code("cc_code").first_steps("", "");
        let line = "  Dashboard   http://127.0.0.1:8484/sign-in?code=cc_code   (signs you in, once, within 24 hours)\n";
        assert!(steps.contains(line), "{steps}");
    }

    #[test]
    fn a_path_is_one_word_of_the_shell() {
        assert_eq!(shell_quoted("/var/lib/cornet/first-api-key"), "/var/lib/cornet/first-api-key");
        assert_eq!(shell_quoted("/it's/$HOME"), r"'/it'\''s/$HOME'");
    }
}
