//! What several messages contain: ids, classes, payloads, errors.

use bytes::Bytes;
use rask_types::columns::NumberedClass;
use rask_types::{
    ClassId, ClientId, ErrorKind, FunctionId, FutureId, Language, Payload, RequestId, RunId, TaskClass,
    TaskError, TaskId, TypeId, WorkerId,
};

use crate::codec::{Wire, wire_enum, wire_struct};
use crate::error::WireError;
use crate::primitive::{Reader, Writer, get_column, put_column};

macro_rules! wire_id {
    ($($name:ident($int:ty)),*) => {$(
        impl Wire for $name {
            fn put(&self, w: &mut Writer<'_>) {
                self.0.put(w);
            }
            fn get(r: &mut Reader<'_>) -> Result<$name, WireError> {
                Wire::get(r).map($name)
            }
        }
    )*};
}
wire_id!(
    TaskId(u32),
    WorkerId(u32),
    ClientId(u32),
    ClassId(u32),
    TypeId(u32),
    RequestId(u32),
    FunctionId(u128)
);

impl Wire for FutureId {
    fn put(&self, w: &mut Writer<'_>) {
        self.0.put(w);
    }
    fn get(r: &mut Reader<'_>) -> Result<FutureId, WireError> {
        Wire::get(r).map(FutureId)
    }
    fn put_list(items: &[FutureId], w: &mut Writer<'_>) {
        put_column(w.tail(), items.iter().map(|item| item.0));
    }
    fn get_list(r: &mut Reader<'_>) -> Result<Vec<FutureId>, WireError> {
        // A newtype of the number: the compiler collects in place.
        Ok(get_column(r)?.into_iter().map(FutureId).collect())
    }
}

impl Wire for RunId {
    fn put(&self, w: &mut Writer<'_>) {
        self.task.put(w);
        self.attempt.put(w);
    }
    fn get(r: &mut Reader<'_>) -> Result<RunId, WireError> {
        Ok(RunId { task: Wire::get(r)?, attempt: Wire::get(r)? })
    }
    /// A column of slots and one of attempts.
    fn put_list(items: &[RunId], w: &mut Writer<'_>) {
        put_column(w.tail(), items.iter().map(|run| u64::from(run.task.0)));
        put_column(w.tail(), items.iter().map(|run| u64::from(run.attempt)));
    }
    fn get_list(r: &mut Reader<'_>) -> Result<Vec<RunId>, WireError> {
        let tasks: Vec<u32> = get_column(r)?;
        let attempts: Vec<u32> = get_column(r)?;
        if tasks.len() != attempts.len() {
            return Err(WireError::Inconsistent("as many slots as attempts"));
        }
        Ok(tasks.into_iter().zip(attempts).map(|(task, attempt)| RunId::new(task, attempt)).collect())
    }
}

impl Wire for Language {
    fn put(&self, w: &mut Writer<'_>) {
        w.byte(*self as u8);
    }
    fn get(r: &mut Reader<'_>) -> Result<Language, WireError> {
        let found = r.byte()?;
        [Language::Literal, Language::Python, Language::Rust]
            .into_iter()
            .find(|&language| language as u8 == found)
            .ok_or(WireError::UnknownVariant { what: "Language", found })
    }
}

wire_struct!(TaskClass {
    prefix,
    function,
    language,
    priority,
    retries,
    workers,
    allow_other_workers,
    resources,
    annotations,
});
wire_struct!(NumberedClass { number, class });
wire_struct!(TaskError { kind, key, text, exception, traceback, traceback_text, worker });
wire_enum!(ErrorKind {
    0 Exception,
    1 KilledWorker { last_worker, allowed_failures, deaths },
    2 Undecodable,
    3 Unserializable,
    4 Refused,
});

impl Wire for Payload {
    fn put(&self, w: &mut Writer<'_>) {
        let Payload { head, buffers, local } = self;
        if local.is_some() {
            w.fail(WireError::LocalPayload);
        }
        w.bytes(head);
        put_buffers(buffers, w);
    }
    fn get(r: &mut Reader<'_>) -> Result<Payload, WireError> {
        Ok(Payload { head: r.bytes()?, buffers: get_buffers(r)?, local: None })
    }
}

/// Buffers beside a head: their number, then each with its length, at an aligned place.
pub(super) fn put_buffers(buffers: &[Bytes], w: &mut Writer<'_>) {
    w.varint(buffers.len() as u64);
    buffers.iter().for_each(|buffer| w.buffer(buffer));
}

pub(super) fn get_buffers(r: &mut Reader<'_>) -> Result<Vec<Bytes>, WireError> {
    let count = r.count()?;
    (0..count).map(|_| r.buffer()).collect()
}
