//! The hashers' store on every version of a server that the lab has an image of.

use authcluster_hasher::store::conformance::{check_all, session_settings};
use authcluster_tests::redis::images::server_of_image;
use authcluster_tests::redis::{Options, RedisServers};
use futures::FutureExt as _;

use crate::shared::{Access, Connected, options};

async fn conforms_on(image: &str, version: &str) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("authcluster-image-").tempdir()?;
    let path = server_of_image(image, folder.path())?;
    let mut programs = std::fs::read_dir(path)?;
    let program = programs.next().expect("one program")?.path();
    let options = Options { program: program.display().to_string(), ..options(3, 1) };
    let servers = RedisServers::cluster(&options).await?;
    let mut info = redis::cmd("INFO");
    let mut first = servers.servers()[0].connect().await?;
    let said: String = info.arg("server").query_async(&mut first).await?;
    assert!(said.contains(version), "{said}");
    let access = Access::of(&servers)?.patient();
    let connected = Connected::start_with(&access, session_settings())?.reached().await?;
    // The waits are what is tested: times to live pass in Redis alone.
    check_all(&*connected.store, "redis", &|time| tokio::time::sleep(time).boxed()).await;
    servers.sweep().await
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_7_0() -> anyhow::Result<()> {
    conforms_on("redis:7.0", "redis_version:7.0.").await
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_8_0() -> anyhow::Result<()> {
    conforms_on("redis:8.0", "redis_version:8.0.").await
}

#[tokio::test(flavor = "multi_thread")]
async fn valkey_9_1() -> anyhow::Result<()> {
    conforms_on("valkey:9.1", "valkey_version:9.1.").await
}
