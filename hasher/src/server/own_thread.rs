//! A server on a thread of its own, so that what the other ports do cannot delay it, nor it them.

use std::io;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::Server;
use crate::telemetry::Tasks;

/// Serves until the pod stops. The thread is one of the pod's tasks: the pod ends after it.
///
/// # Errors
/// The system gives no thread, or no event queue for it.
pub(crate) fn serve_on_own_thread(
    name: &'static str,
    server: Server,
    listener: TcpListener,
    tasks: &Tasks,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // The listener belongs to the runtime that it was opened in, and moves to the thread's own.
    let listener = listener.into_std()?;
    let (ended, has_ended) = oneshot::channel::<()>();
    let of_thread = tasks.clone();
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let stopped = of_thread.stopping().cancelled_owned();
        runtime.block_on(async {
            match TcpListener::from_std(listener) {
                Ok(listener) => server.serve(listener, of_thread, stopped).await,
                Err(error) => tracing::error!(error = %error, "the {name} port is not served"),
            }
        });
        drop(ended);
    })?;
    tasks.spawn(name, async move {
        // The other end is dropped when the thread ends, which is what this waits for.
        drop(has_ended.await);
    });
    Ok(())
}
