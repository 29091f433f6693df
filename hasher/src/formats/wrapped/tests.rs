//! Every format can be wrapped or is known to need none, and what is not exactly a wrapped hash is refused.

use super::*;
use crate::formats::{Accept, Pepper};
use authcluster_contract::cost::Cost;
use authcluster_contract::formats::Family;

/// Formats whose hashes are not wrapped.
const NOT_WRAPPED: [&str; 6] =
    ["argon2id", "argon2i-argon2d", "django-argon2", "ldap-argon2", "wrapped", "unusable"];

const ARGON2ID: &str = "$argon2id$v=19$m=8,t=1,p=1$YWFhYWFhYWFhYWFhYWFhYQ$\
                        YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE";

fn wrappable(encoded: &str) -> Result<Wrappable, NotWrappable> {
    let bounds = Bounds::default();
    Wrappable::new(Stored::parse(encoded, &bounds).unwrap(), &bounds)
}

#[test]
fn every_format_has_a_place_for_its_digest_or_needs_no_wrapping() {
    for format in registry::all() {
        assert_ne!(blank::knows(format), NOT_WRAPPED.contains(&format.name), "{}", format.name);
    }
}

#[test]
fn a_setting_is_the_hash_without_its_digest() {
    let check = |encoded: &str, expect: &str| {
        let setting = wrappable(encoded).unwrap().setting;
        assert_eq!(setting, expect, "{encoded}");
        let (format, _) = read_setting(&setting, &Bounds::default()).unwrap();
        assert_eq!(blank(format, &setting, &Bounds::default()).unwrap(), setting, "filled twice");
    };
    check(
        "$2b$05$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK",
        "$2b$05$abcdefghijklmnopqrstuu...............................",
    );
    check("5f4dcc3b5aa765d61d8327deb882cf99", "00000000000000000000000000000000");
    check("{CRYPT}$1$abcdefgh$M55TzYaaccxVGbptZWaxX/", "{CRYPT}$1$abcdefgh$......................");
    check("{MD5}CY9rzUYh03PK3k6DJie09g==", "{MD5}AAAAAAAAAAAAAAAAAAAAAA==");
    check(
        "pbkdf2_sha256$10000$qPtnZ4D8dTnJ$a4fxq2zlEHmRbzUSSz0DGR8Hc8wgYq2hgxLvT0rvsQ4=",
        "pbkdf2_sha256$10000$qPtnZ4D8dTnJ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    );
    // A digest of 20 bytes before a salt of four: the salt stays.
    check("{SSHA}MTExMTExMTExMTExMTExMTExMTFzYWx0", "{SSHA}AAAAAAAAAAAAAAAAAAAAAAAAAABzYWx0");
}

#[test]
fn what_needs_no_wrapping_is_told() {
    let refused = |encoded: &str| wrappable(encoded).unwrap_err();
    assert_eq!(refused(ARGON2ID), NotWrappable::Argon2);
    assert_eq!(refused(&format!("argon2{ARGON2ID}")), NotWrappable::Argon2);
    assert_eq!(refused("!"), NotWrappable::Unusable);
    let wrapped = wrapped::join(ARGON2ID, "00000000000000000000000000000000");
    assert_eq!(refused(&wrapped), NotWrappable::Wrapped);
    // A salt that leaves no room.
    let long = format!("md5${}$5f4dcc3b5aa765d61d8327deb882cf99", "s".repeat(3900));
    assert_eq!(refused(&long), NotWrappable::TooLong);
}

#[test]
fn only_exactly_a_wrapped_hash_is_read() {
    let with = |setting: &str| wrapped::join(ARGON2ID, setting);
    let error = |encoded: &str| Stored::parse(encoded, &Bounds::default()).unwrap_err().to_string();
    let md5 = "00000000000000000000000000000000";
    let stored = Stored::parse(&with(md5), &Bounds::default()).unwrap();
    assert_eq!((stored.scheme(), stored.format().name), (Scheme::Wrapped, "wrapped"));
    assert_eq!(stored.parameters().first().unwrap().1, "hex-md5-or-nt digest=md5");
    for (encoded, expect) in [
        (with("5f4dcc3b5aa765d61d8327deb882cf99"), "still holds its digest"),
        (with(&with(md5)), "of no format that can be"),
        (with(ARGON2ID), "of no format that can be"),
        (with("!"), "of no format that can be"),
        (with(""), "of no format that can be"),
        (with(md5).replace("wrap$v=1", "wrap$v=2"), "wrapped in another way"),
        (with(md5).replace("$v=19", "$v=16"), "Argon2's version 19"),
        (with(md5).replace("m=8", "m=7"), "has m 7"),
        (with("$2b$20$abcdefghijklmnopqrstuu..............................."), "has cost 20"),
    ] {
        assert!(error(&encoded).contains(expect), "{encoded}: {}", error(&encoded));
    }
}

#[test]
fn families_and_peppers_count_for_both_parts() {
    let encoded = wrapped::join(ARGON2ID, "$1$abcdefgh$......................");
    let only = |family| Bounds { accept: Accept::of(&[family]), ..Bounds::default() };
    assert!(Stored::parse(&encoded, &only(Family::Md5Crypt)).is_ok());
    let error = Stored::parse(&encoded, &only(Family::Bcrypt)).unwrap_err();
    assert_eq!(error, FormatError::Unsupported("its family is not accepted here"));
    let peppered = encoded.replace("p=1", "p=1,keyid=MjAyNg");
    let id = "2026".parse().unwrap();
    let missing = Stored::parse(&peppered, &Bounds::default()).unwrap_err();
    assert_eq!(missing, FormatError::NoPepper(id));
    let pepper = Pepper::new(id, b"cGVwcGVyIHBlcHBlciBwZXBwZXI=").unwrap();
    let bounds = Bounds { peppers: [pepper].into_iter().collect(), ..Bounds::default() };
    assert!(Stored::parse(&peppered, &bounds).is_ok());
}

#[test]
fn both_functions_are_priced_and_argon2id_for_each_way() {
    let demand = |setting: &str| {
        let argon2id = ARGON2ID.replace("m=8", "m=19456");
        let encoded = wrapped::join(&argon2id, setting);
        Stored::parse(&encoded, &Bounds::default()).unwrap().usual_demand()
    };
    let argon2id = |iterations| Some(Cost { memory_kib: 19_456, iterations, parallelism: 1 });
    let alone =
        |encoded: &str| Stored::parse(encoded, &Bounds::default()).unwrap().usual_demand().steps;
    // SHA-1 is one function, 32 digits are of two.
    for (setting, ways) in [("0".repeat(40), 1), ("0".repeat(32), 2)] {
        assert_eq!(demand(&setting).argon2, argon2id(ways));
        assert_eq!(demand(&setting).steps, alone(&setting));
    }
    let bcrypt = "$2b$10$abcdefghijklmnopqrstuu...............................";
    assert_eq!((demand(bcrypt).argon2, demand(bcrypt).steps), (argon2id(1), alone(bcrypt)));
    assert!(alone(bcrypt).is_some());
    let scrypt = demand("$scrypt$ln=14,r=8,p=1$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(scrypt.arena_kib(), 19_456);
    assert!(scrypt.heap_kib >= 16 * 1024);
}
