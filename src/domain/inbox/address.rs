//! Where this server's inboxes are. A URL is an inbox's only when it is spelled with the very scheme, host and port
//! that the server is reached at; whatever only looks like it is anybody's URL.

use crate::domain::target::Target;

use super::is_token;

/// Where inboxes are: `{base_url}/inbox/{token}`.
#[derive(Clone, Debug)]
pub struct InboxAddress {
    base_url: Box<str>,
    /// The base, taken apart; `None` when no endpoint can be there.
    base: Option<Target>,
}

impl InboxAddress {
    /// Inboxes of the server that is reached at `base_url`, which has no path.
    pub fn new(base_url: &str) -> Self {
        let base_url = base_url.trim_end_matches('/');
        Self { base: Target::parse(base_url).ok(), base_url: base_url.into() }
    }

    /// The URL of the inbox with this token.
    pub fn url(&self, token: &str) -> String {
        format!("{}/inbox/{token}", self.base_url)
    }

    /// The token that `target` names, if it is an inbox of this server. What follows the token is the sender's own.
    pub fn token<'a>(&self, target: &'a Target) -> Option<&'a str> {
        let base = self.base.as_ref()?;
        let is_here = base.scheme() == target.scheme() && base.host() == target.host() && base.port() == target.port();
        let rest = target.path_and_query().strip_prefix("/inbox/").filter(|_| is_here)?;
        let token = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        is_token(token).then_some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::InboxAddress;
    use crate::domain::target::Target;

    const TOKEN: &str = "abcdefghijklmnopqrst-_09";

    fn token(base_url: &str, url: &str) -> bool {
        let target = Target::parse(&url.replace("TOKEN", TOKEN)).unwrap();
        InboxAddress::new(base_url).token(&target) == Some(TOKEN)
    }

    #[test]
    fn an_inbox_is_known_by_its_url_alone() {
        let base = "http://127.0.0.1:8484";
        let address = InboxAddress::new("http://127.0.0.1:8484/");
        assert_eq!(address.url(TOKEN), format!("http://127.0.0.1:8484/inbox/{TOKEN}"));
        for url in ["/inbox/TOKEN", "/inbox/TOKEN/", "/inbox/TOKEN/a/b?c", "/inbox/TOKEN?c", "/x/../inbox/TOKEN#d"] {
            assert!(token(base, &format!("{base}{url}")), "{url}");
        }
        for url in ["/inbox/", "/inbox/TOKENx", "/inbox/TOKEN%2f", "/inbox//TOKEN", "/x/inbox/TOKEN", "/INBOX/TOKEN"] {
            assert!(!token(base, &format!("{base}{url}")), "{url}");
        }
        assert!(!token(base, "http://127.0.0.1:8484/inbox/../TOKEN"));
        assert!(!token(base, "http://127.0.0.1:8484/inbox/TOKEN/../x"));
        for base in
            ["https://127.0.0.1:8484", "http://127.0.0.1:8485", "http://127.0.0.2:8484", "http://localhost:8484"]
        {
            assert!(!token(base, "http://127.0.0.1:8484/inbox/TOKEN"), "{base}");
        }
    }

    #[test]
    fn a_public_name_is_known_however_it_is_spelled() {
        let base = "https://hooks.example.com";
        for url in ["https://HOOKS.example.com/inbox/TOKEN", "https://hooks.example.com:443/inbox/TOKEN"] {
            assert!(token(base, url), "{url}");
        }
        assert!(!token(base, "https://hooks.example.com.evil.example/inbox/TOKEN"));
        assert!(!token("", "https://hooks.example.com/inbox/TOKEN"));
    }
}
