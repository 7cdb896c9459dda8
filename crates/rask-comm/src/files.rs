//! Open files over unix sockets, beside bytes (`SCM_RIGHTS`, see `unix(7)` and `cmsg(3)`).

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// Room for a control message with one file.
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

/// The file is not to be inherited by programs that this one starts.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const RECEIVE_FLAGS: i32 = libc::MSG_CMSG_CLOEXEC;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const RECEIVE_FLAGS: i32 = 0;

// SAFETY: arithmetic on a constant.
const CONTROL_BYTES: usize = unsafe { libc::CMSG_SPACE(size_of::<RawFd>() as u32) } as usize;

/// Sends bytes, and with the first of them `file`.
pub(crate) fn send(socket: RawFd, bytes: &[u8], file: RawFd, flags: i32) -> io::Result<usize> {
    let mut control = Control([0; CONTROL_BYTES]);
    let mut slice = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: all zeros is a valid header; the bytes are only read; the control message is written within `control`, which has
    // room for it.
    let sent = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut slice;
        message.msg_iovlen = 1;
        message.msg_control = (&raw mut control).cast();
        message.msg_controllen = CONTROL_BYTES as _;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as u32) as _;
        libc::CMSG_DATA(header).cast::<RawFd>().write_unaligned(file);
        libc::sendmsg(socket, &raw const message, flags)
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Receives bytes, and the file that came with them, if one did.
pub(crate) fn receive(socket: RawFd, buffer: &mut [MaybeUninit<u8>]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut control = Control([0; CONTROL_BYTES]);
    let mut slice = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: as for `send`; the system writes at most the lengths given. A file that it says it has put into the control
    // message is a new one, and ours.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut slice;
        message.msg_iovlen = 1;
        message.msg_control = (&raw mut control).cast();
        message.msg_controllen = CONTROL_BYTES as _;
        let received = libc::recvmsg(socket, &raw mut message, RECEIVE_FLAGS);
        let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if header.is_null()
            || (*header).cmsg_level != libc::SOL_SOCKET
            || (*header).cmsg_type != libc::SCM_RIGHTS
        {
            return Ok((received, None));
        }
        let data_bytes = ((*header).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
        let data = libc::CMSG_DATA(header).cast::<RawFd>();
        // A peer that sends two at a time is none of ours; the second is closed.
        let files = (0..data_bytes / size_of::<RawFd>()).map(|at| data.add(at).read_unaligned());
        let files: Vec<OwnedFd> = files.map(|file| OwnedFd::from_raw_fd(file)).collect();
        Ok((received, files.into_iter().next()))
    }
}
