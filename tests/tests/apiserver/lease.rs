//! Many candidates, one lease: never two leaders, and always one in the end, whatever happens to those
//! who led.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use authcluster_operator::lease::{Candidate, Ended, Fence, LeaseTimes};
use authcluster_tests::apiserver::ApiServer;
use authcluster_tests::eventually::eventually;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use tokio_util::sync::CancellationToken;

/// Short, so that many leaders follow one another within a test.
const TIMES: LeaseTimes = LeaseTimes {
    duration: Duration::from_secs(2),
    renew_every: Duration::from_millis(300),
    renew_deadline: Duration::from_millis(1_000),
    retry_every: Duration::from_millis(100),
    call_timeout: Duration::from_millis(800),
};

const _: () = assert!(TIMES.are_safe());

const CANDIDATES: usize = 10;

/// Counts who leads now.
#[derive(Default)]
struct Office {
    leaders: AtomicU32,
    terms: AtomicU32,
    two_at_once: AtomicBool,
}

/// One time of leading; over when dropped, however that comes.
struct Term(Arc<Office>);

impl Term {
    fn begin(office: &Arc<Office>) -> Self {
        if office.leaders.fetch_add(1, Ordering::SeqCst) > 0 {
            office.two_at_once.store(true, Ordering::SeqCst);
        }
        office.terms.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(office))
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        self.0.leaders.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Leads for `renewals` renewals; `None` leads until stopped.
async fn work(office: Arc<Office>, fence: Fence, renewals: Option<u32>, stop: CancellationToken) {
    let _term = Term::begin(&office);
    let Some(renewals) = renewals else { return stop.cancelled().await };
    let end = tokio::time::sleep(TIMES.renew_every * renewals);
    tokio::select! {
        () = end => {}
        () = stop.cancelled() => {}
    }
    assert!(
        !fence.remaining(tokio::time::Instant::now()).is_zero(),
        "worked on after the end of the lease"
    );
}

#[tokio::test]
async fn ten_candidates_never_lead_at_once_and_each_time_another_follows() -> anyhow::Result<()> {
    let server = ApiServer::get().await?;
    let namespace = server.namespace("lease").await?;
    let api: Api<Lease> = Api::namespaced(server.client().await?, &namespace);
    let office = Arc::new(Office::default());
    let stop = CancellationToken::new();
    let mut tasks = Vec::new();
    for number in 0..CANDIDATES {
        let candidate = Candidate::new(api.clone(), "office", format!("candidate-{number}"), TIMES);
        let (office, stop) = (Arc::clone(&office), stop.clone());
        tasks.push(tokio::spawn(async move {
            // Each leads several times, a little shorter or longer than the others, and hands over.
            let renewals = Some(1 + u32::try_from(number % 3).unwrap_or(0));
            while !stop.is_cancelled() {
                let task = |fence| work(Arc::clone(&office), fence, renewals, stop.clone());
                if candidate.lead(&stop, task).await == Ended::Stopped {
                    return;
                }
            }
        }));
    }
    eventually("fifteen terms", Duration::from_secs(60), || async {
        let terms = office.terms.load(Ordering::SeqCst);
        anyhow::ensure!(terms >= 15, "{terms} terms so far");
        Ok(())
    })
    .await?;
    stop.cancel();
    for task in tasks {
        task.await?;
    }
    assert!(!office.two_at_once.load(Ordering::SeqCst), "two led at once");
    assert_eq!(office.leaders.load(Ordering::SeqCst), 0);
    Ok(())
}

#[tokio::test]
async fn the_lease_of_a_leader_that_dies_is_taken_after_it_has_run_out() -> anyhow::Result<()> {
    let server = ApiServer::get().await?;
    let namespace = server.namespace("lease").await?;
    let api: Api<Lease> = Api::namespaced(server.client().await?, &namespace);
    let office = Arc::new(Office::default());
    let stop = CancellationToken::new();
    let lead = |name: &str| {
        let candidate = Candidate::new(api.clone(), "office", name.to_owned(), TIMES);
        let (office, stop) = (Arc::clone(&office), stop.clone());
        tokio::spawn(async move {
            candidate.lead(&stop, |fence| work(office, fence, None, stop.clone())).await
        })
    };
    let terms = |expect: u32| {
        let office = Arc::clone(&office);
        async move {
            eventually("another term", Duration::from_secs(20), || async {
                let terms = office.terms.load(Ordering::SeqCst);
                anyhow::ensure!(terms == expect, "{terms} terms");
                Ok(())
            })
            .await
        }
    };
    let first = lead("first");
    terms(1).await?;
    let second = lead("second");
    first.abort();
    assert!(first.await.is_err_and(|error| error.is_cancelled()));
    let begun = tokio::time::Instant::now();
    terms(2).await?;
    // What is left of the lease of the dead: it was renewed at most this long before its end.
    let shortest = TIMES.duration.saturating_sub(TIMES.renew_every * 2);
    assert!(begun.elapsed() >= shortest, "taken {:?} after its holder died", begun.elapsed());
    stop.cancel();
    assert_eq!(second.await?, Ended::Done(()));
    assert!(!office.two_at_once.load(Ordering::SeqCst), "two led at once");
    let lease = api.get("office").await?;
    let holder = lease.spec.and_then(|spec| spec.holder_identity);
    assert_eq!(holder, None, "the lease is handed back at the end");
    Ok(())
}
