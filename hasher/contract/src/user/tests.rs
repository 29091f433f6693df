//! Aliases meet, realms do not, and lengths keep parts apart.

use proptest::prelude::*;

use super::*;
use crate::limits::{USER_ID_BYTES_MAX, USERNAME_BYTES_MAX};

fn maker() -> UserKeyMaker {
    UserKeyMaker::new(vec![7; 32], UsernameCase::Insensitive).unwrap()
}

fn realm(name: &str) -> Realm {
    Realm::new(name).unwrap()
}

#[test]
fn spellings_of_one_name_are_one_user() {
    let key = |name: &str| maker().user(&realm("shop"), name).unwrap();
    for alias in ["alice", "ALICE", " alice ", "Alice\n"] {
        assert_eq!(key(alias), key("alice"), "{alias:?}");
    }
    assert_eq!(key("jose\u{301}"), key("JOS\u{c9}"));
    assert_ne!(key("alice"), key("alicia"));
}

#[test]
fn case_counts_where_the_team_says_so() {
    let maker = UserKeyMaker::new(vec![7; 32], UsernameCase::Sensitive).unwrap();
    let key = |name: &str| maker.user(&realm("shop"), name).unwrap();
    assert_ne!(key("alice"), key("Alice"));
}

#[test]
fn realms_and_names_never_run_together() {
    let maker = maker();
    assert_ne!(maker.user(&realm("a"), "bc").unwrap(), maker.user(&realm("ab"), "c").unwrap());
    assert_ne!(
        maker.user(&realm("a"), "admin").unwrap(),
        maker.user(&realm("b"), "admin").unwrap()
    );
}

#[test]
fn a_key_is_the_known_hmac() {
    // printf '\0\0\0\0\0\0\0\4user\0\0\0\0\0\0\0\4shop\0\0\0\0\0\0\0\5alice' |
    //   openssl dgst -sha256 -mac hmac -macopt hexkey:0707...07 | cut -c1-32
    let key = maker().user(&realm("shop"), "alice").unwrap();
    assert_eq!(key.as_str(), "84d3c8b781db37483bd48b196e1db300");
}

#[test]
fn names_that_cannot_be_used_say_why() {
    let check = |name: &str, expect: UsernameError| {
        assert_eq!(maker().user(&realm("shop"), name).unwrap_err(), expect);
    };
    check("", UsernameError::Empty);
    check(" \t ", UsernameError::Empty);
    check("a\0b", UsernameError::ControlCharacter);
    check(&"a".repeat(USERNAME_BYTES_MAX + 1), UsernameError::TooLong);
}

/// Each would be a user of its own that looks like `alice`, with limits of its own, where the caller's table takes it
/// for her row (the collation `utf8mb4_0900_ai_ci` ignores all of them).
#[test]
fn characters_that_no_display_shows_are_in_no_name() {
    let refused = [
        '\u{ad}',
        '\u{34f}',
        '\u{61c}',
        '\u{600}',
        '\u{115f}',
        '\u{17b4}',
        '\u{180b}',
        '\u{180e}',
        '\u{200b}',
        '\u{200c}',
        '\u{200d}',
        '\u{200e}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{3164}',
        '\u{fe0f}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fff9}',
        '\u{1d173}',
        '\u{e0001}',
        '\u{e0061}',
        '\u{e0100}',
    ];
    for character in refused {
        for name in [format!("ali{character}ce"), format!("{character}alice"), character.into()] {
            let error = maker().user(&realm("shop"), &name).unwrap_err();
            assert_eq!(error, UsernameError::FormatCharacter, "{}", character.escape_unicode());
        }
    }
    // Letters, marks, symbols and white space of all scripts are in names.
    for name in [
        "\u{645}\u{62d}\u{645}\u{62f}",
        "\u{915}\u{94d}\u{937}",
        "\u{1f600}",
        "a b",
        "a\u{a0}b",
        "\u{d0c}",
    ] {
        assert!(maker().user(&realm("shop"), name).is_ok(), "{name}");
    }
}

#[test]
fn a_user_id_is_taken_byte_for_byte_and_is_no_username() {
    let id = |id: &str| maker().user_of_id(&realm("shop"), id).unwrap();
    let ids =
        ["alice", "Alice", " alice", "alice ", "jose\u{301}", "jos\u{e9}", "a\u{200d}b", "7", "07"];
    for (place, one) in ids.iter().enumerate() {
        for other in &ids[..place] {
            assert_ne!(id(one), id(other), "{one:?} {other:?}");
        }
        if let Ok(name) = maker().user(&realm("shop"), one) {
            assert_ne!(id(one), name, "{one:?}");
        }
    }
    let sensitive = UserKeyMaker::new(vec![7; 32], UsernameCase::Sensitive).unwrap();
    assert_eq!(sensitive.user_of_id(&realm("shop"), "alice").unwrap(), id("alice"));
    assert_ne!(maker().user_of_id(&realm("blog"), "alice").unwrap(), id("alice"));
    // printf '\0\0\0\0\0\0\0\7user-id\0\0\0\0\0\0\0\4shop\0\0\0\0\0\0\0\1%s' 7 |
    //   openssl dgst -sha256 -mac hmac -macopt hexkey:0707...07 | cut -c1-32
    assert_eq!(id("7").as_str(), "35df222a9e1a57187c4499797418c064");
}

#[test]
fn user_ids_that_cannot_be_used_say_why() {
    let check = |id: &str, expect: UserIdError| {
        assert_eq!(maker().user_of_id(&realm("shop"), id).unwrap_err(), expect);
    };
    check("", UserIdError::Empty);
    check("a\nb", UserIdError::ControlCharacter);
    check("a\u{85}b", UserIdError::ControlCharacter);
    check(&"a".repeat(USER_ID_BYTES_MAX + 1), UserIdError::TooLong);
    assert!(maker().user_of_id(&realm("shop"), &"a".repeat(USER_ID_BYTES_MAX)).is_ok());
}

#[test]
fn addresses_of_one_ipv6_network_are_one_and_mapped_ipv4_is_ipv4() {
    let key = |address: &str| maker().address(&realm("shop"), address.parse().unwrap()).own;
    assert_eq!(key("2001:db8::1"), key("2001:db8::ffff"));
    assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
    assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
    assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
}

#[test]
fn addresses_of_two_realms_are_two() {
    let keys = |name: &str, address: &str| maker().address(&realm(name), address.parse().unwrap());
    for address in ["192.0.2.1", "2001:db8::1"] {
        let (one, other) = (keys("shop", address), keys("forum", address));
        assert_ne!(one.own, other.own);
        assert!(one.around.is_none() || one.around != other.around);
    }
}

#[test]
fn wider_networks_of_an_ipv6_address_are_counted_too() {
    let keys = |address: &str| maker().address(&realm("shop"), address.parse().unwrap());
    let around = |address: &str| keys(address).around.unwrap();
    let first = around("2001:db8:0:1::1");
    assert_eq!(first, around("2001:db8:0:ff::1"));
    let elsewhere = around("2001:db8:0:100::1");
    assert_eq!(first.of_48, elsewhere.of_48);
    assert_ne!(first.of_56, elsewhere.of_56);
    assert_ne!(first.of_48, around("2001:db8:1::1").of_48);
    // One prefix of three lengths is three networks.
    let zero = keys("2001:db8::1");
    let Around { of_56, of_48 } = zero.around.unwrap();
    assert!(zero.own != of_56 && of_56 != of_48 && zero.own != of_48);
    assert_eq!(keys("192.0.2.1").around, None);
    assert_eq!(keys("64:ff9b::192.0.2.1"), keys("192.0.2.1"));
}

#[test]
fn a_short_secret_is_refused() {
    assert_eq!(
        UserKeyMaker::new(vec![0; 31], UsernameCase::Sensitive).unwrap_err(),
        UserKeyTooShort
    );
}

proptest! {
    #[test]
    fn the_canonical_form_is_its_own(name in "\\PC{1,40}") {
        if let Ok(once) = canonical(&name, UsernameCase::Insensitive) {
            prop_assert_eq!(canonical(&once, UsernameCase::Insensitive).unwrap(), once);
        }
    }
}

#[test]
fn a_digest_of_a_hash_is_one_users_and_no_token() {
    let maker = maker();
    let [alice, bob] = ["alice", "bob"].map(|name| maker.user(&realm("shop"), name).unwrap());
    let of = |user, encoded: &str| maker.stored_hash(user, encoded);
    assert_eq!(of(&alice, "$1$a$b").as_str().len(), 32);
    assert_ne!(of(&alice, "$1$a$b"), of(&bob, "$1$a$b"));
    assert_ne!(of(&alice, "$1$a$b"), of(&alice, "$1$a$c"));
    assert_ne!(of(&alice, "a"), maker.commit_token(&alice, "a"));
}
