//! What people write for an amount of memory or a length of time: `5GB`, `1.5 GiB`, `30s`, `2 minutes`.

use std::time::Duration;

/// Bytes, such as `5GB`, `5000M`, `1.5 GiB` or `1e9`. Without `i` a unit is a power of 1000, as in Dask.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let unit = unit.to_ascii_lowercase();
    let factor: f64 = match unit.strip_suffix('b').unwrap_or(&unit) {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        "t" => 1e12,
        "p" => 1e15,
        "ki" => 1024_f64,
        "mi" => 1024_f64.powi(2),
        "gi" => 1024_f64.powi(3),
        "ti" => 1024_f64.powi(4),
        "pi" => 1024_f64.powi(5),
        _ => return Err(format!("{text:?} is not an amount of memory (such as 5GB or 1.5GiB)")),
    };
    match number.parse::<f64>() {
        Ok(number) if number >= 0.0 && number * factor < u64::MAX as f64 => Ok((number * factor) as u64),
        _ => Err(format!("{text:?} is not an amount of memory (such as 5GB or 1.5GiB)")),
    }
}

/// A length of time, such as `30`, `30s`, `500ms` or `2 minutes`; a bare number is seconds.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let seconds = match unit.to_ascii_lowercase().as_str() {
        "ms" | "millisecond" | "milliseconds" => 1e-3,
        "" | "s" | "sec" | "second" | "seconds" => 1.0,
        "m" | "min" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => f64::NAN,
    };
    let seconds = number.parse::<f64>().unwrap_or(f64::NAN) * seconds;
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| format!("{text:?} is not a length of time (such as 30s or 2 minutes)"))
}

/// A number and the unit behind it. The `e` of an exponent belongs to the number, the `e` of a unit does not.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let is_number =
        |end: &usize| text.is_char_boundary(*end) && text[..*end].trim_end().parse::<f64>().is_ok();
    let end = (1..=text.len()).rev().find(is_number).unwrap_or(0);
    (text[..end].trim_end(), text[end..].trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_as_people_write_it() {
        for (text, expected) in [
            ("0", 0),
            ("1000", 1000),
            ("5GB", 5_000_000_000),
            ("5 gb", 5_000_000_000),
            ("5000M", 5_000_000_000),
            ("1.5GiB", 1_610_612_736),
            ("1 KiB", 1024),
            ("10e9", 10_000_000_000),
            ("1e3kB", 1_000_000),
            ("12 B", 12),
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "GB", "5 parsecs", "-1", "nan", "inf", "1e30", "5GBB", "é"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn time_as_people_write_it() {
        for (text, expected_ms) in [
            ("30", 30_000),
            ("0.5", 500),
            ("30s", 30_000),
            ("500ms", 500),
            ("2 minutes", 120_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(expected_ms)), "{text}");
        }
        for text in ["", "soon", "-1", "nan", "1e300", "5 parsecs"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
