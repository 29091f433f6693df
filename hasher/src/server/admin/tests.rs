//! The pulse of the pod's own runtime.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_runtime_that_stands_still_is_seen() {
    let pulse = Arc::new(Pulse::default());
    assert!(pulse.is_steady());
    tokio::time::advance(PULSE_TIMEOUT).await;
    assert!(!pulse.is_steady());
    let stopped = CancellationToken::new();
    let beats = async {
        while !pulse.is_steady() {
            tokio::task::yield_now().await;
        }
        stopped.cancel();
    };
    futures::join!(Arc::clone(&pulse).beat(stopped.clone()), beats);
    tokio::time::advance(PULSE_TIMEOUT).await;
    assert!(!pulse.is_steady(), "nothing beats any more");
}
