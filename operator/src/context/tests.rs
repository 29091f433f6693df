//! What is remembered between passes, on a clock that the test moves.

use std::time::Duration;

use tokio::time::{Instant, advance};

use super::{ClusterKey, EVENT_NEWS_AFTER, Memory, Remembered};
use crate::api::events::{Act, EventReason};
use crate::plan::EventNote;

fn key(name: &str) -> ClusterKey {
    ClusterKey { namespace: "shop".to_owned(), name: name.to_owned() }
}

#[test]
fn failures_are_counted_for_each_resource_until_a_pass_goes_well() {
    let memory = Memory::default();
    assert_eq!([memory.failed(&key("a")), memory.failed(&key("a"))], [1, 2]);
    assert_eq!(memory.failed(&key("b")), 1);
    memory.succeeded(&key("a"));
    assert_eq!(memory.failed(&key("a")), 1);
    memory.applied(&key("b"), Some("refused".to_owned()));
    assert_eq!(memory.of(&key("b")).apply_error.as_deref(), Some("refused"));
    memory.forget(&key("b"));
    assert_eq!(memory.of(&key("b")), Remembered::default());
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "the paused clock of this test")]
async fn an_event_is_said_once_and_again_after_a_while() {
    let memory = Memory::default();
    let note = |text: &str| EventNote {
        warning: false,
        reason: EventReason::Act(Act::Meet),
        note: text.to_owned(),
    };
    let said = |name: &str, text: &str| memory.is_news(&key(name), &note(text), Instant::now());
    assert!(said("a", "one"));
    assert!(!said("a", "one"));
    assert!(said("a", "two"));
    assert!(said("b", "one"));
    advance(EVENT_NEWS_AFTER - Duration::from_secs(1)).await;
    assert!(!said("a", "one"));
    advance(Duration::from_secs(1)).await;
    assert!(said("a", "one"));
}

#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "the paused clock of this test")]
async fn the_time_without_news_is_that_of_each_resource() {
    let memory = Memory::default();
    let quiet = |name: &str, news| memory.quiet(&key(name), news, Instant::now()).as_secs();
    assert_eq!(quiet("a", true), 0);
    advance(Duration::from_secs(5)).await;
    assert_eq!((quiet("a", false), quiet("b", false)), (5, 0));
    advance(Duration::from_secs(5)).await;
    assert_eq!((quiet("a", false), quiet("b", false)), (10, 5));
    assert_eq!((quiet("a", true), quiet("a", false)), (0, 0));
}
