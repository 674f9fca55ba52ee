//! Times on pages: how long ago, with the exact time behind it, and lengths of time in words.

use std::time::Duration;

use maud::{Markup, html};

use crate::domain::time::Timestamp;

const UNITS: [(&str, u64); 4] = [("day", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000)];

/// A time as the distance from `now`, such as `3 min ago` or `in 2 h`; the exact time stands in its title.
pub fn ago(time: Timestamp, now: Timestamp) -> Markup {
    let text = match time > now {
        true => format!("in {}", length(time.since(now))),
        false if now.since(time) < Duration::from_secs(1) => "just now".to_owned(),
        false => format!("{} ago", length(now.since(time))),
    };
    html! { time.nowrap datetime=(time) title=(time) data-ago { (text) } }
}

/// A time in full, in UTC.
pub fn exact(time: Timestamp) -> Markup {
    html! { time.mono.nowrap datetime=(time) { (time) } }
}

/// A length of time in its largest unit: `3 min`.
pub fn length(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (name, unit) = UNITS.into_iter().find(|(_, unit)| ms >= *unit).unwrap_or(UNITS[3]);
    let count = ms / unit;
    let plural = if name == "day" && count != 1 { "s" } else { "" };
    format!("{count} {name}{plural}")
}

/// How long something took: `0.4 ms`, `12 ms`, `1.2 s`, `3 min`.
pub fn took(duration: Duration) -> String {
    let us = duration.as_micros();
    match us {
        0..1_000 => format!("{:.1} ms", us as f64 / 1_000.0),
        1_000..1_000_000 => format!("{} ms", us / 1_000),
        1_000_000..60_000_000 => format!("{:.1} s", us as f64 / 1_000_000.0),
        _ => length(duration),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_distances() {
        let now = Timestamp::from_ms(1_000_000_000);
        let told = |ms: i64| ago(Timestamp::from_ms(1_000_000_000 + ms), now).into_string();
        assert!(told(-500).contains("just now"));
        assert!(told(-180_000).contains("3 min ago"));
        assert!(told(7_200_000).contains("in 2 h"));
        assert!(told(-172_800_000).contains("2 days ago"));
        assert!(told(-86_400_000).contains("1 day ago"));
    }

    #[test]
    fn lengths_have_the_unit_that_fits() {
        let told = [250, 12_000, 1_234_000, 180_000_000].map(|us| took(Duration::from_micros(us)));
        assert_eq!(told, ["0.2 ms", "12 ms", "1.2 s", "3 min"]);
    }
}
