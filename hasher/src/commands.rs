//! The commands of a person at a terminal. Passwords come on standard input, never as an argument,
//! where other users of the machine could read them.

mod batch;
mod calibrate;
mod formats;
mod inspect;
mod lines;
pub(crate) mod output;
mod password;
mod rows;
mod wrap;

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use authcluster_contract::config::HasherConfig;
use authcluster_contract::cost::Argon2idPolicy;
use authcluster_contract::keys::{self, RateSubject};
use authcluster_contract::user::{Realm, UsernameCase};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

use self::password::{UTF16_HINT, is_utf16, read_password};
use crate::args::{BenchArgs, KeyArgs, PolicyArgs, ServeArgs, VerifyArgs};
use crate::bench::{USUAL, Wanted, measure};
use crate::engine::{Arena, compute};
use crate::formats::{Bounds, Stored};
use crate::policy::rehash::Policy;
use crate::start::{
    Place, Running, default_lanes, peppers, peppers_and_current, start_at, user_keys,
};
use crate::telemetry::start_logs;
use crate::work::{Job, Outcome};

pub use self::calibrate::calibrate;
pub use self::formats::formats;
pub use self::inspect::inspect;
pub use self::output::reader_left;
pub use self::wrap::wrap;

/// `hasher serve`: until SIGTERM or SIGINT.
///
/// # Errors
/// See [`start_at`].
pub fn serve(args: &ServeArgs) -> anyhow::Result<()> {
    start_logs(args.log_format, &args.log)?;
    let config = args.configuration()?;
    let workers = workers(config.lanes.unwrap_or_else(default_lanes));
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(workers).enable_all().build()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let place = Place {
            node: args.node_name.clone(),
            pod_ip: args.pod_ip,
            config_file: args.config.clone(),
        };
        let running = start_at(&config, place).await?;
        say_where(&running, &config)?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("draining: nothing new is taken, admitted work is finished");
        anyhow::ensure!(running.shut_down().await, "requests were open after the grace period");
        tracing::info!("ended");
        Ok(())
    })
}

/// Threads for everything but hashing, beside so many lanes. A request takes a tenth of its hash's time here, so
/// that half a thread for each lane is far from busy; and every thread that wakes up for it in vain makes
/// that more (`hasher/ROUTING.md`).
fn workers(lanes: u32) -> usize {
    lanes.div_ceil(2).max(1) as usize
}

fn say_where(running: &Running, config: &HasherConfig) -> anyhow::Result<()> {
    let record = running.local.record();
    let policy = config.password.argon2id;
    tracing::info!(
        api = %running.api,
        admin = %running.admin,
        lanes = record.lanes,
        units_per_second = record.capacity(),
        memory_mib = policy.memory_mib,
        iterations = policy.iterations,
        parallelism = policy.parallelism,
        "serving"
    );
    if config.clients_file.is_none() && std::io::stderr().is_terminal() {
        let json = "-H 'content-type: application/json'";
        let mut out = std::io::stderr().lock();
        writeln!(
            out,
            "\nTry it:\n  curl -s {}/v1/hash {json} -d '{{\"password\":\"correct horse\"}}'",
            running.api
        )?;
        writeln!(
            out,
            "  curl -s {}/v1/verify {json} -d '{{\"password\":\"correct horse\",\"encoded\":\"...\"}}'\n",
            running.api
        )?;
    }
    Ok(())
}

/// `hasher hash`.
///
/// # Errors
/// No password, an empty password, a policy out of bounds, or no memory.
pub fn hash(args: &PolicyArgs) -> anyhow::Result<()> {
    let (policy, _) = policy(args)?;
    let mut arena = Arena::new(policy.cost.memory_kib)?;
    let password = read_password()?;
    // The API hashes an empty password. Here an empty line mostly comes from an unset variable of a script.
    anyhow::ensure!(!password.expose().is_empty(), "the password is empty");
    anyhow::ensure!(!is_utf16(&password), UTF16_HINT);
    let (outcome, _) = compute(&Job::Hash { password, policy }, &mut arena)?;
    if let Outcome::Hashed(encoded) = outcome {
        writeln!(output::stdout(), "{encoded}")?;
    }
    Ok(())
}

/// What new hashes are made with, and the stored ones that can be worked on.
fn policy(args: &PolicyArgs) -> anyhow::Result<(Policy, Bounds)> {
    let PolicyArgs { memory_mib, iterations, parallelism, .. } = *args;
    let cost = Argon2idPolicy { memory_mib, iterations, parallelism }.checked()?;
    let peppers = args.pepper_folder().as_ref().map(peppers_and_current).transpose()?;
    let (peppers, pepper) = peppers.unwrap_or_default();
    Ok((Policy { cost, pepper }, Bounds { peppers, ..Bounds::default() }))
}

/// The stored hashes that can be worked on with the peppers of a folder.
fn bounds(folder: Option<&Path>) -> anyhow::Result<Bounds> {
    let peppers = folder.map(peppers).transpose()?.unwrap_or_default();
    Ok(Bounds { peppers, ..Bounds::default() })
}

/// The smallest arena there is: eight blocks.
const ARENA_KIB_MIN: u32 = 8;

/// `hasher verify`: whether they match, or, of a batch, that all rows were answered.
///
/// # Errors
/// No password, a hash that cannot be worked on, or a file that cannot be read.
pub fn verify(args: &VerifyArgs) -> anyhow::Result<bool> {
    let bounds = bounds(args.peppers.as_deref())?;
    let Some(encoded) = &args.encoded else {
        let file = args.batch.as_deref().context("neither a hash nor a file")?;
        batch::verify(file, args.lanes.unwrap_or_else(default_lanes), &bounds)?;
        return Ok(true);
    };
    // The API reads an empty hash as an account without a password. Here it mostly comes from an unset variable.
    anyhow::ensure!(!encoded.is_empty(), "the stored hash is empty");
    let stored = Arc::new(Stored::parse(encoded, &bounds)?);
    let mut arena = Arena::new(stored.usual_demand().arena_kib().max(ARENA_KIB_MIN))?;
    let password = read_password()?;
    if is_utf16(&password) {
        writeln!(std::io::stderr().lock(), "note: {UTF16_HINT}")?;
    }
    let (outcome, _) = compute(&Job::Verify { password, stored }, &mut arena)?;
    let matches = outcome == Outcome::Verified(true);
    writeln!(output::stdout(), "{}", if matches { "match" } else { "mismatch" })?;
    Ok(matches)
}

/// `hasher bench`.
///
/// # Errors
/// Parameters out of bounds, no memory, or an engine that disagrees with the `argon2` crate.
pub fn bench(args: &BenchArgs) -> anyhow::Result<()> {
    let of = |memory_mib, iterations, parallelism| {
        Argon2idPolicy { memory_mib, iterations, parallelism }.checked()
    };
    let costs = match args.memory_mib {
        Some(memory_mib) => vec![of(memory_mib, args.iterations, args.parallelism)?],
        None => USUAL
            .iter()
            .map(|(memory_mib, iterations)| of(*memory_mib, *iterations, 1))
            .collect::<Result<_, _>>()?,
    };
    let lanes = args.lanes.unwrap_or_else(default_lanes);
    let mut err = std::io::stderr().lock();
    writeln!(err, "{} sets of parameters, {} turns each ...", costs.len(), args.rounds)?;
    let report = measure(&Wanted { costs, lanes, rounds: args.rounds })?;
    let mut out = output::stdout();
    if args.json {
        writeln!(out, "{}", report.json()?)?;
    } else {
        write!(out, "{}", report.table())?;
    }
    Ok(())
}

/// `hasher key`.
///
/// # Errors
/// A name, realm or file that cannot be used.
pub fn key(args: &KeyArgs) -> anyhow::Result<()> {
    let case =
        if args.case_sensitive { UsernameCase::Sensitive } else { UsernameCase::Insensitive };
    let keys = user_keys(Some(&args.key_file), case)?;
    let realm = Realm::new(&args.realm)?;
    let user = match (&args.user_id, &args.name) {
        (Some(user_id), _) => keys.user_of_id(&realm, user_id)?,
        (None, name) => keys.user(&realm, name.as_deref().unwrap_or_default())?,
    };
    let mut names = vec![
        keys::user_sessions(&user),
        keys::user_generation(&user),
        keys::migration_lock(&user),
        keys::migration_status(&user),
        keys::rate(RateSubject::User(&user)),
        keys::known_pair(&user),
        keys::login_failures(&user),
    ];
    if let Some(address) = args.address.map(|address| keys.address(&realm, address)) {
        names.push(keys::rate(RateSubject::Address(&address.own)));
        for wider in address.around.iter().flat_map(|around| [&around.of_56, &around.of_48]) {
            names.push(keys::rate(RateSubject::Address(wider)));
        }
        names.push(keys::rate(RateSubject::UserAndAddress(&user, &address.own)));
    }
    let mut out = output::stdout();
    for name in names {
        writeln!(out, "{name}")?;
    }
    Ok(())
}
