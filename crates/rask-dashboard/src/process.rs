//! What the system knows of this process.

/// Resident memory in bytes; `None` where the system does not tell.
pub(crate) fn rss_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    // SAFETY: asks for a constant of the system.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * u64::try_from(page_bytes).ok()?)
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_some_memory() {
        let bytes = super::rss_bytes().unwrap();
        assert!((100_000..1 << 40).contains(&bytes), "{bytes}");
    }
}
