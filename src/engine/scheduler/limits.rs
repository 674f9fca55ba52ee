//! How much is done and held at a time. It does not know what of it is.

/// Requests that are begun at a time, for each core (`begun.rs`). In a fan-out to ten endpoints on two cores, 0.60 of the relay's
/// rate were delivered with so many in flight; 0.55 with half of it, 0.56 with twice as many, 0.50 without a bound.
const BEGUN_PER_CORE: usize = 64;

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

impl Limits {
    /// Those of a machine with so many cores.
    pub fn of_cores(cores: usize) -> Self {
        Self {
            in_flight_max: 2_560,
            begun_max: BEGUN_PER_CORE * cores,
            in_flight_bytes_max: 256 * 1024 * 1024,
            in_flight_per_endpoint_max: 64,
            ready_per_endpoint_max: 4_096,
            ready_bytes_max: 64 * 1024 * 1024,
        }
    }
}

impl Default for Limits {
    /// Those of a machine with two cores.
    fn default() -> Self {
        Self::of_cores(2)
    }
}
