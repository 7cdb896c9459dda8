//! What this machine is: its cores, its memory, and the addresses by which others know it.

use std::ffi::CStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use rask_comm::Address;

/// Where the addresses that a bound wildcard stands for begin: any address outside of this machine.
const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 9);

/// Cores that this process may use, as far as affinity and control groups tell.
pub(crate) fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32)
}

/// Memory in bytes: the machine's, or what the control group allows of it.
pub(crate) fn memory_bytes() -> u64 {
    // SAFETY: asks for constants of the system.
    let (page, pages) = unsafe { (libc::sysconf(libc::_SC_PAGESIZE), libc::sysconf(libc::_SC_PHYS_PAGES)) };
    let machine = u64::try_from(page).unwrap_or(0) * u64::try_from(pages).unwrap_or(0);
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let read = |path: &&str| std::fs::read_to_string(path).ok()?.trim().parse().ok();
    limits.iter().filter_map(read).fold(machine, u64::min)
}

/// The address under which `peer` sees this machine: the one that a connection there would come from. Sends nothing.
pub(crate) fn ip_towards(peer: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr =
        if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(peer).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// The addresses behind one that was bound: a wildcard stands for this machine's address on its network and the loopback
/// one, any other for itself.
pub(crate) fn contact_addresses(bound: &Address) -> Vec<Address> {
    let Address::Tcp { host, port } = bound else { return vec![bound.clone()] };
    let is_wildcard = host.is_empty() || host.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified());
    if !is_wildcard {
        return vec![bound.clone()];
    }
    let outside = ip_towards(ANYWHERE).filter(|ip| !ip.is_loopback());
    let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
    outside.into_iter().chain([loopback]).map(|ip| Address::tcp(ip.to_string(), *port)).collect()
}

/// The host by which others reach a wildcard; `None` if `host` is an address itself.
pub(crate) fn reachable_host(host: &str) -> Option<String> {
    match contact_addresses(&Address::tcp(host, 0)).swap_remove(0) {
        Address::Tcp { host: reachable, .. } if reachable != host => Some(reachable),
        _ => None,
    }
}

/// The address of a network interface such as `eth0`, IPv4 if it has one.
///
/// # Errors
/// If there is no such interface or it has no address: the text lists those there are.
pub(crate) fn ip_of_interface(name: &str) -> Result<IpAddr, String> {
    let found = interfaces();
    let of_name = |wanted: fn(&IpAddr) -> bool| found.iter().find(|(n, ip)| n == name && wanted(ip));
    if let Some((_, ip)) = of_name(IpAddr::is_ipv4).or_else(|| of_name(IpAddr::is_ipv6)) {
        return Ok(*ip);
    }
    let mut names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    Err(format!("no network interface {name:?} with an IP address here (there are: {})", names.join(", ")))
}

/// All interfaces with their IP addresses.
fn interfaces() -> Vec<(String, IpAddr)> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: the call fills in `first`, a list that is freed below.
    if unsafe { libc::getifaddrs(&mut first) } != 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut next = first;
    // SAFETY: `next` is null or an entry of the list, which lives until it is freed.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ifa_next;
        // SAFETY: the name of an entry is a string that ends with a zero, its address null or of the family it says.
        let (name, ip) = unsafe { (CStr::from_ptr(entry.ifa_name), ip_of(entry.ifa_addr)) };
        found.extend(ip.map(|ip| (name.to_string_lossy().into_owned(), ip)));
    }
    // SAFETY: the list came from `getifaddrs`, and nothing of it is used any more.
    unsafe { libc::freeifaddrs(first) };
    found
}

/// # Safety
/// `address` is null or points to a socket address of the size that its family has.
unsafe fn ip_of(address: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: as promised by the caller.
    let family = libc::c_int::from(unsafe { address.as_ref() }?.sa_family);
    match family {
        libc::AF_INET => {
            // SAFETY: an address of this family has this form; it need not be aligned for it.
            let address = unsafe { address.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: an address of this family has this form; it need not be aligned for it.
            let address = unsafe { address.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(Ipv6Addr::from(address.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_found_and_others_are_listed() {
        let (name, ip) =
            interfaces().into_iter().find(|(_, ip)| ip.is_loopback()).expect("a loopback interface");
        assert!(ip_of_interface(&name).is_ok_and(|found| found.is_loopback()), "{ip}");
        assert!(ip_of_interface("none-such").is_err_and(|text| text.contains(&name)));
    }

    #[test]
    fn a_wildcard_is_never_told_to_others() {
        let addresses = contact_addresses(&Address::tcp("0.0.0.0", 8786));
        assert_eq!(addresses.last(), Some(&Address::tcp("127.0.0.1", 8786)));
        assert!(addresses.iter().all(|address| !address.to_string().contains("0.0.0.0:")));
        assert_eq!(reachable_host("0.0.0.0"), reachable_host(""));
        assert_ne!(reachable_host("0.0.0.0"), None);
        assert_eq!(reachable_host("10.1.2.3"), None);
        let one = Address::tcp("10.1.2.3", 1);
        assert_eq!(contact_addresses(&one), vec![one]);
    }

    #[test]
    fn the_machine_has_something() {
        assert!(cores() >= 1 && memory_bytes() > 1 << 20);
        let peer = SocketAddr::from(([127, 0, 0, 1], 9));
        assert_eq!(ip_towards(peer), Some(IpAddr::from([127, 0, 0, 1])));
    }
}
