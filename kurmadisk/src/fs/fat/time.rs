//! Times as FAT stores them.

use crate::tree::Timestamp;

/// 1980-01-01 00:00:00 UTC, the first time FAT can express.
const FIRST: i64 = 315_532_800;
/// 2107-12-31 23:59:58 UTC, the last one.
const LAST: i64 = 4_354_819_198;
const DAY: i64 = 86_400;

/// A time as a directory entry holds it: UTC, clamped to the years 1980 to 2107.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DosTime {
    /// Year − 1980, month, day: 7, 4 and 5 bits.
    pub date: u16,
    /// Hour, minute, second / 2: 5, 6 and 5 bits.
    pub time: u16,
    /// What [`time`](Self::time) leaves of the second, in 1/100 s: 0 to 199.
    pub hundredths: u8,
}

impl From<Timestamp> for DosTime {
    fn from(at: Timestamp) -> Self {
        let seconds = at.seconds.clamp(FIRST, LAST);
        // A clamped time has no fraction that would mean anything.
        let nanos = if seconds == at.seconds { at.nanos } else { 0 };
        let (year, month, day) = civil(seconds.div_euclid(DAY));
        let of_day = seconds.rem_euclid(DAY);
        let date = (year - 1980) << 9 | month << 5 | day;
        let time = (of_day / 3600) << 11 | (of_day / 60 % 60) << 5 | (of_day % 60 / 2);
        let hundredths = of_day % 2 * 100 + i64::from(nanos.min(999_999_999) / 10_000_000);
        Self {
            date: u16::try_from(date).expect("the year is clamped to 7 bits"),
            time: u16::try_from(time).expect("hours, minutes and seconds fit their bits"),
            hundredths: u8::try_from(hundredths).expect("at most 199"),
        }
    }
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01.
///
/// Counts in years that begin in March, so that the leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    // From 0000-03-01 to 1970-01-01.
    let days = days + 719_468;
    let era = days.div_euclid(DAYS_OF_400_YEARS);
    let day_of_era = days.rem_euclid(DAYS_OF_400_YEARS);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dos(seconds: i64, nanos: u32) -> DosTime {
        Timestamp { seconds, nanos }.into()
    }

    fn fields(at: DosTime) -> [u16; 6] {
        [
            1980 + (at.date >> 9),
            at.date >> 5 & 15,
            at.date & 31,
            at.time >> 11,
            at.time >> 5 & 63,
            (at.time & 31) * 2,
        ]
    }

    #[test]
    fn splits_seconds_into_calendar_fields() {
        // `date -u -d @N` gives these.
        let known = [
            (1_000_000_001, [2001, 9, 9, 1, 46, 40]),
            (951_782_400, [2000, 2, 29, 0, 0, 0]),
            (1_709_251_199, [2024, 2, 29, 23, 59, 58]),
            (4_107_542_400, [2100, 3, 1, 0, 0, 0]),
        ];
        for (seconds, expected) in known {
            assert_eq!(fields(dos(seconds, 0)), expected, "{seconds}");
        }
    }

    #[test]
    fn keeps_hundredths_of_two_seconds() {
        assert_eq!(dos(1_000_000_001, 987_654_321).hundredths, 198);
        assert_eq!(dos(1_000_000_000, 19_999_999).hundredths, 1);
    }

    #[test]
    fn clamps_what_is_out_of_range() {
        let first = [1980, 1, 1, 0, 0, 0];
        let last = [2107, 12, 31, 23, 59, 58];
        assert_eq!(fields(dos(i64::MIN, 5)), first);
        assert_eq!(fields(dos(FIRST - 1, 999_999_999)), first);
        assert_eq!(dos(FIRST - 1, 999_999_999).hundredths, 0);
        assert_eq!(fields(dos(FIRST, 0)), first);
        assert_eq!(fields(dos(LAST, 0)), last);
        assert_eq!(fields(dos(i64::MAX, 0)), last);
    }
}
