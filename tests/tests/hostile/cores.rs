//! The two cores of a run, and the priorities of the threads that share the second one.

use anyhow::Context as _;
use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// File descriptors for each side of 10,000 connections. Container runtimes give more to a pod.
const FILES: u64 = 16_384;

/// The core of the pod and the core of the generators.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) pod: usize,
    pub(crate) generators: usize,
}

impl Cores {
    /// The first two cores that this process may use.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let (pod, generators) = (cores.next(), cores.next());
        Ok(Self {
            pod: pod.context("no core")?,
            generators: generators.context("two cores are needed: one for the pod alone")?,
        })
    }

    /// Moves the calling thread to the generators' core. `nice` is its priority there, -20 being the first.
    pub(crate) fn join_generators(self, nice: i32) -> anyhow::Result<()> {
        let mut own = CpuSet::new();
        own.set(self.generators);
        sched_setaffinity(None, &own)?;
        setpriority_process(None, nice).context("priorities need root")
    }
}

/// Lets this process, and the pods that it starts, open enough connections.
pub(crate) fn raise_file_limit() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < FILES) {
        let maximum = limit.maximum.map(|maximum| maximum.max(FILES));
        setrlimit(Resource::Nofile, Rlimit { current: Some(FILES), maximum })
            .with_context(|| format!("{FILES} file descriptors are needed: ulimit -n"))?;
    }
    Ok(())
}
