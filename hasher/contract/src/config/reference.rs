//! The files in `hasher/REFERENCE.md` are read by what reads them in a hasher, leave out no field, and have the
//! defaults where they say so.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::*;

const PAGE: &str = include_str!("../../../REFERENCE.md");

/// The TOML that stands below the line that begins with `title`.
fn file(title: &str) -> &'static str {
    let (_, below) = PAGE.split_once(&format!("\n{title}")).unwrap();
    let (_, file) = below.split_once("```toml\n").unwrap();
    file.split_once("```").unwrap().0
}

fn fields(table: &Table, above: &str, found: &mut BTreeSet<String>) {
    for (name, value) in table {
        let path = format!("{above}{name}");
        let items = value.as_array().into_iter().flatten();
        let tables = items.chain([value]).filter_map(Value::as_table);
        tables.for_each(|table| fields(table, &format!("{path}."), found));
        found.insert(path);
    }
}

fn fields_of(files: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in files {
        fields(&file.parse().unwrap(), "", &mut found);
    }
    found
}

#[test]
fn what_it_calls_defaults_are() {
    let mut config = HasherConfig::from_toml(file("With a default")).unwrap();
    assert_eq!(config.password.legacy.take(), Some(Legacy::default()));
    assert_eq!(config, HasherConfig::default());
}

#[test]
fn it_shows_every_field() {
    let (defaults, examples) = (file("With a default"), file("Without a default"));
    let config = HasherConfig::from_toml(examples).unwrap();
    // A field that is new is asked for here.
    let HasherConfig {
        listen: Listen { api: _, admin: _ },
        tls: Some(_),
        clients_file: Some(_),
        password:
            PasswordPolicy {
                argon2id: Argon2idPolicy { .. },
                legacy: None,
                pepper: Some(PepperFolder { folder: _, current: Some(_) }),
            },
        lanes: Some(_),
        pin_lanes: false,
        users: Users { key_file: Some(_), case: _ },
        redis:
            Some(Redis {
                seeds: _,
                username: Some(_),
                password_file: Some(_),
                tls: Some(RedisTls { ca_file: _ }),
                acknowledgements: 1,
                call_timeout_ms: 500,
            }),
        peers: Some(Peers { listen: _, tls: _, ca_file: _, name: _ }),
        routing: Routing { .. },
        breaker: Breaker { .. },
        sessions: Sessions { encryption: Some(_), .. },
        limits: Limits { .. },
        migration: Migration { .. },
    } = &config
    else {
        panic!("a field is missing: {config:?}");
    };
    let shown = fields_of(&[defaults, examples]);
    let everything = HasherConfig {
        password: PasswordPolicy { legacy: Some(Legacy::default()), ..config.password.clone() },
        pin_lanes: true,
        ..config
    };
    assert_eq!(fields_of(&[&everything.to_toml().unwrap()]), shown);
}

#[test]
fn what_it_says_of_redis_by_default_is_so() {
    let file = file("Without a default");
    for field in ["acknowledgements", "call_timeout_ms"] {
        let line = file.lines().find(|line| line.starts_with(field)).unwrap();
        let without = HasherConfig::from_toml(&file.replace(line, "")).unwrap();
        assert_eq!(without, HasherConfig::from_toml(file).unwrap());
    }
}

#[test]
fn the_callers_are_read() {
    let Clients { clients } = toml::from_str(file("The callers, in the file")).unwrap();
    let Client { name: _, realm: _, scopes, units_per_second: Some(_), token_sha256: _ } =
        clients.first().unwrap()
    else {
        panic!("units_per_second is not shown");
    };
    assert_eq!(scopes.as_slice(), Scope::ALL);
}
