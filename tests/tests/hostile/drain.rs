//! SIGTERM to a hasher whose clients hold connections open.

use std::rc::Rc;
use std::time::{Duration, Instant};

use authcluster_tests::eventually::eventually;
use tokio::task::LocalSet;

use crate::attack::{Attack, Source};
use crate::logins::LoginService;
use crate::site::{Site, runtime};

/// A drain ends within this time: 3 s in which callers are asked to connect elsewhere, and the grace period of 20 s
/// (`FAREWELL` and `GRACE` in `hasher/src/server.rs`), with some room. Kubernetes kills after 30 s.
const DRAIN_BOUND: Duration = Duration::from_secs(25);

/// Connections of each kind that are held open.
const HELD: u64 = 20;

/// Time for connections to be opened.
const OPEN_BOUND: Duration = Duration::from_secs(4);

#[test]
fn a_drain_ends_in_its_grace_period_whatever_clients_hold_open() -> anyhow::Result<()> {
    let runtime = runtime()?;
    LocalSet::new().block_on(&runtime, async {
        let site = Site::start(&[]).await?;
        let service = LoginService::new(&site).await?;
        // Leaves idle connections of both versions of HTTP behind, of a client with a token.
        let logins = service.run(Duration::from_secs(1)).await;
        assert!(logins.iter().all(|login| login.failure.is_none()), "{logins:?}");
        let attacks = [Attack::Silent, Attack::Bodies, Attack::Streams];
        let worlds = attacks.map(|attack| attack.world(Source::OneAddress, &site));
        for world in worlds {
            let world = Rc::new(world?);
            for number in 0..HELD {
                world.open_one(number);
            }
            eventually("the connections are open", OPEN_BOUND, || async {
                let opened = world.observed().opened;
                anyhow::ensure!(opened == HELD, "{opened} are");
                Ok(())
            })
            .await?;
        }
        let began = Instant::now();
        site.hasher.end().await?;
        let took = began.elapsed();
        println!("a drain beside {} withheld connections took {took:?}", HELD * 3);
        anyhow::ensure!(took < DRAIN_BOUND, "it took {took:?}");
        Ok(())
    })
}
