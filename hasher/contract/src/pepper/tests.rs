//! What is a key id, what is a pepper, and that neither is guessed.

use super::*;

#[test]
fn a_key_id_is_a_short_name() {
    for id in ["2026", "a", "A-b_c.9", "12345678"] {
        assert_eq!(id.parse::<KeyId>().unwrap().as_str(), id);
    }
    for none in ["", ".2026", "123456789", "a b", "a/b", "\u{e9}", "..data", "a\0"] {
        assert_eq!(none.parse::<KeyId>(), Err(KeyIdError), "{none:?}");
    }
    let id: KeyId = serde_json::from_str("\"2026\"").unwrap();
    assert_eq!(serde_json::to_string(&id).unwrap(), "\"2026\"");
    assert!(serde_json::from_str::<KeyId>("\"\"").is_err());
}

#[test]
fn a_pepper_is_long_enough_and_its_line_feed_is_no_part_of_it() {
    let of = |bytes: usize| STANDARD.encode(vec![7; bytes]);
    for bytes in [16, 32, 1024] {
        assert_eq!(*decode(of(bytes).as_bytes()).unwrap(), vec![7; bytes]);
        assert_eq!(*decode(format!("{}\n", of(bytes)).as_bytes()).unwrap(), vec![7; bytes]);
    }
    for none in [of(15), of(1025), String::new(), "not base64!".to_owned(), of(32).replace('=', "")]
    {
        assert_eq!(decode(none.as_bytes()).unwrap_err(), PepperError);
    }
}
