//! Waits for a level with a bound and a name, instead of sleeping.

use std::future::Future;
use std::time::{Duration, Instant};

/// Time between two looks. Short enough not to matter beside any bound, long enough to leave the
/// two cores of a small machine to what is waited for.
const INTERVAL: Duration = Duration::from_millis(25);

/// Calls `check` until it succeeds, and gives back what it found.
///
/// # Errors
/// When `bound` has passed: names `what` and the last thing that was wrong with it.
pub async fn eventually<T, C, F>(what: &str, bound: Duration, mut check: C) -> anyhow::Result<T>
where
    C: FnMut() -> F,
    F: Future<Output = anyhow::Result<T>>,
{
    let end = Instant::now() + bound;
    let mut last = anyhow::anyhow!("the first look did not come back");
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, check()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => last = error,
            Err(_) => {}
        }
        // A check that never waits is done before any timeout can end it.
        if Instant::now() >= end {
            return Err(last.context(format!("not within {bound:?}: {what}")));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    //! The bound holds, whatever the check does.

    use std::time::Duration;

    use super::eventually;

    #[tokio::test]
    async fn a_wait_ends() {
        let bound = Duration::from_millis(60);
        let waited =
            eventually("now", bound, async || Err::<(), _>(anyhow::anyhow!("not yet"))).await;
        assert!(format!("{:#}", waited.unwrap_err()).contains("now: not yet"));
        let waited = eventually("never", bound, std::future::pending::<anyhow::Result<()>>).await;
        assert!(format!("{:#}", waited.unwrap_err()).contains("never"));
    }
}
