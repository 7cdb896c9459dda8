//! How each part of a message becomes bytes and comes back.
//!
//! Structs are their fields in order, enums a byte and the fields of the variant; integers are varints (signed ones zigzag),
//! floats and 128-bit numbers fixed and little-endian, strings and bytes have their length before them. Lists of ids are columns.
//! The macros take a type apart by naming every field, so that a field added to a message does not compile until it
//! is added here, and changes a golden test when it is.

use std::sync::Arc;

use bytes::Bytes;
use rask_types::value::{unzigzag, zigzag};

use crate::error::WireError;
use crate::primitive::{Reader, Writer, get_column, put_column};

/// How many items a list makes room for before it has read any.
const LIST_CAPACITY_MAX: usize = 1024;

/// Something that messages contain. It takes at least one byte.
pub(crate) trait Wire: Sized {
    /// Appends it.
    fn put(&self, w: &mut Writer<'_>);

    /// Reads it.
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError>;

    /// Appends a list of it.
    fn put_list(items: &[Self], w: &mut Writer<'_>) {
        w.varint(items.len() as u64);
        items.iter().for_each(|item| item.put(w));
    }

    /// Reads a list of it.
    fn get_list(r: &mut Reader<'_>) -> Result<Vec<Self>, WireError> {
        let count = r.count()?;
        let mut items = Vec::with_capacity(count.min(LIST_CAPACITY_MAX));
        for _ in 0..count {
            items.push(Self::get(r)?);
        }
        Ok(items)
    }
}

/// An enum whose variant is named apart from its fields, as the messages' are in frame headers.
pub(crate) trait Variants: Sized {
    /// The variant's number.
    fn variant(&self) -> u8;
    /// Appends the variant's fields.
    fn put_fields(&self, w: &mut Writer<'_>);
    /// Reads that variant's fields.
    fn get_fields(variant: u8, r: &mut Reader<'_>) -> Result<Self, WireError>;
}

/// Implements [`Wire`] for a struct: its fields in the given order.
macro_rules! wire_struct {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::codec::Wire for $name {
            fn put(&self, w: &mut $crate::primitive::Writer<'_>) {
                let $name { $($field),* } = self;
                $($crate::codec::Wire::put($field, w);)*
            }
            fn get(r: &mut $crate::primitive::Reader<'_>) -> Result<Self, $crate::error::WireError> {
                Ok($name { $($field: $crate::codec::Wire::get(r)?),* })
            }
        }
    };
}

/// Implements [`Variants`] and [`Wire`] for an enum: its variants with their numbers and fields.
macro_rules! wire_enum {
    ($name:ident { $($number:literal $variant:ident $(($($item:ident),*))? $({ $($field:ident),* $(,)? })?,)* }) => {
        impl $crate::codec::Variants for $name {
            fn variant(&self) -> u8 {
                match self {
                    $($name::$variant { .. } => $number,)*
                }
            }
            #[allow(unused_variables)] // an enum without fields
            fn put_fields(&self, w: &mut $crate::primitive::Writer<'_>) {
                match self {
                    $($name::$variant $(($($item),*))? $({ $($field),* })? => {
                        $($($crate::codec::Wire::put($item, w);)*)?
                        $($($crate::codec::Wire::put($field, w);)*)?
                    })*
                }
            }
            #[allow(unused_variables)]
            fn get_fields(
                variant: u8,
                r: &mut $crate::primitive::Reader<'_>,
            ) -> Result<Self, $crate::error::WireError> {
                Ok(match variant {
                    $($number => $name::$variant
                        $(($({ let $item = $crate::codec::Wire::get(r)?; $item }),*))?
                        $({ $($field: $crate::codec::Wire::get(r)?),* })?,)*
                    found => {
                        return Err($crate::error::WireError::UnknownVariant { what: stringify!($name), found })
                    }
                })
            }
        }
        impl $crate::codec::Wire for $name {
            fn put(&self, w: &mut $crate::primitive::Writer<'_>) {
                w.byte($crate::codec::Variants::variant(self));
                $crate::codec::Variants::put_fields(self, w);
            }
            fn get(r: &mut $crate::primitive::Reader<'_>) -> Result<Self, $crate::error::WireError> {
                let variant = r.byte()?;
                $crate::codec::Variants::get_fields(variant, r)
            }
        }
    };
}

pub(crate) use {wire_enum, wire_struct};

macro_rules! wire_unsigned {
    ($($int:ty),*) => {$(
        impl Wire for $int {
            fn put(&self, w: &mut Writer<'_>) {
                w.varint(u64::from(*self));
            }
            fn get(r: &mut Reader<'_>) -> Result<$int, WireError> {
                r.number()
            }
            fn put_list(items: &[$int], w: &mut Writer<'_>) {
                put_column(w.tail(), items.iter().map(|&item| u64::from(item)));
            }
            fn get_list(r: &mut Reader<'_>) -> Result<Vec<$int>, WireError> {
                get_column(r)
            }
        }
    )*};
}
wire_unsigned!(u16, u32, u64);

macro_rules! wire_fixed {
    ($($number:ty),*) => {$(
        impl Wire for $number {
            fn put(&self, w: &mut Writer<'_>) {
                w.raw(&self.to_le_bytes());
            }
            fn get(r: &mut Reader<'_>) -> Result<$number, WireError> {
                Ok(<$number>::from_le_bytes(r.array()?))
            }
        }
    )*};
}
wire_fixed!(u128, f32, f64);

impl Wire for i32 {
    fn put(&self, w: &mut Writer<'_>) {
        w.varint(zigzag(i64::from(*self)));
    }
    fn get(r: &mut Reader<'_>) -> Result<i32, WireError> {
        i32::try_from(unzigzag(r.varint()?)).map_err(|_| WireError::Overflow)
    }
}

impl Wire for bool {
    fn put(&self, w: &mut Writer<'_>) {
        w.byte(u8::from(*self));
    }
    fn get(r: &mut Reader<'_>) -> Result<bool, WireError> {
        match r.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(WireError::UnknownVariant { what: "bool", found }),
        }
    }
}

impl Wire for String {
    fn put(&self, w: &mut Writer<'_>) {
        w.varint(self.len() as u64);
        w.raw(self.as_bytes());
    }
    fn get(r: &mut Reader<'_>) -> Result<String, WireError> {
        let len = r.count()?;
        Ok(str::from_utf8(r.raw(len)?).map_err(|_| WireError::NotUtf8)?.to_owned())
    }
}

impl Wire for Bytes {
    fn put(&self, w: &mut Writer<'_>) {
        w.bytes(self);
    }
    fn get(r: &mut Reader<'_>) -> Result<Bytes, WireError> {
        r.bytes()
    }
    /// All lengths, then all bytes: read back as slices of one allocation.
    fn put_list(items: &[Bytes], w: &mut Writer<'_>) {
        put_column(w.tail(), items.iter().map(|item| item.len() as u64));
        items.iter().for_each(|item| w.raw_bytes(item));
    }
    fn get_list(r: &mut Reader<'_>) -> Result<Vec<Bytes>, WireError> {
        Ok(get_slices(r)?.collect())
    }
}

/// The items of a list of bytes, as slices of one allocation.
pub(crate) fn get_slices(r: &mut Reader<'_>) -> Result<impl ExactSizeIterator<Item = Bytes>, WireError> {
    let lens: Vec<u64> = get_column(r)?;
    let total = lens.iter().try_fold(0_u64, |sum, &len| sum.checked_add(len)).ok_or(WireError::Overflow)?;
    let blob = r.raw_bytes(usize::try_from(total).map_err(|_| WireError::Overflow)?)?;
    let mut at = 0;
    Ok(lens.into_iter().map(move |len| {
        let start = at;
        at += len as usize;
        blob.slice(start..at)
    }))
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, w: &mut Writer<'_>) {
        w.byte(u8::from(self.is_some()));
        if let Some(item) = self {
            item.put(w);
        }
    }
    fn get(r: &mut Reader<'_>) -> Result<Option<T>, WireError> {
        if bool::get(r)? { T::get(r).map(Some) } else { Ok(None) }
    }
}

impl<T: Wire, E: Wire> Wire for Result<T, E> {
    fn put(&self, w: &mut Writer<'_>) {
        w.byte(u8::from(self.is_err()));
        match self {
            Ok(item) => item.put(w),
            Err(error) => error.put(w),
        }
    }
    fn get(r: &mut Reader<'_>) -> Result<Result<T, E>, WireError> {
        Ok(if bool::get(r)? { Err(E::get(r)?) } else { Ok(T::get(r)?) })
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, w: &mut Writer<'_>) {
        T::put_list(self, w);
    }
    fn get(r: &mut Reader<'_>) -> Result<Vec<T>, WireError> {
        T::get_list(r)
    }
}

impl<T: Wire> Wire for Arc<T> {
    fn put(&self, w: &mut Writer<'_>) {
        T::put(self, w);
    }
    fn get(r: &mut Reader<'_>) -> Result<Arc<T>, WireError> {
        T::get(r).map(Arc::new)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, w: &mut Writer<'_>) {
        self.0.put(w);
        self.1.put(w);
    }
    fn get(r: &mut Reader<'_>) -> Result<(A, B), WireError> {
        Ok((A::get(r)?, B::get(r)?))
    }
}
