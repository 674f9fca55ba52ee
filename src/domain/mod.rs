//! The nouns of Cornet and the rules that hold for them: pure values and functions. It knows no async, no database,
//! no HTTP and no clock; whatever it needs to know is an argument.

pub mod time;
