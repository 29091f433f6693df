//! The pulse of the pod's own runtime, and how often metrics are encoded.

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

#[test]
fn a_flood_of_reads_encodes_twenty_texts_a_second() {
    let began = clock::now();
    let mut allowance = EncodingAllowance { next: began };
    let encoded = |allowance: &mut EncodingAllowance, from: Instant, seconds: u32| {
        let reads = (0..seconds * 500).map(|read| from + read * Duration::from_millis(2));
        reads.filter(|now| allowance.take(*now)).count()
    };
    assert_eq!(encoded(&mut allowance, began, 10), 100 + 10 * 20);
    // An hour without reads fills the burst, and no more than that.
    let later = began + Duration::from_secs(3600);
    assert_eq!((0..500).filter(|_| allowance.take(later)).count(), 100);
}
