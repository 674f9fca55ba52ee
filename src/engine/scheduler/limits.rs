//! How much is done and held at a time. It does not know what of it is.

/// How much is done and held at a time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests in flight.
    pub in_flight_max: usize,
    /// Requests in flight that were begun a moment ago (`begun.rs`).
    pub begun_max: usize,
    /// Payload bytes in flight.
    pub in_flight_bytes_max: usize,
    /// Requests in flight to one endpoint.
    pub in_flight_per_endpoint_max: usize,
    /// Deliveries of one endpoint that wait in memory.
    pub ready_per_endpoint_max: usize,
    /// Payload bytes that wait in memory.
    pub ready_bytes_max: usize,
}

impl Default for Limits {
    /// Those of a machine with two cores.
    fn default() -> Self {
        Self {
            in_flight_max: 2_048,
            begun_max: 128,
            in_flight_bytes_max: 256 * 1024 * 1024,
            in_flight_per_endpoint_max: 64,
            ready_per_endpoint_max: 4_096,
            ready_bytes_max: 64 * 1024 * 1024,
        }
    }
}
