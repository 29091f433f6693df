//! Tells in events of the resource what was done. An event that cannot be written is no reason to stop
//! working, and one that says the same as a moment ago is not written again.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType};
use tracing::debug;

use super::guarded;
use crate::context::{ClusterKey, Context};
use crate::error::chain;
use crate::plan::EventNote;

/// Longest note that the API server takes, in bytes.
const NOTE_BYTES_MAX: usize = 1_024;

/// Publishes events of the resource at `reference`.
pub(crate) async fn apply_events(
    context: &Context,
    key: &ClusterKey,
    reference: &ObjectReference,
    events: Vec<EventNote>,
) {
    let now = context.clock.instant();
    for note in events {
        if !context.memory.is_news(key, &note, now) {
            continue;
        }
        let EventNote { warning, reason, note } = note;
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            action: reason.to_string(),
            reason: reason.to_string(),
            note: Some(cut(note)),
            secondary: None,
        };
        match guarded(context, context.recorder.publish(&event, reference)).await {
            Ok(Ok(())) => context.metrics.wrote("Event"),
            Ok(Err(error)) => debug!(cluster = %key, error = chain(&error), "no event"),
            Err(error) => debug!(cluster = %key, error = chain(&error), "no event"),
        }
    }
}

/// As much of `note` as fits.
fn cut(mut note: String) -> String {
    if note.len() > NOTE_BYTES_MAX {
        let mut end = NOTE_BYTES_MAX - '…'.len_utf8();
        while !note.is_char_boundary(end) {
            end -= 1;
        }
        note.truncate(end);
        note.push('…');
    }
    note
}

#[cfg(test)]
mod tests {
    //! Long notes.

    use super::{NOTE_BYTES_MAX, cut};

    #[test]
    fn a_long_note_is_cut_between_characters() {
        for text in ["x".repeat(3_000), "ä".repeat(2_000)] {
            let note = cut(text);
            assert!(
                note.len() <= NOTE_BYTES_MAX && note.len() > NOTE_BYTES_MAX - 8,
                "{}",
                note.len()
            );
            assert!(note.ends_with('…'));
        }
        assert_eq!(cut("short".to_owned()), "short");
    }
}
