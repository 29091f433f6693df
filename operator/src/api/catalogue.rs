//! `operator/STATUS.md`: every word that the status and the events may hold, written by a test from the
//! code. `make golden` writes it again.

use std::fmt::Write as _;

use expect_test::expect_file;
use kube::CustomResourceExt as _;

use super::AuthCluster;
use super::conditions::{ConditionType, Reason};
use super::events::Act;
use super::names::{ANNOTATION_ACCEPT_DATA_LOSS, PORT_ADMIN};
use super::spec::LegacyBounds;

const HEAD: &str = "\
# What the status says

Written from the code by `make golden`: these lists are closed, and alerts may match on their words. Messages and
`status.plan` are for people and change. Each condition carries the generation that it speaks of, so
`kubectl wait --for=condition=Ready ac/NAME` is right at any moment; GitOps tools read `Ready`, `Reconciling` and `Stalled` as kstatus.
";

fn table(text: &mut String, head: [&str; 2], rows: impl Iterator<Item = (String, String)>) {
    writeln!(text, "\n| {} | {} |\n|---|---|", head[0], head[1]).unwrap();
    for (word, meaning) in rows {
        writeln!(text, "| {word} | {meaning} |").unwrap();
    }
}

fn page() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n## `kubectl get ac`\n");
    let crd = AuthCluster::crd();
    let columns = crd.spec.versions.into_iter().flat_map(|it| it.additional_printer_columns);
    let columns =
        columns.flatten().filter_map(|it| Some((it.name.to_uppercase(), it.description?)));
    table(&mut text, ["column", "meaning"], columns);
    text.push_str("\n## Conditions\n");
    let word = |name: &str| format!("`{name}`");
    let rows = ConditionType::ALL.iter().map(|it| (word(it.name()), it.meaning().to_owned()));
    table(&mut text, ["type", "true when"], rows);
    text.push_str("\n## Reasons of conditions\n");
    let rows = Reason::ALL.iter().map(|it| (word(it.name()), it.meaning().to_owned()));
    table(&mut text, ["reason", "meaning, and what to do"], rows);
    text.push_str(
        "\n## Events\n\nWhat is done is a `Normal` event. When `Ready` or `CallersReady` turns false, or `Stalled` or \
         `FeaturesPending` turns true, a\n`Warning` has the condition's reason. One that says the same is not written again within \
         ten minutes.\n",
    );
    let rows = Act::ALL.iter().map(|it| (word(it.name()), it.meaning().to_owned()));
    table(&mut text, ["reason", "meaning"], rows);
    text
}

#[test]
fn the_page_says_what_the_code_says() {
    expect_file!["../../STATUS.md"].assert_eq(&page());
}

#[test]
fn words_are_no_two_things_and_every_one_is_explained() {
    let reasons = Reason::ALL.iter().map(|it| (it.name(), it.meaning()));
    let acts = Act::ALL.iter().map(|it| (it.name(), it.meaning()));
    let words: Vec<(&str, &str)> = reasons.chain(acts).collect();
    for (index, (word, meaning)) in words.iter().enumerate() {
        let others = words.iter().skip(index + 1);
        assert!(others.clone().all(|(other, _)| other != word), "{word} is there twice");
        assert!(meaning.len() > 10 && meaning.ends_with('.'), "{word}: {meaning}");
    }
    assert!(words.iter().all(|(word, _)| Reason::named(word).is_none_or(|it| it.name() == *word)));
}

#[test]
fn what_pages_written_by_hand_say_of_a_resource_is_so() {
    assert!(Reason::RedisStalled.meaning().contains(ANNOTATION_ACCEPT_DATA_LOSS));
    let has = |page: &str, words: &str| assert!(page.contains(words), "{words}");
    let memory_mib = LegacyBounds::default().memory_max_mib;
    let formats = include_str!("../../../hasher/FORMATS.md");
    has(formats, &format!("; {memory_mib} MiB in a resource that has `legacy`"));
    has(
        include_str!("../../../hasher/REFERENCE.md"),
        &format!("on port {PORT_ADMIN}, named `admin`"),
    );
    let version = include_str!("../../../charts/authcluster/Chart.yaml");
    let (_, version) = version.split_once("kubeVersion: \">=").unwrap();
    let version = version.rsplit_once(".0-0").unwrap().0;
    has(include_str!("../../../charts/README.md"), &format!("Kubernetes {version}"));
    has(include_str!("../../../README.md"), &format!("Kubernetes {version}"));
}
