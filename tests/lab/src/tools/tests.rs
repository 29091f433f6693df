//! What the module file says about the tools.

use super::*;

#[test]
fn the_programs_are_the_tools_of_the_module() {
    let tools = GO_MOD.lines().skip_while(|line| !line.starts_with("tool (")).skip(1);
    let mut names: Vec<&str> = tools
        .take_while(|line| *line != ")")
        .filter_map(|line| line.trim().trim_end_matches("/v3").rsplit('/').next())
        .collect();
    names.sort_unstable();
    assert_eq!(names, PROGRAMS);
}

#[test]
fn the_version_is_linked_in() {
    assert!(parse_version(kubernetes_version().trim_start_matches('v')) >= vec![1, 37]);
    assert!(link_flags().contains("gitMajor=1 "), "{}", link_flags());
}

#[test]
fn versions_compare_by_number() {
    assert!(parse_version("1.26.10") > parse_version("1.26.9"));
    assert!(parse_version("1.27") > parse_version("1.26.9"));
    assert!(parse_version("1.19.8") < parse_version(go_wanted()));
}
