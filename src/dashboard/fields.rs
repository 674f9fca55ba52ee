//! What a form holds: the fields that were sent or that it starts with, and what was wrong with them. A field may be
//! there several times, as ticked boxes are. It does not know what a field means.

use crate::ops::OpError;

/// The fields of a form as they are sent.
#[derive(Clone, Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads what a browser sends (`application/x-www-form-urlencoded`) or what stands in a URL's query; `None` when
    /// it is neither.
    pub fn read(text: &[u8]) -> Option<Self> {
        serde_urlencoded::from_bytes(text).ok().map(Self)
    }

    /// The field's text, without the blanks around it; empty when it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The field's text as it was sent; empty when it is not there.
    pub fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The field's text, unless it is empty.
    pub fn filled(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// The field's text if it is a path of this site; where a form leads back to is never elsewhere (THREATS I12).
    pub fn path(&self, name: &str) -> Option<&str> {
        let path = self.text(name);
        let is_own = path.starts_with('/') && !path.starts_with("//") && !path.contains('\\');
        // Browsers pass over tabs and line ends in a URL, which would hide a second slash.
        Some(path).filter(|path| is_own && path.bytes().all(|byte| byte.is_ascii_graphic()))
    }

    /// Every text under this name, such as those of the boxes that were ticked.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether this is one of the texts under this name.
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.all(name).any(|known| known == value)
    }

    /// The same with one more field.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    /// The same where this field has this text and no other.
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.retain(|(known, _)| known != name);
        self.with(name, value)
    }

    /// As a query with this field set anew, and gone if `value` is empty: what a link to another view of a list holds.
    pub fn query_with(&self, changes: &[(&str, &str)]) -> String {
        let kept = self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let kept =
            kept.filter(|(name, value)| !value.is_empty() && !changes.iter().any(|(changed, _)| changed == name));
        let set = changes.iter().copied().filter(|(_, value)| !value.is_empty());
        let pairs: Vec<_> = kept.chain(set).collect();
        match serde_urlencoded::to_string(pairs) {
            Ok(query) if !query.is_empty() => format!("?{query}"),
            _ => String::new(),
        }
    }
}

/// A form: what it holds, and why it was refused, if it was.
#[derive(Clone, Debug, Default)]
pub struct Form {
    fields: Fields,
    errors: Vec<(String, String)>,
}

impl Form {
    /// A form that nobody has sent yet.
    pub fn new(fields: Fields) -> Self {
        Self { fields, errors: Vec::new() }
    }

    /// A form that was sent and refused, if the sender can do something about it.
    ///
    /// # Errors
    /// With the error itself when it is about something else than what was typed.
    pub fn refused(fields: Fields, error: OpError) -> Result<Self, OpError> {
        let (field, why) = match error {
            OpError::Invalid { field, why, .. } => {
                // The request of a program has its fields in a body; a page has only the fields.
                let named = field.into_iter().find(|part| part != "body").unwrap_or_default();
                (named, why)
            }
            OpError::Conflict { why, .. } | OpError::TooMany { why, .. } => (String::new(), why),
            other => return Err(other),
        };
        Ok(Self { fields, errors: Vec::new() }.with_error(&field, &why))
    }

    /// The same with one more thing that is wrong; without a field it is about the whole.
    pub fn with_error(mut self, field: &str, why: &str) -> Self {
        self.errors.push((field.to_owned(), sentence(why)));
        self
    }

    /// The same where what is wrong with `field` is shown beside `shown`, which has another name on this page.
    pub fn shown_as(mut self, field: &str, shown: &str) -> Self {
        self.errors.iter_mut().filter(|(name, _)| name == field).for_each(|(name, _)| *name = shown.to_owned());
        self
    }

    /// What is in the fields.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The field's text; empty when it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.fields.raw(name)
    }

    /// Whether this is one of the texts under this name.
    pub fn has(&self, name: &str, value: &str) -> bool {
        self.fields.has(name, value)
    }

    /// What is wrong with the field.
    pub fn error(&self, name: &str) -> Option<&str> {
        self.errors.iter().find(|(field, _)| field == name).map(|(_, why)| why.as_str())
    }

    /// What is wrong and stands beside none of these fields.
    pub fn errors_beside<'a>(&'a self, shown: &'a [&str]) -> impl Iterator<Item = &'a str> {
        self.errors.iter().filter(|(field, _)| !shown.contains(&field.as_str())).map(|(_, why)| why.as_str())
    }

    /// Whether nothing is wrong.
    pub fn is_fine(&self) -> bool {
        self.errors.is_empty()
    }
}

/// An error's fragment as a sentence for a page.
pub fn sentence(fragment: &str) -> String {
    let mut letters = fragment.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    let end = if fragment.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::{Fields, Form};
    use crate::ops::OpError;

    #[test]
    fn a_field_may_be_there_several_times() {
        let fields = Fields::read(b"event_types=a&event_types=b&url=+https%3A%2F%2Fx+&empty=").unwrap();
        assert_eq!(fields.all("event_types").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((fields.text("url"), fields.filled("empty"), fields.text("none")), ("https://x", None, ""));
        assert_eq!(fields.query_with(&[("url", ""), ("page", "2")]), "?event_types=a&event_types=b&page=2");
    }

    #[test]
    fn a_path_is_of_this_site() {
        let fields = |path: &str| Fields::default().with("back", path);
        assert_eq!(fields("/environments/x?y=1").path("back"), Some("/environments/x?y=1"));
        for elsewhere in ["", "https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"] {
            assert_eq!(fields(elsewhere).path("back"), None, "{elsewhere}");
        }
        for odd in ["/\t/evil.example", "/\n/evil.example", "/x\r\ny: z", "/\u{1}", "/\0", "/é"] {
            assert_eq!(fields(odd).path("back"), None, "{odd}");
        }
    }

    #[test]
    fn what_is_wrong_stands_beside_its_field() {
        let form = Form::refused(Fields::default(), OpError::invalid("url", "url_scheme", "must be https")).unwrap();
        assert_eq!(form.error("url"), Some("Must be https."));
        assert_eq!(form.errors_beside(&["url"]).count(), 0);
        assert!(Form::refused(Fields::default(), OpError::NotFound("endpoint")).is_err());
    }
}
