//! One life of a cluster, for each version of a server: formed, handed over, emptied at its address,
//! moved as a whole, with every session there at the end.

use authcluster_operator::plan::topology::PodName;
use authcluster_tests::redis::pods::PodOptions;

use crate::agent;
use crate::cluster::Cluster;

/// Lives it. Returns what the first server says of itself.
pub(crate) async fn live(options: &PodOptions) -> anyhow::Result<String> {
    let mut cluster = Cluster::start_with(options, 3, 1).await?;
    cluster.converge("it forms").await?;
    let keys = cluster.write_sessions(20).await?;
    for pod in cluster.pods.values() {
        agent::assert_nobody_can_destroy(pod).await?;
        assert_eq!(pod.run("ready").await?.code, Some(0));
    }
    let owner = cluster.primary(0).await?;
    agent::assert_users_can_work(cluster.pod(&owner)?).await?;

    let ran = cluster.pod(&owner)?.run("prestop").await?;
    assert_eq!(ran.said, "redis-agent: handed over\n");
    cluster.pod(&owner)?.kill()?;
    cluster.pod(&owner)?.started().await?;
    cluster.converge("the pod is a replica").await?;

    let emptied = cluster.primary(1).await?;
    cluster.pod(&emptied)?.kill()?;
    cluster.pod(&emptied)?.lose_data(false)?;
    cluster.pod(&emptied)?.started().await?;
    cluster.converge("the emptied pod is a replica").await?;
    cluster.assert_sessions(&keys).await?;

    let names: Vec<PodName> = cluster.pods.keys().cloned().collect();
    for name in &names {
        cluster.pod(name)?.kill()?;
        cluster.pod(name)?.move_away()?;
    }
    for name in &names {
        cluster.pod(name)?.start()?;
    }
    cluster.converge("all know each other's new addresses").await?;
    cluster.assert_sessions(&keys).await?;

    let mut connection = cluster.pod(&owner)?.connect("operator").await?;
    Ok(redis::cmd("INFO").arg("server").query_async(&mut connection).await?)
}
