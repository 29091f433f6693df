//! What is missing is named with the command that brings it.

use super::*;

#[test]
fn an_empty_path_lacks_everything() {
    let lines: Vec<String> = examine("/nowhere").iter().map(Missing::describe).collect();
    for expected in ["iptables (kube-proxy's services): apt-get install iptables", "Go 1."] {
        assert!(lines.iter().any(|line| line.contains(expected)), "{expected}: {lines:#?}");
    }
}

#[test]
fn every_need_names_its_command() {
    for need in &NEEDS {
        let missing = package(need.program, need.package);
        let expected = format!("apt-get install {}", need.package);
        assert!(missing.describe().ends_with(&expected), "{}", missing.describe());
    }
}
