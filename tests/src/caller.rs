//! Calls the API of an AuthCluster inside the lab, through `src/bin/caller.rs`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;

/// One request, as a line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Comes back with the answer.
    pub id: u64,
    /// The name that the certificate must carry.
    pub host: String,
    /// Where to connect.
    pub to: SocketAddr,
    /// Path of the URL.
    pub path: String,
    /// Bearer token, if any.
    pub token: Option<String>,
    /// Body as it is sent, by POST; without one it is a GET.
    pub body: Option<String>,
}

/// One answer, as a line of JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// The call's.
    pub id: u64,
    /// The HTTP status; 0 when there was no answer.
    pub status: u16,
    /// The node that did the work, when the reply says so.
    pub node: Option<String>,
    /// The body.
    pub body: String,
    /// From sending to the last byte, in milliseconds.
    pub elapsed_ms: u64,
    /// Why there was no answer.
    pub error: Option<String>,
}

impl Answer {
    /// The body as JSON; `null` when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The text at a JSON pointer (RFC 6901) in the body.
    #[must_use]
    pub fn text(&self, pointer: &str) -> Option<String> {
        self.json().pointer(pointer)?.as_str().map(ToOwned::to_owned)
    }
}

type Waiting = Arc<Mutex<BTreeMap<u64, oneshot::Sender<Answer>>>>;

/// The running program, and who waits for which answer.
pub struct Caller {
    input: tokio::sync::Mutex<(u64, ChildStdin)>,
    waiting: Waiting,
    _child: Child,
}

impl Caller {
    /// Starts the program: `command` runs it inside a node's network.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(mut command: Command, ca_file: &Path) -> anyhow::Result<Self> {
        let mut child = command
            .arg(ca_file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the caller in the lab")?;
        let input = child.stdin.take().context("the caller has no standard input")?;
        let output = child.stdout.take().context("the caller has no standard output")?;
        let waiting = Waiting::default();
        let who_waits = Arc::clone(&waiting);
        tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let Ok(answer) = serde_json::from_str::<Answer>(&line) else { continue };
                let waits =
                    who_waits.lock().ok().and_then(|mut waiting| waiting.remove(&answer.id));
                if let Some(waits) = waits {
                    // Whoever gave up waiting does not need the answer.
                    drop(waits.send(answer));
                }
            }
            // The program has ended: everyone who waits learns it from the closed channel.
            if let Ok(mut waiting) = who_waits.lock() {
                waiting.clear();
            }
        });
        Ok(Self { input: tokio::sync::Mutex::new((0, input)), waiting, _child: child })
    }

    /// Makes one call and waits for its answer. A call that got no answer from the API is an
    /// [`Answer`] with status 0, because the tests count those.
    ///
    /// # Errors
    /// The program has ended.
    pub async fn call(&self, mut call: Call) -> anyhow::Result<Answer> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut input = self.input.lock().await;
            input.0 += 1;
            call.id = input.0;
            self.waiting
                .lock()
                .map_err(|_| anyhow::anyhow!("the reader of answers has failed"))?
                .insert(call.id, sender);
            let line = serde_json::to_string(&call)? + "\n";
            input.1.write_all(line.as_bytes()).await.context("the caller has ended")?;
        }
        receiver.await.context("the caller has ended")
    }
}
