//! Random numbers from the system, for secrets, ids and sessions.

/// `N` random bytes.
///
/// # Panics
/// If the system has no entropy to give: nothing secure could be started then.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// 64 random bits.
pub fn random_u64() -> u64 {
    u64::from_ne_bytes(random_bytes())
}

/// A random UUID (version 4) as text.
pub fn random_uuid() -> String {
    let mut bytes: [u8; 16] = random_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
