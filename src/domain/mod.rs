//! The nouns of Cornet and the rules that hold for them: pure values and functions. It knows no async, no database,
//! no HTTP and no clock; whatever it needs to know is an argument.

pub mod application;
pub mod attempt;
pub mod audit;
pub mod catalogue;
pub mod checksum;
pub mod delivery;
pub mod endpoint;
pub mod envelope;
pub mod environment;
pub mod event_type;
pub mod failing;
pub mod figures;
pub mod finding;
pub mod happening;
pub mod header;
pub mod id;
pub mod inbox;
pub mod json;
pub mod key;
pub mod message;
pub mod name;
pub mod network;
pub mod node;
pub mod other_clocks;
pub mod own_names;
pub mod portal;
pub mod preset;
pub mod quota;
pub mod retry;
pub mod schema;
pub mod secret;
pub mod session;
pub mod signature;
pub mod target;
pub mod time;
