//! Strings that are read, and strings that are refused.

#![expect(clippy::string_slice, reason = "the strings are ASCII")]

use authcluster_contract::formats::Family;
use authcluster_contract::secret::Password;

use super::*;

const SALT: &str = "YWFhYWFhYWFhYWFhYWFhYQ";
const OUTPUT: &str = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE";

fn parse(encoded: &str) -> Result<Stored, String> {
    Stored::parse(encoded, &Bounds::default()).map_err(|error| error.to_string())
}

fn argon2_of(stored: &Stored) -> &Argon2Hash {
    match stored.parsed() {
        Parsed::Argon2(hash) => hash,
        Parsed::Legacy(_) | Parsed::Wrapped(_) => panic!("{stored:?}"),
    }
}

fn refused(encoded: &str, expect: &str) {
    match parse(encoded) {
        Ok(_) => panic!("{encoded} was read"),
        Err(error) => assert!(error.contains(expect), "{encoded}: {error}"),
    }
}

#[test]
fn what_is_read_is_written_the_same() {
    for encoded in [
        format!("$argon2id$v=19$m=19456,t=2,p=1${SALT}${OUTPUT}"),
        format!("$argon2i$v=16$m=8,t=1,p=1$YWFhYWFhYWE${SALT}"),
        format!("$argon2d$v=19$m=1048576,t=4,p=64${SALT}${OUTPUT}"),
    ] {
        let stored = parse(&encoded).unwrap();
        assert_eq!(argon2_of(&stored).encode(), encoded);
        assert_eq!(stored.encoded(), encoded);
    }
}

#[test]
fn a_string_without_a_version_is_the_old_one() {
    let stored = parse(&format!("$argon2id$m=8,t=1,p=1${SALT}${OUTPUT}")).unwrap();
    assert_eq!(argon2_of(&stored).version, argon2::Version::V0x10);
}

#[test]
fn every_truncation_within_the_structure_is_refused_and_none_of_them_panics() {
    let whole = format!("$argon2id$v=19$m=19456,t=2,p=1${SALT}${OUTPUT}");
    let shortest = whole.len() - OUTPUT.len() + SALT.len();
    // Nothing at all is a blank hash, which no password matches.
    for end in 1..whole.len() {
        // An output that is cut at a whole byte is another, shorter output: read, and never equal.
        let cut_output = end >= shortest && parse(&whole[..end]).is_ok();
        assert!(cut_output || parse(&whole[..end]).is_err(), "{}", &whole[..end]);
    }
    refused(&whole[..whole.len() - 1], "its output is no base64");
}

#[test]
fn bombs_are_refused_by_name() {
    let bomb = |parameters: &str| format!("$argon2id$v=19${parameters}${SALT}${OUTPUT}");
    refused(&bomb("m=4294967295,t=1,p=1"), "has m 4294967295, and must be between 8 and 1049599");
    refused(&bomb("m=65536,t=1,p=4294967295"), "has p 4294967295, and must be between 1 and 64");
    refused(&bomb("m=65536,t=4294967295,p=1"), "has t 4294967295, and must be between 1 and 1024");
    refused(&bomb("m=65536,t=0,p=1"), "has t 0");
    refused(&bomb("m=65536,t=1,p=0"), "has p 0");
    refused(&bomb("m=31,t=1,p=4"), "has m 31, and must be between 32 and 1049599");
    refused(&bomb("m=99999999999999999999999,t=1,p=1"), "has m 18446744073709551615");
    refused(
        &bomb("m=1048576,t=33,p=1"),
        "has units of work 33792, and must be between 1 and 32768",
    );
    refused(
        "$2a$16$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK",
        "has cost 16, and must be",
    );
    refused(&format!("$pbkdf2-sha256$2000001$c2FsdA${OUTPUT}"), "has rounds 2000001");
    refused(&format!("$scrypt$ln=20,r=9,p=1$c2FsdA${OUTPUT}"), "has memory in KiB");
    refused(&format!("$scrypt$ln=14,r=8,p=65$c2FsdA${OUTPUT}"), "has p 65");
    refused("$P$SIQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0", "has rounds 1073741824");
}

#[test]
fn what_is_not_exactly_the_format_is_unsupported() {
    let with = |parameters: &str| format!("$argon2id$v=19${parameters}${SALT}${OUTPUT}");
    for encoded in ["$", "hunter2", "$2b$12$abcdefghijklmnopqrstuu", "{ARGON2}$argon2id$v=19"] {
        refused(encoded, "no supported format");
    }
    refused(&format!("$argon2id$v=18$m=8,t=1,p=1${SALT}${OUTPUT}"), "versions 16 and 19");
    refused(&format!("$argon2ID$v=19$m=8,t=1,p=1${SALT}${OUTPUT}"), "none of the formats reads it");
    refused(&with("t=1,m=8,p=1"), "m=,t=,p=");
    refused(&with("m=8,t=1"), "m=,t=,p=");
    refused(&with("m=08,t=1,p=1"), "m=,t=,p=");
    refused(&with("m=+8,t=1,p=1"), "m=,t=,p=");
    refused(&with("m=,t=1,p=1"), "m=,t=,p=");
    refused(&with("m=8,t=1,p=1,data=abc"), "data and unknown");
    refused(&with("m=8,t=1,p=1,keyid=MjAyNg,data=abc"), "data and unknown");
    refused(&with("keyid=MjAyNg,m=8,t=1,p=1"), "m=,t=,p=");
    // No base64, stray bits, and names that no pepper has.
    for key_id in ["", "dummy", "MjAyNh", "8PDw8A", "MTIzNDU2Nzg5"] {
        refused(&with(&format!("m=8,t=1,p=1,keyid={key_id}")), "its keyid is no base64 of");
    }
    refused(&format!("{}$", with("m=8,t=1,p=1")), "something follows");
    refused(&format!("{}=", with("m=8,t=1,p=1")), "its output is no base64");
    refused(&format!("$argon2id$v=19$m=8,t=1,p=1$${OUTPUT}"), "its salt is no base64");
    refused(&format!("$argon2id$v=19$m=8,t=1,p=1$YWFhYQ${OUTPUT}"), "its salt is no base64");
    // The last letter holds four bits that no byte uses; only zeros are right.
    refused(&format!("$argon2id$v=19$m=8,t=1,p=1$YWFhYWFhYWFhYWFhYWFhYR${OUTPUT}"), "its salt");
    refused(&"$".repeat(ENCODED_BYTES_MAX + 1), "longer than any known format");
}

#[test]
fn marks_of_accounts_without_a_password_are_read_and_no_password_matches_them() {
    let django = "!y7zWnsKFHuiDrRBjDTkJm6rAXJCDJ2eYMUSlqBpx";
    let sha512 = "$6$Nq2rT8xW$cz89nnyti/VSCxOVt7aTBARZPfD2lw8yqUb0VI1OnlOGUMmD";
    let hashes = ["!", "!!", "*LK*", "*LOCKED*"].map(|lock| format!("{lock}{sha512}"));
    let whole = ["", "!", "!!", "!*", "*", "*LK*", "*LOCKED*", "*NP*", "NP", django];
    for mark in whole.into_iter().chain(hashes.iter().map(String::as_str)) {
        let in_crypt = (!mark.is_empty()).then(|| format!("{{CRYPT}}{mark}"));
        for encoded in [Some(mark.to_owned()), in_crypt].into_iter().flatten() {
            let stored = parse(&encoded).unwrap();
            assert_eq!(stored.scheme(), Scheme::Unusable, "{encoded}");
            let Parsed::Legacy(hash) = stored.parsed() else { panic!("{encoded}") };
            assert!(!hash.matches(b"") && !hash.matches(mark.as_bytes()), "{encoded}");
        }
    }
    for encoded in [" ", "! ", "!\n", "!caf\u{e9}", "*a", "**", "*lk*", "np", "NP$6$", "{CRYPT}"] {
        refused(encoded, "no supported format");
    }
    refused("x", "the hash is in the shadow file");
    refused("{CRYPT}x", "no supported format");
}

#[test]
fn errors_and_debug_show_no_content() {
    let stored = parse(&format!("$argon2id$v=19$m=8,t=1,p=1${SALT}${OUTPUT}")).unwrap();
    assert_eq!(format!("{stored:?}"), "Stored(Argon2id, ..)");
}

#[test]
fn only_text_that_nfc_changes_is_composed() {
    let composed = |bytes: &[u8]| nfc(&Password::from_bytes(bytes.to_vec()).unwrap());
    assert!(composed(b"plain").is_none());
    assert!(composed("caf\u{e9}".as_bytes()).is_none());
    assert_eq!(*composed("cafe\u{301}".as_bytes()).unwrap(), "caf\u{e9}".as_bytes());
    assert!(composed(&[0xff, 0x65, 0xcc, 0x81]).is_none());
    // Compatibility forms stay apart: NFC, not NFKC.
    assert!(composed("\u{fb01}".as_bytes()).is_none());
}

#[test]
fn only_accepted_families_are_read_and_argon2id_always() {
    let bounds = Bounds { accept: Accept::of(&[Family::Bcrypt, Family::Nt]), ..Bounds::default() };
    let read = |encoded: &str| Stored::parse(encoded, &bounds).map(|stored| stored.scheme());
    let refused = Err(FormatError::Unsupported("its family is not accepted here"));
    let bcrypt = "$2b$05$abcdefghijklmnopqrstuu8.veTXNDPV2eEsdpKNczMw2otgh5LnK";
    assert_eq!(read(bcrypt), Ok(Scheme::Bcrypt));
    assert_eq!(read(&format!("{{CRYPT}}{bcrypt}")), Ok(Scheme::Bcrypt));
    assert_eq!(read(&format!("$argon2id$v=19$m=8,t=1,p=1${SALT}${OUTPUT}")), Ok(Scheme::Argon2id));
    assert_eq!(read(&format!("$argon2i$v=19$m=8,t=1,p=1${SALT}${OUTPUT}")), refused);
    assert_eq!(read("{CRYPT}$1$abcdefgh$M55TzYaaccxVGbptZWaxX/"), refused);
    assert_eq!(read("{MD5-CRYPT}$1$abcdefgh$M55TzYaaccxVGbptZWaxX/"), Err(OTHER));
    assert_eq!(read("{MD5}/F4DjTilcDIIVEHn/nAQsA=="), refused);
    // Of the two readings, the one that is accepted.
    assert_eq!(read("5f4dcc3b5aa765d61d8327deb882cf99"), Ok(Scheme::Nt));
}

#[test]
fn every_family_has_a_format_and_every_name_is_its_own() {
    for family in Family::ALL {
        assert!(registry::all().any(|format| format.families.contains(&family)), "{family:?}");
        assert_eq!(serde_json::to_string(&family).unwrap(), format!("\"{}\"", family.as_str()));
    }
    let mut names: Vec<_> = registry::all().map(|format| format.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn no_string_is_read_by_two_formats() {
    let vectors = include_str!("../../tests/vectors/password_hashes.jsonl").lines();
    for line in vectors.chain(include_str!("../../tests/vectors/computed.jsonl").lines()) {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let encoded = row["encoded"].as_str().unwrap();
        let readers: Vec<&str> = registry::all()
            .filter(|format| {
                // Out of bounds is read as well: its parameters were.
                let read = (format.read)(encoded, &Bounds::default());
                !matches!(read, Err(FormatError::Unsupported(_)))
            })
            .map(|format| format.name)
            .collect();
        assert!(readers.len() <= 1, "{encoded} is read by {readers:?}");
    }
}

#[test]
fn two_systems_that_write_the_same_prefix_are_told_apart() {
    let format = |encoded: &str| parse(encoded).map(|stored| stored.format().name);
    let scrypt = "2npRo7P03Mt8keSoMbyD/tKFWyUzjiQf2svUaNDSrhA";
    assert_eq!(format(&format!("$scrypt$ln=16,r=8,p=1${scrypt}${scrypt}")), Ok("scrypt"));
    assert_eq!(format(&format!("$scrypt$ln=16,r=8,p=1${scrypt}=${scrypt}=")), Ok("kratos-scrypt"));
    let kratos = parse(&format!("$scrypt$ln=16,r=8,p=1${scrypt}=${scrypt}=")).unwrap();
    assert_eq!(kratos.parameters()[0], ("N", "16".to_owned()));
    refused(&format!("$scrypt$ln=17,r=8,p=1${scrypt}=${scrypt}="), "no power of two");
    refused(&format!("$scrypt$ln=16,r=8,p=1${scrypt}=${scrypt}"), "none of the formats");
    assert_eq!(format("$md5$RPgLF6IJ$WTvAlUJ7MqH5xak2FMEwS/"), Ok("sun-md5-crypt"));
    assert_eq!(format("$md5$CY9rzUYh03PK3k6DJie09g=="), Ok("kratos-md5"));
    assert_eq!(format("{MD5}$1$wmyrgRuV$kImF6.9MAFQNHe23kq5vI/"), Ok("ldap-crypt"));
    assert_eq!(format("{MD5}CY9rzUYh03PK3k6DJie09g=="), Ok("ldap-digest"));
    assert_eq!(
        format("{PBKDF2}$1$bUnT4Pl7yFtYX0KU$5000$50a83cafdc517b9f46519415e53c6a858908680a"),
        Ok("dovecot-pbkdf2")
    );
    assert_eq!(
        format("{PBKDF2}10000$IlfapjA351LuDSwYC0IQ8Q$saHqQTuYnjJN/tmAndT.8mJt.6w"),
        Ok("ldap-pbkdf2")
    );
}

#[test]
fn a_peppered_hash_is_read_with_its_pepper_or_not_at_all() {
    let id = "2026".parse().unwrap();
    let pepper = Pepper::new(id, b"cGVwcGVyIHBlcHBlciBwZXBwZXI=").unwrap();
    let with = Bounds { peppers: [pepper].into_iter().collect(), ..Bounds::default() };
    for start in ["$argon2id", "$argon2d", "argon2$argon2i", "{ARGON2}$argon2id"] {
        let encoded = format!("{start}$v=19$m=8,t=1,p=1,keyid=MjAyNg${SALT}${OUTPUT}");
        let stored = Stored::parse(&encoded, &with).unwrap();
        assert_eq!(argon2_of(&stored).pepper.as_ref().unwrap().expose(), b"pepper pepper pepper");
        assert!(stored.parameters().contains(&("keyid", "2026".to_owned())));
        assert!(encoded.ends_with(&argon2_of(&stored).encode()), "{encoded}");
        let without = Stored::parse(&encoded, &Bounds::default()).unwrap_err();
        assert_eq!(without, FormatError::NoPepper(id));
        // Another one that is not there.
        let other = Stored::parse(&encoded.replace("MjAyNg", "MjAyNQ"), &with).unwrap_err();
        assert_eq!(other, FormatError::NoPepper("2025".parse().unwrap()));
    }
    let stored = parse(&format!("$argon2id$v=19$m=8,t=1,p=1${SALT}${OUTPUT}")).unwrap();
    assert!(argon2_of(&stored).pepper.is_none());
}

#[test]
fn a_bound_of_64_mib_admits_functions_of_64_mib_as_they_count_it() {
    let legacy = authcluster_contract::formats::Legacy { memory_max_mib: 64, ..Default::default() };
    let bounds = Bounds::of(&legacy);
    let memory_kib = |encoded: &str| {
        let read = Stored::parse(encoded, &bounds).map_err(|error| error.to_string());
        read.map(|stored| stored.usual_demand().memory_kib())
    };
    let argon2 = |memory_kib| format!("$argon2id$v=19$m={memory_kib},t=3,p=4${SALT}${OUTPUT}");
    // passlib's default: N blocks, one for the lane and two to mix with.
    let scrypt = format!("$scrypt$ln=16,r=8,p=1${SALT}${OUTPUT}");
    assert_eq!(memory_kib(&scrypt), Ok(64 * 1024 + 3));
    assert_eq!(memory_kib(&argon2(65_536)), Ok(65_536));
    // Vaultwarden's preset.
    assert_eq!(memory_kib(&argon2(65_540)), Ok(65_540));
    let error = memory_kib(&argon2(65 * 1024)).unwrap_err();
    assert!(error.contains("has m 66560, and must be between 32 and 66559"), "{error}");
    assert!(memory_kib(&format!("$scrypt$ln=17,r=8,p=1${SALT}${OUTPUT}")).is_err());
}
