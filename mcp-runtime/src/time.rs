//! Durations as people read them, and moments as programs do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SECOND: u128 = 1_000_000_000;

/// What durations are counted in, in nanoseconds. A year has 365.25 days, and a month 30.44.
const UNITS: [(&str, u128); 9] = [
    ("year", 31_557_600 * SECOND),
    ("month", 2_630_016 * SECOND),
    ("day", 86_400 * SECOND),
    ("h", 3_600 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// A duration, as in `2days 1h 30m`.
pub(crate) fn in_words(time: Duration) -> String {
    let mut words = Vec::new();
    let mut rest = time.as_nanos();
    for (unit, length) in UNITS {
        let number = rest / length;
        rest %= length;
        // What is not a word is an abbreviation, and has no plural.
        let is_word = unit.len() > 2;
        match number {
            0 => {}
            2.. if is_word => words.push(format!("{number}{unit}s")),
            _ => words.push(format!("{number}{unit}")),
        }
    }
    if words.is_empty() { "0s".to_owned() } else { words.join(" ") }
}

/// A moment in UTC, to the millisecond, as [RFC 3339] has it. None lies before 1970.
///
/// [RFC 3339]: https://www.rfc-editor.org/rfc/rfc3339
pub(crate) fn rfc3339(moment: SystemTime) -> String {
    let time = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (time.as_secs() / 86_400, time.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", time.subsec_millis())
}

/// Year, month and day so many days after the first of January 1970. Counted are [years that begin in March], so that
/// the day which not all have is the last one.
///
/// [years that begin in March]: https://howardhinnant.github.io/date_algorithms.html#civil_from_days
fn date(days: u64) -> (u64, u64, u64) {
    // The calendar is the same again after 400 years, and the first ones began on the first of March of the year 0.
    let days = days + 719_468;
    let (age, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // March is 0. Five months from there on have 153 days, wherever one begins that has 31.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = 400 * age + year;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_that_not_all_years_have_are_there() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (1_709_251_200, "2024-03-01T00:00:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799, "9999-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00.000Z");
    }

    proptest! {
        #[test]
        fn moments_are_written_as_by_humantime(milliseconds in 0..253_402_300_800_000_u64) {
            let moment = UNIX_EPOCH + Duration::from_millis(milliseconds);
            prop_assert_eq!(rfc3339(moment), humantime::format_rfc3339_millis(moment).to_string());
        }

        #[test]
        fn durations_are_written_as_by_humantime(
            seconds in prop_oneof![0..1_000_u64, 0..100_000_000_u64, any::<u64>()],
            nanoseconds in prop_oneof![Just(0), (0..1_000_u32).prop_map(|it| it * 1_000_000), 0..1_000_000_000_u32],
        ) {
            let time = Duration::new(seconds, nanoseconds);
            prop_assert_eq!(in_words(time), humantime::format_duration(time).to_string());
        }
    }
}
