//! The parts that pages are made of: each is a function from values to markup. They know no operation and no request.

pub(super) mod chart;
pub(super) mod data;
pub(super) mod event_tree;
pub(super) mod figures;
pub(super) mod form;
pub(super) mod icon;
pub(super) mod json_tree;
pub(super) mod list;
pub(super) mod notice;
pub(super) mod schedule;
pub(super) mod status;
pub(super) mod test_result;
pub(super) mod time;
