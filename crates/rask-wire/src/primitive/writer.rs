//! Appends a body's parts.

use bytes::Bytes;
use rask_types::value::put_varint;

use super::ALIGN;
use crate::error::WireError;
use crate::outgoing::Outgoing;

/// Writes one body at the end of an [`Outgoing`].
pub(crate) struct Writer<'a> {
    out: &'a mut Outgoing,
    body_start: usize,
    error: Option<WireError>,
}

impl<'a> Writer<'a> {
    /// A writer whose body begins at the end of `out`.
    pub fn new(out: &'a mut Outgoing) -> Writer<'a> {
        let body_start = out.end();
        Writer { out, body_start, error: None }
    }

    /// Length of the body so far.
    pub fn body_bytes(&self) -> usize {
        self.out.end() - self.body_start
    }

    /// Notes that the message cannot be sent; the first reason stays.
    pub fn fail(&mut self, error: WireError) {
        self.error.get_or_insert(error);
    }

    /// Length of the whole body, unless something failed.
    pub fn finish(self) -> Result<usize, WireError> {
        let body_bytes = self.body_bytes();
        self.error.map_or(Ok(body_bytes), Err)
    }

    #[inline]
    pub fn byte(&mut self, byte: u8) {
        self.tail().push(byte);
    }

    #[inline]
    pub fn varint(&mut self, number: u64) {
        put_varint(self.tail(), number);
    }

    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.tail().extend_from_slice(bytes);
    }

    /// Length and bytes; long ones are not copied.
    pub fn bytes(&mut self, bytes: &Bytes) {
        self.varint(bytes.len() as u64);
        self.out.push_bytes(bytes);
    }

    /// Bytes without their length; long ones are not copied.
    pub fn raw_bytes(&mut self, bytes: &Bytes) {
        self.out.push_bytes(bytes);
    }

    /// Length, padding up to a multiple of [`ALIGN`], and bytes; long ones are not copied.
    pub fn buffer(&mut self, bytes: &Bytes) {
        self.varint(bytes.len() as u64);
        let padding = self.body_bytes().next_multiple_of(ALIGN) - self.body_bytes();
        self.raw(&[0; ALIGN][..padding]);
        self.out.push_bytes(bytes);
    }

    /// The vector to append small stuff to.
    #[inline]
    pub fn tail(&mut self) -> &mut Vec<u8> {
        self.out.tail()
    }
}
