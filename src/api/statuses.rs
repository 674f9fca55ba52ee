//! The numbers of the Svix API: how a delivery goes, what set an attempt off, and the kinds of answers.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::delivery::{DeliveryState, Standing, Trigger};

/// Declares an enumeration that is a number on the wire.
macro_rules! numbers {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $variant_doc:literal])* $variant:ident = $number:literal,)* }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "u16", into = "u16")]
        pub(super) enum $name { $($(#[doc = $variant_doc])* $variant,)* }

        impl From<$name> for u16 {
            fn from(value: $name) -> Self {
                match value { $($name::$variant => $number,)* }
            }
        }

        impl TryFrom<u16> for $name {
            type Error = String;

            fn try_from(number: u16) -> Result<Self, String> {
                match number {
                    $($number => Ok(Self::$variant),)*
                    _ => Err(format!("must be one of {:?}", [$($number),*])),
                }
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let described = concat!($($doc, "\n",)* $("- ", stringify!($variant), " = ", $number, "\n",)*);
                let object = ObjectBuilder::new().schema_type(Type::Integer).enum_values(Some([$($number),*]));
                object.description(Some(described.trim())).build().into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
        }
    };
}

numbers! {
    /// How a delivery, or an attempt, goes.
    MessageStatus {
        /// The endpoint took the message.
        Success = 0,
        /// The next attempt is to come.
        Pending = 1,
        /// It failed for good.
        Fail = 2,
        /// The request is under way.
        Sending = 3,
        /// The endpoint was deleted first.
        Canceled = 4,
    }
}

numbers! {
    /// The kinds of HTTP status; none is no answer.
    StatusCodeClass {
        /// No answer.
        CodeNone = 0,
        /// 100 to 199.
        Code1xx = 100,
        /// 200 to 299.
        Code2xx = 200,
        /// 300 to 399.
        Code3xx = 300,
        /// 400 to 499.
        Code4xx = 400,
        /// 500 to 599.
        Code5xx = 500,
    }
}

numbers! {
    /// What set an attempt off.
    MessageAttemptTriggerType {
        /// The message was accepted, or the schedule said so.
        Scheduled = 0,
        /// Somebody asked for it.
        Manual = 1,
    }
}

/// The status in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum MessageStatusText {
    /// The endpoint took the message.
    Success,
    /// The next attempt is to come.
    Pending,
    /// It failed for good.
    Fail,
    /// The request is under way.
    Sending,
    /// The endpoint was deleted first.
    Canceled,
}

impl MessageStatus {
    /// How the API tells where a delivery stands. A caller who does not know the status `canceled` reads `success`
    /// in its place, as from the Svix server.
    pub(super) fn of(standing: Standing, expanded: bool) -> Self {
        match standing {
            Standing::Waiting(_) => Self::Pending,
            Standing::Ended(DeliveryState::Delivered) => Self::Success,
            Standing::Ended(DeliveryState::Failed | DeliveryState::Expired) => Self::Fail,
            Standing::Ended(DeliveryState::Cancelled) if expanded => Self::Canceled,
            Standing::Ended(DeliveryState::Cancelled) => Self::Success,
        }
    }

    /// The states of ended deliveries that have this status.
    pub(super) fn ended(self) -> Vec<DeliveryState> {
        match self {
            Self::Success => vec![DeliveryState::Delivered],
            Self::Fail => vec![DeliveryState::Failed, DeliveryState::Expired],
            Self::Canceled => vec![DeliveryState::Cancelled],
            Self::Pending | Self::Sending => Vec::new(),
        }
    }
}

impl From<MessageStatus> for MessageStatusText {
    fn from(status: MessageStatus) -> Self {
        match status {
            MessageStatus::Success => Self::Success,
            MessageStatus::Pending => Self::Pending,
            MessageStatus::Fail => Self::Fail,
            MessageStatus::Sending => Self::Sending,
            MessageStatus::Canceled => Self::Canceled,
        }
    }
}

impl From<Trigger> for MessageAttemptTriggerType {
    fn from(trigger: Trigger) -> Self {
        match trigger {
            Trigger::Scheduled => Self::Scheduled,
            Trigger::Manual => Self::Manual,
        }
    }
}
