//! `hasher load`: an open-loop load generator for the API.
//!
//! *Open*: each request is sent at its scheduled time, however many are still unanswered. A generator that
//! waits for answers slows down with its server and measures nothing but its own patience (coordinated
//! omission). Latencies count from the scheduled time, so a generator that is itself late shows in them,
//! and says so.

mod client;
mod report;
mod schedule;
mod tally;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use self::client::Target;
use self::report::{Report, Sending};
use self::schedule::{Arrival, Schedule};
use self::tally::Tally;
use crate::args::LoadArgs;
use crate::clock;
use crate::commands::output;
use crate::telemetry::Tasks;

/// `hasher load`.
///
/// # Errors
/// A target that is not this machine and was not said to be one's own, a file that cannot be read, or a
/// server that does not answer before it begins.
pub fn load(args: &LoadArgs) -> anyhow::Result<()> {
    let urls = client::urls(&args.urls, args.i_own_the_target)?;
    let schedule = Schedule::new(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let target = Arc::new(Target::new(args, urls).await?);
        let tally = Arc::new(Tally::new()?);
        anyhow::Ok(run(args, target, schedule, tally).await)
    })?;
    let mut out = output::stdout();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        write!(out, "{}", report.table()?)?;
    }
    Ok(())
}

async fn run(
    args: &LoadArgs,
    target: Arc<Target>,
    schedule: Schedule,
    tally: Arc<Tally>,
) -> Report {
    let tasks = Tasks::default();
    tasks.spawn("progress", progress(Arc::clone(&tally), tasks.clone()));
    let stop = CancellationToken::new();
    tasks.spawn("signals", cancel_when_told(stop.clone(), tasks.stopping()));
    let (start, cpu) = (clock::now(), clock::process_cpu());
    for Arrival { after, user, call } in schedule {
        let scheduled = start + after;
        if stop.run_until_cancelled(sleep_until(scheduled.into())).await.is_none() {
            break;
        }
        let late = clock::now().saturating_duration_since(scheduled);
        tally.sent(late);
        let (target, tally) = (Arc::clone(&target), Arc::clone(&tally));
        tasks.spawn("request", async move {
            let answer = target.call(call, user).await;
            tally.answered(&answer, clock::now().saturating_duration_since(scheduled));
        });
    }
    // Answers that are on their way; each gives up by itself.
    let end = start + Duration::from_secs(args.duration_seconds);
    stop.run_until_cancelled(sleep_until(end.into())).await;
    let sending = Sending {
        time: clock::now().saturating_duration_since(start),
        good: tally.good(),
        cpu: clock::process_cpu().saturating_sub(cpu),
    };
    while tally.open() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tasks.stop();
    tasks.all_done().await;
    tally.report(sending)
}

/// Ctrl-C, and the end of a pod: what was measured so far is told all the same.
async fn cancel_when_told(stop: CancellationToken, over: CancellationToken) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = over.cancelled() => {}
    }
    stop.cancel();
}

/// A line each second, on standard error.
async fn progress(tally: Arc<Tally>, tasks: Tasks) {
    let stopping = tasks.stopping();
    let mut seconds = interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    seconds.tick().await;
    let mut second = 0_u64;
    while stopping.run_until_cancelled(seconds.tick()).await.is_some() {
        second = second.saturating_add(1);
        let line = tally.line();
        // Nobody is left to tell when standard error is gone.
        drop(writeln!(std::io::stderr().lock(), "{second:>5} s  {line}"));
    }
}

/// The token, from wherever it was given.
fn token(args: &LoadArgs) -> anyhow::Result<Option<String>> {
    match (&args.token, &args.token_file) {
        (Some(token), _) => Ok(Some(token.clone())),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            Ok(Some(text.trim().to_owned()))
        }
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests;
