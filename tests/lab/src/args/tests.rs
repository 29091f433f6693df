//! The command line, and where the cache is.

use clap::CommandFactory;

use super::*;

fn shape(words: &str) -> Option<Shape> {
    let args = LowArgs::try_parse_from(words.split(' ')).ok()?;
    match args.verb {
        Verb::Up(up) => Some(up.shape()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_parser_is_sound() {
    LowArgs::command().debug_assert();
}

#[test]
fn up_takes_a_number_sizes_or_nothing_at_all() {
    let sizes = vec![NodeSize::new(1000, 1024 * 1024), NodeSize::new(500, 512 * 1024)];
    for (words, expected) in [
        ("lab up", Some(Shape::of_nodes(3))),
        ("lab up --nodes 5", Some(Shape::of_nodes(5))),
        (
            "lab up --node cpu=1,memory=1Gi --node cpu=500m,memory=512Mi",
            Some(Shape { nodes: sizes }),
        ),
        ("lab up --control-plane-only", Some(Shape::CONTROL_PLANE)),
        ("lab up --control-plane-only --node cpu=1", None),
        ("lab up --node cpu=1 --nodes 2", None),
        ("lab up --node cpu=x", None),
    ] {
        assert_eq!(shape(words), expected, "{words}");
    }
}

#[test]
fn what_comes_after_the_verb_is_passed_on() {
    let args = LowArgs::parse_from(["lab", "kubectl", "--", "get", "pods", "-A", "--name", "x"]);
    let Verb::Kubectl(rest) = args.verb else { panic!() };
    assert_eq!(rest.args, ["get", "pods", "-A", "--name", "x"]);
    assert_eq!(args.name.as_str(), "lab");
}

#[test]
fn the_cache_folder() {
    let folder = |own: Option<&str>, xdg: Option<&str>, home: Option<&str>| {
        cache_folder(own.map(Into::into), xdg.map(Into::into), home)
    };
    for (found, expected) in [
        (folder(Some("/c"), Some("/x"), Some("/h")), "/c"),
        (folder(None, Some("/x"), Some("/h")), "/x/authcluster"),
        (folder(None, Some("x"), Some("/h")), "/h/.cache/authcluster"),
        (folder(None, None, Some("/h")), "/h/.cache/authcluster"),
        (folder(None, None, None), "/root/.cache/authcluster"),
    ] {
        assert_eq!(found, Path::new(expected));
    }
}
