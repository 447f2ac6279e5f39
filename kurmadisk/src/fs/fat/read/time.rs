//! Times from what FAT stores.

use crate::tree::Timestamp;

const DAY: i64 = 86_400;

/// A date and time of a directory entry, taken for UTC. As with the kernel, what is no date counts as the next
/// that is one: an entry without a date is of 1980-01-01.
pub(super) fn timestamp(date: u16, time: u16) -> Timestamp {
    let (date, time) = (i64::from(date), i64::from(time));
    let year = 1980 + (date >> 9);
    let month = (date >> 5 & 15).clamp(1, 12);
    let day = (date & 31).max(1);
    let seconds = (time >> 11) * 3600 + (time >> 5 & 63) * 60 + (time & 31) * 2;
    Timestamp {
        seconds: days(year, month, day) * DAY + seconds,
        nanos: 0,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, of 1980 or later.
fn days(year: i64, month: i64, day: i64) -> i64 {
    /// Days of a year before each month, counted from March.
    const BEFORE: [i64; 12] = [0, 31, 61, 92, 122, 153, 184, 214, 245, 275, 306, 337];
    // Years that begin in March have the leap day as their last.
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let before = usize::try_from(month).ok().and_then(|at| BEFORE.get(at));
    let leap_days = year / 4 - year / 100 + year / 400;
    // From 0000-03-01 to 1970-01-01.
    year * 365 + leap_days + before.unwrap_or(&0) + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::fat::time::DosTime;

    #[test]
    fn every_day_is_read_as_it_was_written() {
        let (first, last) = (315_532_800, 4_354_819_198);
        for day in 0..(last - first) / DAY {
            // A time of day that goes through all fields.
            let seconds = first + day * DAY + day * 7_654 % DAY / 2 * 2;
            let at = Timestamp { seconds, nanos: 0 };
            let dos = DosTime::from(at);
            assert_eq!(timestamp(dos.date, dos.time), at);
        }
    }

    #[test]
    fn what_is_no_date_is_one() {
        assert_eq!(timestamp(0, 0).seconds, 315_532_800);
        assert_eq!(timestamp(15 << 5, 0), timestamp(12 << 5 | 1, 0));
        assert!(timestamp(u16::MAX, u16::MAX).seconds > timestamp(0, 0).seconds);
    }
}
