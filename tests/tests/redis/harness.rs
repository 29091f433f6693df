//! The harness keeps its own promises.

use std::time::Duration;

use authcluster_tests::redis::{Options, RedisServers, User};

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_forms_with_users_and_replicas() -> anyhow::Result<()> {
    let user = User {
        name: "somebody".to_owned(),
        password: "something".to_owned(),
        rules: "~* &* +@all".to_owned(),
    };
    let options = Options { users: vec![user], ..Options::of(3, 1) };
    let servers = RedisServers::cluster(&options).await?;
    assert_eq!(servers.servers().len(), 6);
    let mut connection = servers.servers()[5].connect().await?;
    let roles: String = redis::cmd("CLUSTER").arg("NODES").query_async(&mut connection).await?;
    assert_eq!(roles.lines().filter(|line| line.contains("slave")).count(), 3, "{roles}");
    servers.sweep().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_comes_back_in_its_place() -> anyhow::Result<()> {
    let mut servers = RedisServers::cluster(&Options::of(3, 0)).await?;
    let id = |text: String| text;
    let myid = async |server: &authcluster_tests::redis::RedisServer| -> anyhow::Result<String> {
        let mut connection = server.connect().await?;
        Ok(id(redis::cmd("CLUSTER").arg("MYID").query_async(&mut connection).await?))
    };
    let before = myid(&servers.servers()[1]).await?;
    servers.server(1).kill()?;
    assert!(servers.servers()[1].connect().await.is_err());
    servers.server(1).restart().await?;
    servers.wait_until_whole(Duration::from_secs(15)).await?;
    assert_eq!(myid(&servers.servers()[1]).await?, before);
    servers.sweep().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_server_names_its_package() {
    let options = Options { program: "no-such-server".to_owned(), ..Options::default() };
    let error = RedisServers::blank(&options).await.expect_err("there is no such program");
    assert!(error.to_string().contains("apt-get install redis-server"), "{error}");
}
