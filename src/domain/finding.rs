//! What an examination of an installation finds: one line for each thing that was looked at, how it is, and what to do
//! about it.

/// How something that was looked at is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// As it should be.
    Fine,
    /// It works, and could hurt one day.
    Warning,
    /// It does not work, or loses something.
    Problem,
}

impl Grade {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: &'static str,
    /// How it is.
    pub grade: Grade,
    /// What was found.
    pub text: String,
    /// What to do about it.
    pub advice: Option<String>,
}

impl Finding {
    /// It is as it should be.
    pub fn fine(subject: &'static str, text: impl Into<String>) -> Self {
        Self { subject, grade: Grade::Fine, text: text.into(), advice: None }
    }

    /// It could hurt one day.
    pub fn warning(subject: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { subject, grade: Grade::Warning, text: text.into(), advice: Some(advice.into()) }
    }

    /// It does not work, or loses something.
    pub fn problem(subject: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { subject, grade: Grade::Problem, text: text.into(), advice: Some(advice.into()) }
    }
}
