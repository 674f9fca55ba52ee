//! Schedules read as they are shown, jitter only delays, and no receiver's `Retry-After` surprises Cornet.

use proptest::prelude::*;

use super::*;

/// 2021-02-25T15:02:10Z
const NOW: Timestamp = Timestamp::from_ms(1_614_265_330_000);

fn schedule(text: &str) -> RetrySchedule {
    text.parse().unwrap()
}

#[test]
fn schedules_are_read_and_shown() {
    assert_eq!(RetrySchedule::default().to_string(), "5s,5m,30m,2h,5h,10h,14h,20h,24h");
    assert_eq!(schedule("5s,5m,30m,2h,5h,10h,14h,20h,24h"), RetrySchedule::default());
    assert_eq!(schedule("none"), RetrySchedule::none());
    for (text, shown) in [("250ms", "250ms"), (" 60s , 1500ms", "1m,1500ms"), ("30d", "720h"), ("0ms", "0s")] {
        assert_eq!(schedule(text).to_string(), shown);
    }
    let many = ["1s"; 33].join(",");
    for text in ["", ",", "5", "s", "5 s", "-5s", "+5s", "1.5s", "5s,", "5S", "31d", "30d,30d,30d,1ms", "٥s", &many] {
        assert!(text.parse::<RetrySchedule>().is_err(), "{text}");
    }
    assert!("99999999999999999999999d".parse::<RetrySchedule>().is_err());
    assert!("99999999999999999d".parse::<RetrySchedule>().is_err());
    assert!(["30d"; 3].join(",").parse::<RetrySchedule>().is_ok());
    assert!(["1s"; 32].join(",").parse::<RetrySchedule>().is_ok());
    assert!(RetrySchedule::new(vec![Duration::from_nanos(1)]).is_err());
    let error = "5 seconds".parse::<RetrySchedule>().unwrap_err();
    assert_eq!(error.to_string(), "\"5 seconds\" is not a duration; write `250ms`, `5s`, `30m`, `2h` or `1d`");
}

#[test]
fn a_schedule_ends() {
    let mut random = fastrand::Rng::with_seed(7);
    let schedule = schedule("5s,5m");
    assert_eq!(schedule.next_delay(0, &mut random), Some(Duration::ZERO));
    assert!(schedule.next_delay(2, &mut random).is_some());
    assert_eq!(schedule.next_delay(3, &mut random), None);
    assert_eq!(schedule.next_delay(u32::MAX, &mut random), None);
    assert_eq!(RetrySchedule::none().next_delay(1, &mut random), None);
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let cases = [
        ("120", seconds(120)),
        (" 0 ", seconds(0)),
        ("4294967295", Some(RETRY_AFTER_MAX)),
        ("86401", Some(RETRY_AFTER_MAX)),
        ("Thu, 25 Feb 2021 15:03:10 GMT", seconds(60)),
        ("Thursday, 25-Feb-21 15:03:10 GMT", seconds(60)),
        ("Thu Feb 25 15:03:10 2021", seconds(60)),
        ("Tue Mar  2 15:03:10 2021", Some(RETRY_AFTER_MAX)),
        ("Thu, 25 Feb 2021 15:02:60 GMT", seconds(49)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", seconds(0)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", seconds(0)),
        ("Wed, 01 Dec 9999 23:59:59 GMT", Some(RETRY_AFTER_MAX)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(RETRY_AFTER_MAX)),
        ("Sat, 01 Jan 0000 00:00:00 GMT", seconds(0)),
    ];
    for (text, delay) in cases {
        assert_eq!(parse_retry_after(text, NOW), delay, "{text}");
    }
    let long = "1".repeat(1 << 20);
    for text in [
        "",
        "-5",
        "+5",
        "120.6",
        "NaN",
        "inf",
        "1e30",
        "9e15",
        "4294967296",
        "Wed, 21 Oct 1999",
        &long,
        "120, 240",
        "Thu, 31 Feb 2021 15:03:10 GMT",
        "Thu, 25 Feb 2021 24:03:10 GMT",
        "Thu, 25 Feb 2021 15:03:10 CET",
        "Thu, 25 Feb 2021 15:03:10:00 GMT",
        "Thu, 25 feb 2021 15:03:10 GMT",
        "2021-02-25T15:03:10Z",
        "٥",
        "Thu Feb  15:03:10 2021",
        "Thu, 25 Feb 2021 15:03:61 GMT",
    ] {
        assert_eq!(parse_retry_after(text, NOW), None, "{text}");
    }
}

#[test]
fn only_a_throttling_answer_delays_and_none_hastens() {
    let (five, ten, hour) = (Duration::from_secs(5), Duration::from_secs(10), Duration::from_secs(3600));
    for status in [429, 502, 503, 504] {
        assert_eq!(delay_after_answer(five, status, Some(ten)), ten);
        assert_eq!(delay_after_answer(hour, status, Some(ten)), hour);
        assert_eq!(delay_after_answer(five, status, None), five);
        assert_eq!(delay_after_answer(five, status, Some(Duration::MAX)), RETRY_AFTER_MAX);
    }
    for status in [200, 301, 400, 408, 500, 599] {
        assert_eq!(delay_after_answer(five, status, Some(ten)), five);
    }
}

const NEARLY_A_DATE: &str = "[A-Z][a-z]{2},? [0-9]{1,2}[ -](Jan|Feb|Dec|Xyz)[ -][0-9]{2,4} ([0-9]{2}:?){3} GMT";

proptest! {
    #[test]
    fn schedules_survive_their_text_form(delays_ms in prop::collection::vec(0..=200_000_000u64, 0..=32)) {
        let schedule = RetrySchedule::new(delays_ms.into_iter().map(Duration::from_millis).collect()).unwrap();
        prop_assert_eq!(schedule.to_string().parse::<RetrySchedule>().unwrap(), schedule);
    }

    #[test]
    fn jitter_only_delays(delay_ms in 0..=2_592_000_000u64, seed: u64) {
        let schedule = RetrySchedule::new(vec![Duration::from_millis(delay_ms)]).unwrap();
        let delay = schedule.next_delay(1, &mut fastrand::Rng::with_seed(seed)).unwrap();
        prop_assert!(delay >= Duration::from_millis(delay_ms));
        prop_assert!(delay <= Duration::from_millis(delay_ms + delay_ms / 10));
    }

    #[test]
    fn no_text_makes_it_panic(text: String, now_ms: i64, date in NEARLY_A_DATE) {
        for text in [&text, &date] {
            let _ = text.parse::<RetrySchedule>();
            let delay = parse_retry_after(text, Timestamp::from_ms(now_ms));
            prop_assert!(delay.is_none_or(|delay| delay <= RETRY_AFTER_MAX));
        }
    }
}
