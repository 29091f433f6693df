//! A hasher that runs out of file descriptors.

use std::time::{Duration, Instant};

use authcluster_tests::eventually::eventually;
use tokio::net::TcpStream;
use tokio::task::LocalSet;

use crate::logins::LoginService;
use crate::site::{Site, runtime};

/// File descriptors of a hasher that has too few of them: some forty more than it needs to start.
const FEW_FILES: u64 = 64;

/// Time in which CPU time is measured while connections are refused.
const REFUSING: Duration = Duration::from_secs(2);

/// The part of a core that a hasher may use while it refuses connections. A loop without a pause uses all of it.
const REFUSING_CPU_MAX: f64 = 0.1;

/// Time for a hasher to serve again after a flood.
const RECOVERY_BOUND: Duration = Duration::from_secs(15);

#[test]
fn a_hasher_without_file_descriptors_waits_and_serves_again() -> anyhow::Result<()> {
    let runtime = runtime()?;
    LocalSet::new().block_on(&runtime, async {
        let limit = format!("--nofile={FEW_FILES}");
        let site = Site::start(&["prlimit".to_owned(), limit]).await?;
        let service = LoginService::new(&site).await?;
        let mut held = Vec::new();
        for _ in 0..FEW_FILES * 2 {
            held.push(TcpStream::connect(site.hasher.api).await?);
        }
        let (before, began) = (site.hasher.cpu_seconds()?, Instant::now());
        let mut ticks = tokio::time::interval(REFUSING);
        ticks.tick().await;
        ticks.tick().await;
        let cores = (site.hasher.cpu_seconds()? - before) / began.elapsed().as_secs_f64();
        println!("a hasher without file descriptors uses {cores:.3} of a core");
        anyhow::ensure!(cores < REFUSING_CPU_MAX, "it used {cores:.2} of a core");
        drop(held);
        eventually("users log in again", RECOVERY_BOUND, || async {
            let logins = service.run(Duration::from_millis(200)).await;
            let failed = logins.iter().find_map(|login| login.failure.clone());
            anyhow::ensure!(failed.is_none(), "{failed:?}");
            Ok(())
        })
        .await
    })
}
