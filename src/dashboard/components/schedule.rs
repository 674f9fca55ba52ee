//! A retry schedule, drawn as the attempts that it comes to.

use std::time::Duration;

use maud::{Markup, html};

use crate::dashboard::words;
use crate::domain::retry::RetrySchedule;

/// The attempts of a schedule, each with how long it comes after the one before and after the first.
pub fn timeline(schedule: &RetrySchedule) -> Markup {
    let mut total = Duration::ZERO;
    html! {
        ol.schedule {
            li { span.text { "At once" } span.faint.small { "first attempt" } }
            @for delay in schedule.delays() {
                @let () = total += *delay;
                li {
                    span.text { "+ " (words::duration(*delay)) }
                    span.faint.small { (words::duration(total)) " in" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::timeline;
    use crate::domain::retry::RetrySchedule;

    #[test]
    fn each_attempt_is_told_by_its_delay_and_by_the_time_since_the_first() {
        let shown = timeline(&RetrySchedule::every_two_hours_twice()).into_string();
        assert_eq!(shown.matches("<li>").count(), 3);
        assert!(shown.contains("+ 2 hours") && shown.contains("4 hours in"), "{shown}");
    }
}
