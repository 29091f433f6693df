//! Every version of a server that the lab has an image of.

use std::path::Path;

use authcluster_tests::redis::images::server_of_image;
use authcluster_tests::redis::pods::PodOptions;

use crate::cluster::AGENT;
use crate::scenario::live;

async fn live_on(image: &str, version: &str) -> anyhow::Result<()> {
    let folder = tempfile::Builder::new().prefix("authcluster-image-").tempdir()?;
    let path = Some(server_of_image(image, folder.path())?);
    let said = live(&PodOptions { path, ..PodOptions::of(Path::new(AGENT)) }).await?;
    assert!(said.contains(version), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_7_0() -> anyhow::Result<()> {
    live_on("redis:7.0", "redis_version:7.0.").await
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_8_0() -> anyhow::Result<()> {
    live_on("redis:8.0", "redis_version:8.0.").await
}

#[tokio::test(flavor = "multi_thread")]
async fn valkey_9_1() -> anyhow::Result<()> {
    live_on("valkey:9.1", "valkey_version:9.1.").await
}
