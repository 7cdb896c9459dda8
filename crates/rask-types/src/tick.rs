//! Time as the cores see it: a number handed in, never read from a clock.

use std::ops::{Add, Sub};

/// Nanoseconds since an arbitrary origin that one process keeps for its life. Drivers stamp events with it;
/// logs replay and simulators invent it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Tick(pub u64);

impl Tick {
    /// The origin.
    pub const ZERO: Tick = Tick(0);

    /// A tick `ms` milliseconds after the origin.
    pub const fn from_ms(ms: u64) -> Tick {
        Tick(ms * 1_000_000)
    }

    /// Nanoseconds from `earlier` to `self`, zero if `earlier` is later.
    pub const fn ns_since(self, earlier: Tick) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This tick, `ns` nanoseconds later.
    pub const fn plus_ns(self, ns: u64) -> Tick {
        Tick(self.0.saturating_add(ns))
    }

    /// This tick, `ms` milliseconds later.
    pub const fn plus_ms(self, ms: u64) -> Tick {
        self.plus_ns(ms.saturating_mul(1_000_000))
    }

    /// This tick, `ms` milliseconds earlier, but not before zero.
    pub const fn minus_ms(self, ms: u64) -> Tick {
        Tick(self.0.saturating_sub(ms.saturating_mul(1_000_000)))
    }
}

impl Add<u64> for Tick {
    type Output = Tick;
    fn add(self, ns: u64) -> Tick {
        self.plus_ns(ns)
    }
}

impl Sub<Tick> for Tick {
    type Output = u64;
    fn sub(self, earlier: Tick) -> u64 {
        self.ns_since(earlier)
    }
}
