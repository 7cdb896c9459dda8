//! Takes a body's parts apart.

use bytes::Bytes;

use super::ALIGN;
use crate::LARGE_BYTES;
use crate::error::WireError;

/// Reads one body.
pub(crate) struct Reader<'a> {
    body: &'a [u8],
    at: usize,
    /// The body's own allocation, if it has one: long slices then share it.
    owner: Option<&'a Bytes>,
}

impl<'a> Reader<'a> {
    /// A reader of a body that lies in someone's buffer: whatever outlives the call is copied.
    pub fn borrowed(body: &'a [u8]) -> Reader<'a> {
        Reader { body, at: 0, owner: None }
    }

    /// A reader of a body with an allocation of its own.
    pub fn owned(body: &'a Bytes) -> Reader<'a> {
        Reader { body, at: 0, owner: Some(body) }
    }

    /// Bytes left.
    #[inline]
    pub fn remaining(&self) -> usize {
        self.body.len() - self.at
    }

    /// Fails unless everything was read.
    pub fn finish(&self) -> Result<(), WireError> {
        if self.remaining() == 0 { Ok(()) } else { Err(WireError::TrailingBytes) }
    }

    #[inline]
    pub fn byte(&mut self) -> Result<u8, WireError> {
        let byte = *self.body.get(self.at).ok_or(WireError::Truncated)?;
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    pub fn raw(&mut self, n: usize) -> Result<&'a [u8], WireError> {
        let slice = self.body[self.at..].get(..n).ok_or(WireError::Truncated)?;
        self.at += n;
        Ok(slice)
    }

    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (array, _) = self.body[self.at..].split_first_chunk::<N>().ok_or(WireError::Truncated)?;
        self.at += N;
        Ok(*array)
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        let byte = self.byte()?;
        if byte < 0x80 { Ok(u64::from(byte)) } else { self.long_varint(byte) }
    }

    fn long_varint(&mut self, first: u8) -> Result<u64, WireError> {
        let mut number = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(WireError::Overflow);
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(WireError::Overflow)
    }

    /// A varint that must fit `T`.
    #[inline]
    pub fn number<T: TryFrom<u64>>(&mut self) -> Result<T, WireError> {
        T::try_from(self.varint()?).map_err(|_| WireError::Overflow)
    }

    /// How many things follow, each of which takes a byte at least: a lying count fails here.
    #[inline]
    pub fn count(&mut self) -> Result<usize, WireError> {
        let count: usize = self.number()?;
        if count > self.remaining() { Err(WireError::Truncated) } else { Ok(count) }
    }

    /// Length and bytes.
    pub fn bytes(&mut self) -> Result<Bytes, WireError> {
        let len = self.count()?;
        self.raw_bytes(len)
    }

    /// `n` bytes that outlive the body. Short ones are copied, so that they do not keep a long body alive.
    pub fn raw_bytes(&mut self, n: usize) -> Result<Bytes, WireError> {
        let start = self.at;
        let slice = self.raw(n)?;
        Ok(match self.owner {
            Some(owner) if n >= LARGE_BYTES => owner.slice(start..start + n),
            _ => Bytes::copy_from_slice(slice),
        })
    }

    /// What [`Writer::buffer`](super::Writer::buffer) wrote.
    pub fn buffer(&mut self) -> Result<Bytes, WireError> {
        let len = self.count()?;
        let padding = self.at.next_multiple_of(ALIGN) - self.at;
        self.raw(padding)?;
        self.raw_bytes(len)
    }
}
