//! Reads once more what failed in passing. A picture of the world takes dozens of reads; if each had to go
//! well at the first attempt, one failure in thirty would keep the operator from ever seeing it.

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// Attempts at one read.
const ATTEMPTS: u32 = 3;
/// Pause after the first of them; it doubles. A connection that broke is made anew within it.
const PAUSE: Duration = Duration::from_millis(100);
/// An attempt may take so long, so that all of them fit the time for one picture.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);

/// Why a read failed at last.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the API server said, or why it could not be asked.
    #[error(transparent)]
    Kube(#[from] kube::Error),
    /// It did not answer.
    #[error("no answer within {} s", ATTEMPT_TIMEOUT.as_secs())]
    Timeout,
}

/// What `call` reads, at the first attempt that goes well.
///
/// # Errors
/// That of the last attempt.
pub(super) async fn read_again<T, F>(call: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, kube::Error>>,
{
    let mut pause = PAUSE;
    let mut attempt = 1;
    loop {
        let read = match timeout(ATTEMPT_TIMEOUT, call()).await {
            Ok(read) => read.map_err(Error::Kube),
            Err(_) => Err(Error::Timeout),
        };
        match read {
            Err(error) if attempt < ATTEMPTS && is_in_passing(&error) => {
                sleep(pause).await;
                pause = pause.saturating_mul(2);
                attempt += 1;
            }
            read => return read,
        }
    }
}

/// Whether the same call may go well a moment later. What the API server refuses it refuses again; when it
/// is throttling or unavailable the client has waited already, as long as it was told.
fn is_in_passing(error: &Error) -> bool {
    match error {
        Error::Timeout => true,
        Error::Kube(kube::Error::Api(status)) => status.code == 500,
        Error::Kube(error) => {
            matches!(
                error,
                kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    //! Attempts, on a clock that the test moves.

    use std::cell::Cell;

    use kube::core::Status;

    use super::*;

    fn refused(code: u16) -> kube::Error {
        kube::Error::Api(Box::new(Status { code, ..Status::default() }))
    }

    /// How often is read what fails with these codes, one after the other (0 is a broken connection), and
    /// whether it went well at last.
    async fn attempts(failures: &[u16]) -> (usize, bool) {
        let count = Cell::new(0);
        let read = read_again(|| {
            let failure = failures.get(count.get());
            count.set(count.get() + 1);
            async move {
                match failure {
                    None => Ok(()),
                    Some(0) => Err(kube::Error::Service("broken".into())),
                    Some(code) => Err(refused(*code)),
                }
            }
        })
        .await;
        (count.get(), read.is_ok())
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_in_passing_is_read_up_to_three_times() {
        let broken = 0;
        assert_eq!(attempts(&[]).await, (1, true));
        assert_eq!(attempts(&[500]).await, (2, true));
        assert_eq!(attempts(&[500, broken]).await, (3, true));
        assert_eq!(attempts(&[500, broken, broken]).await, (3, false));
        for code in [403, 404, 410, 429, 503] {
            assert_eq!(attempts(&[code]).await, (1, false), "{code}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn three_times_without_an_answer_is_over_before_the_picture_is() {
        let read = read_again(std::future::pending::<Result<(), kube::Error>>);
        let read = timeout(Duration::from_secs(13), read).await;
        assert!(matches!(read, Ok(Err(Error::Timeout))), "{read:?}");
    }
}
