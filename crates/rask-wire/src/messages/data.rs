//! Data connections.

use rask_types::msg::{FetchFailure, FromData, ToData};

use crate::codec::wire_enum;

wire_enum!(ToData {
    0 Fetch { request, values },
    1 Put { request, value, payload, type_name },
});
wire_enum!(FromData {
    0 Value { request, value, result },
    1 Stored { request },
});
wire_enum!(FetchFailure {
    0 Missing,
    1 Unserializable(error),
});
