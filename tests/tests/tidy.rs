//! Reads the source of the workspace and holds it to its walls: which layer may name what, how long
//! a file may be, and how it opens. Needs nothing but the checkout.
//!
//! A failure names file and line and says where the thing belongs. Rules match text, not syntax:
//! cheap, and enough to make crossing a wall a decision instead of an accident.

#![expect(clippy::expect_used, reason = "a test says what it expected and stops")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest Rust file, in lines. Aim at 300 of production code; above this the design asks to be
/// changed.
const FILE_LINES_MAX: usize = 500;

/// One wall: in files below `inside`, except those below `except`, no line may hold any of
/// `forbidden`.
struct Wall {
    inside: &'static [&'static str],
    except: &'static [&'static str],
    forbidden: &'static [&'static str],
    instead: &'static str,
}

const PURE: &[&str] =
    &["hasher/contract/src/", "hasher/src/policy", "operator/src/plan", "operator/src/api"];

const WALLS: &[Wall] = &[
    Wall {
        inside: PURE,
        except: &[],
        forbidden: &["async fn", "async move", ".await", "tokio::", "futures::"],
        instead: "decisions are plain functions; call them from flows/ or reconcile.rs",
    },
    Wall {
        inside: PURE,
        except: &[],
        forbidden: &["Instant::now", "SystemTime::now", "Timestamp::now", "Utc::now"],
        instead: "take `now` as an argument; clock.rs reads it",
    },
    Wall {
        inside: PURE,
        except: &[],
        forbidden: &["getrandom", "rand::", "std::env", "std::fs", "std::net::Tcp", "tracing::"],
        instead: "no I/O, randomness, environment or logging here; do it in the caller",
    },
    Wall {
        inside: PURE,
        except: &[],
        forbidden: &["HashMap", "HashSet"],
        instead: "order must not show: use BTreeMap or BTreeSet",
    },
    Wall {
        inside: PURE,
        except: &[],
        forbidden: &[
            "redis::cmd",
            "redis::Client",
            "redis::aio",
            "kube::Client",
            "kube::Api",
            "kube::client",
        ],
        instead: "clients belong in store/, observe/ and apply/",
    },
    Wall {
        inside: &["hasher/src/"],
        except: &["hasher/src/store/"],
        forbidden: &["redis::cmd", "redis::Client", "redis::aio", "redis::cluster", "use redis"],
        instead: "only store/ speaks to Redis",
    },
    Wall {
        inside: &["hasher/src/routes"],
        except: &[],
        forbidden: &["crate::store", "crate::peer", "crate::lanes"],
        instead: "routes extract and reply; flows/ order the steps",
    },
    Wall {
        inside: &["hasher/src/", "operator/src/", "operator/redis-agent/src/"],
        except: &["hasher/src/clock.rs", "operator/src/clock.rs"],
        forbidden: &["getrandom::"],
        instead: "clock.rs is the only source of randomness",
    },
    Wall {
        inside: &["hasher/src/", "operator/src/"],
        except: &["hasher/src/args.rs", "operator/src/args.rs"],
        forbidden: &["env::var"],
        instead: "args.rs is the only reader of the environment",
    },
    Wall {
        inside: &["hasher/", "operator/", "tests/"],
        except: &["tests/tests/tidy.rs"],
        forbidden: &["#[ignore", "#[should_panic", "todo!(", "unimplemented!("],
        instead: "a test that does not run, or code that is not there, is a defect",
    },
    Wall {
        inside: &["hasher/", "operator/", "tests/"],
        except: &["hasher/argon2id/", "tests/tests/tidy.rs"],
        forbidden: &["unsafe {", "unsafe fn", "unsafe impl"],
        instead: "unsafe lives in hasher/argon2id, behind a safe function",
    },
];

/// A file below the root, with its path in slashes.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }
}

fn complaints(source: &Source) -> Vec<String> {
    let path = &source.path;
    let mut found = Vec::new();
    if !source.text.starts_with("//!") {
        found.push(format!("{path}:1: open with `//!`: why the file exists and what it may touch"));
    }
    if path.ends_with("/mod.rs") {
        found.push(format!("{path}:1: use `foo.rs` beside `foo/`, never mod.rs"));
    }
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        found.push(format!("{path}:{FILE_LINES_MAX}: {lines} lines; split what it does in two"));
    }
    for wall in WALLS {
        let below = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
        if !below(wall.inside) || below(wall.except) {
            continue;
        }
        // The tests of a pure module may use anything that makes them deterministic.
        if source.is_test() && std::ptr::eq(wall.inside, PURE) {
            continue;
        }
        for (index, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(word) = wall.forbidden.iter().find(|word| code.contains(**word)) {
                found.push(format!("{path}:{}: `{word}` here: {}", index + 1, wall.instead));
            }
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies below the root").to_owned()
}

fn collect(folder: &Path, root: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder of the checkout is readable") {
        let path = entry.expect("an entry of a folder is readable").path();
        if path.is_dir() {
            collect(&path, root, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path
                .strip_prefix(root)
                .expect("below the root")
                .to_string_lossy()
                .replace('\\', "/");
            sources.push(Source {
                path: name,
                text: fs::read_to_string(&path).expect("source is UTF-8"),
            });
        }
    }
}

#[test]
fn the_source_keeps_its_walls() {
    let root = root();
    let mut sources = Vec::new();
    for folder in ["hasher", "operator", "tests"] {
        collect(&root.join(folder), &root, &mut sources);
    }
    assert!(sources.len() > 20, "found only {} files below {}", sources.len(), root.display());
    let mut report = String::new();
    for complaint in sources.iter().flat_map(complaints) {
        writeln!(report, "{complaint}").expect("a string takes every line");
    }
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn every_wall_can_be_hit() {
    for wall in WALLS {
        for word in wall.forbidden {
            let folder = wall.inside[0];
            let path = format!("{}/probe.rs", folder.trim_end_matches('/'));
            let source = Source::new(&path, &format!("//! Probe.\nlet x = {word};\n"));
            let found = complaints(&source);
            assert!(found.iter().any(|line| line.contains(word)), "{path} with {word}: {found:?}");
        }
    }
}

#[test]
fn shape_is_checked() {
    let check = |path: &str, text: &str, expect: &str| {
        let found = complaints(&Source::new(path, text));
        assert!(found.iter().any(|line| line.contains(expect)), "{path}: {found:?}");
    };
    check("hasher/src/a.rs", "fn a() {}\n", "open with `//!`");
    check("hasher/src/a/mod.rs", "//! A.\n", "never mod.rs");
    check("hasher/src/a.rs", &format!("//! A.\n{}", "\n".repeat(FILE_LINES_MAX)), "501 lines");
}

#[test]
fn comments_and_tests_of_pure_code_are_left_alone() {
    let quiet = |path: &str, text: &str| {
        assert_eq!(complaints(&Source::new(path, text)), Vec::<String>::new());
    };
    quiet("hasher/src/policy/a.rs", "//! A.\n// never tokio::spawn\n");
    quiet("hasher/src/policy/a/tests.rs", "//! A.\nuse std::collections::HashMap;\n");
    quiet("hasher/src/store/redis.rs", "//! A.\nuse redis::cluster;\n");
}
