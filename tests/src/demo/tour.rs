//! Calls the API as a login service does: hash at sign-up, login with the stored hash, introspect at
//! each request after that.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use authcluster_lab::lab::Lab;
use authcluster_lab::report::{Report, answer};
use serde_json::{Value, json};
use tokio::process::Command;

use super::{NAME, NAMESPACE, text};
use crate::caller::{Answer, Call, Caller};
use crate::eventually::eventually;

/// A Service leads to a pod a moment after the pod is ready: each node learns it by itself.
const REACHED_WITHIN: Duration = Duration::from_secs(15);

/// One caller of the API.
struct Login {
    caller: Caller,
    to: SocketAddr,
    token: String,
}

/// Makes the calls and prints them.
///
/// # Errors
/// An answer that is not as it should be.
pub(super) async fn take(lab: &Lab, report: Report) -> anyhow::Result<()> {
    report.line(&format!("calling the API by Service {NAME}-hasher, from a node"));
    let folder = tempfile::tempdir()?;
    let ca_file = folder.path().join("ca.crt");
    std::fs::write(&ca_file, secret(lab, &format!("{NAME}-ca"), "tls.crt")?)?;
    let program = caller_program()?;
    let command = Command::from(lab.enter_node_command("node1", text(&program)?)?);
    let service = format!("{NAME}-hasher");
    let get = ["get", "service", &service, "--namespace", NAMESPACE, "--output"];
    let address = lab.kubectl(&[&get[..], &["jsonpath={.spec.clusterIP}:8443"]].concat())?;
    let login = Login {
        caller: Caller::start(command, &ca_file)?,
        to: address.trim().parse().context("the Service has no address")?,
        token: secret(lab, &format!("{NAME}-token-default"), "token")?.trim_end().to_owned(),
    };
    eventually("the Service leads to a hasher", REACHED_WITHIN, || async {
        let answer = login.send("/v1/hash", Some(&json!({"password": "x"}))).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    })
    .await?;
    login.calls().await?;
    report.line("a login on a real Kubernetes");
    Ok(())
}

impl Login {
    async fn calls(&self) -> anyhow::Result<()> {
        let password = "correct horse battery staple";
        let hashed = self.show("/v1/hash", json!({"password": password})).await?;
        let encoded = hashed.get("encoded").and_then(Value::as_str).context("no hash")?;

        let with = |password: &str| {
            json!({
                "username": "alice", "password": password, "encoded": encoded,
                "session": {"data": "demo"},
            })
        };
        let wrong = self.show("/v1/login", with("wrong")).await?;
        ensure!(wrong.get("match") == Some(&json!(false)), "a wrong password is right: {wrong}");
        let right = self.show("/v1/login", with(password)).await?;
        ensure!(right.get("match") == Some(&json!(true)), "the right password is wrong: {right}");

        let session = right.pointer("/session/id").context("no session")?;
        let seen = self.show("/v1/sessions/introspect", json!({"session": session})).await?;
        let whose = (seen.get("active"), seen.get("username"));
        ensure!(whose == (Some(&json!(true)), Some(&json!("alice"))), "no session: {seen}");
        Ok(())
    }

    /// One call, printed with its answer.
    async fn show(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let got = self.send(path, Some(&body)).await?;
        answer(&format!("\n  POST {path} {body}"));
        answer(&format!("  {} {} ({} ms)", got.status, got.body, got.elapsed_ms));
        ensure!(got.status == 200, "{path} answers {got:?}");
        Ok(got.json())
    }

    async fn send(&self, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let call = Call {
            id: 0,
            host: format!("{NAME}-hasher.{NAMESPACE}.svc"),
            to: self.to,
            path: path.to_owned(),
            token: Some(self.token.clone()),
            body: body.map(Value::to_string),
        };
        self.caller.call(call).await
    }
}

fn secret(lab: &Lab, name: &str, key: &str) -> anyhow::Result<String> {
    let template = format!(r#"go-template={{{{index .data "{key}" | base64decode}}}}"#);
    Ok(lab.kubectl(&["get", "secret", name, "--namespace", NAMESPACE, "--output", &template])?)
}

/// The program that calls from within a node, built beside this one.
fn caller_program() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("no path of this program")?;
    let program = own.with_file_name("caller");
    ensure!(program.is_file(), "{} is missing: `make demo` builds it", program.display());
    Ok(program)
}
