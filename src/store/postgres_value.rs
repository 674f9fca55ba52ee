//! How the few kinds of value that go through a connection are written for a PostgreSQL server, and read from it. It knows no
//! statement.

use std::error::Error as StdError;

use bytes::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::connection::Parameter;

/// Stands for the one character that a server's texts can't hold: a code point that is never given to any.
const NUL: &str = "\u{fdd0}";

impl ToSql for Parameter<'_> {
    fn to_sql(&self, wanted: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) if *wanted == Type::INT8 => number.to_sql(wanted, out),
            Self::Integer(number) if *wanted == Type::INT4 => i32::try_from(*number)?.to_sql(wanted, out),
            Self::Integer(number) if *wanted == Type::BOOL => (*number != 0).to_sql(wanted, out),
            Self::Text(text) if *wanted == Type::TEXT && text.contains('\0') => {
                text.replace('\0', NUL).to_sql(wanted, out)
            }
            Self::Text(text) if *wanted == Type::TEXT => text.to_sql(wanted, out),
            Self::Blob(bytes) if *wanted == Type::BYTEA => bytes.to_sql(wanted, out),
            _ => Err(format!("{self:?} was given where the database wants {wanted}").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// What a column holds, as the embedded database would give it: truths are numbers too, and an absent value is of any
/// kind.
pub struct Plain<T>(pub T);

impl FromSql<'_> for Plain<i64> {
    fn from_sql(kind: &Type, raw: &[u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(match *kind {
            Type::INT8 => i64::from_sql(kind, raw)?,
            Type::INT4 => i32::from_sql(kind, raw)?.into(),
            Type::BOOL => bool::from_sql(kind, raw)?.into(),
            _ => return Err(format!("it is {kind} and no number").into()),
        }))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl FromSql<'_> for Plain<String> {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(str::from_utf8(raw)?.replace(NUL, "\0")))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl FromSql<'_> for Plain<Vec<u8>> {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
