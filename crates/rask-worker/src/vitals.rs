//! What this process uses.

use rask_types::Tick;

/// Measures CPU between calls.
#[derive(Default)]
pub(crate) struct Vitals {
    last: Option<(Tick, u64)>,
}

impl Vitals {
    /// CPU use since the last call, in percent of one core; 0 the first time.
    pub fn cpu_percent(&mut self, now: Tick) -> f32 {
        let used_ns = cpu_ns();
        let before = self.last.replace((now, used_ns));
        let Some((then, used_before_ns)) = before else { return 0.0 };
        let elapsed_ns = now.ns_since(then);
        if elapsed_ns == 0 {
            0.0
        } else {
            (used_ns.saturating_sub(used_before_ns)) as f32 * 100.0 / elapsed_ns as f32
        }
    }
}

/// CPU time that this process has used, in nanoseconds.
fn cpu_ns() -> u64 {
    let usage = usage();
    let ns = |time: libc::timeval| time.tv_sec as u64 * 1_000_000_000 + time.tv_usec as u64 * 1_000;
    ns(usage.ru_utime) + ns(usage.ru_stime)
}

fn usage() -> libc::rusage {
    // SAFETY: `rusage` is plain numbers, for which zero is valid; the call writes nothing else.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
        usage
    }
}

/// Resident memory of this process, in bytes. Where the system does not tell, the most it ever was.
#[cfg(target_os = "linux")]
pub(crate) fn rss_bytes() -> u64 {
    let resident_pages = || -> Option<u64> {
        let text = std::fs::read_to_string("/proc/self/statm").ok()?;
        text.split(' ').nth(1)?.parse().ok()
    };
    // SAFETY: asks for a constant.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    match resident_pages() {
        Some(pages) => pages * page_bytes.max(0) as u64,
        None => usage().ru_maxrss as u64 * 1024,
    }
}

/// Resident memory of this process, in bytes: the most it ever was.
#[cfg(not(target_os = "linux"))]
pub(crate) fn rss_bytes() -> u64 {
    usage().ru_maxrss as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_uses_cpu_and_memory() {
        assert!(rss_bytes() > 100_000);
        let mut vitals = Vitals::default();
        assert_eq!(vitals.cpu_percent(Tick::ZERO), 0.0);
        let before = cpu_ns();
        let mut sum = 0_u64;
        while cpu_ns() < before + 5_000_000 {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(vitals.cpu_percent(Tick::from_ms(10)) >= 40.0);
    }
}
