//! Certificates are read back with another library than the one that made them.

use k8s_openapi::jiff::Timestamp;
use x509_parser::pem::parse_x509_pem;

use super::{Error, Life, Pair, Purpose, new_authority, new_leaf, not_after};

const NOW: i64 = 1_800_000_000;

fn year() -> Life {
    Life { from: Timestamp::from_second(NOW).unwrap(), days: 365 }
}

fn authority() -> Pair {
    new_authority("main authority", year()).unwrap()
}

#[test]
fn a_leaf_is_signed_by_its_authority_and_by_no_other() {
    let (ours, others) = (authority(), authority());
    let names = vec!["main-hasher.shop.svc".to_owned(), "main-hasher".to_owned()];
    let leaf = new_leaf(&ours, &names, Purpose::Server, year()).unwrap();
    let leaf_pem = parse_x509_pem(leaf.certificate_pem.as_bytes()).unwrap().1;
    let leaf = leaf_pem.parse_x509().unwrap();
    let verified_by = |authority: &Pair| {
        let pem = parse_x509_pem(authority.certificate_pem.as_bytes()).unwrap().1;
        let authority = pem.parse_x509().unwrap();
        leaf.verify_signature(Some(authority.public_key())).is_ok()
    };
    assert!(verified_by(&ours));
    assert!(!verified_by(&others));
    let names = leaf.subject_alternative_name().unwrap().unwrap().value;
    let names = format!("{:?}", names.general_names);
    assert!(names.contains("main-hasher.shop.svc"), "{names}");
}

#[test]
fn only_a_peer_may_be_a_client() {
    for (purpose, client) in [(Purpose::Server, false), (Purpose::Peer, true)] {
        let leaf = new_leaf(&authority(), &["a.b".to_owned()], purpose, year()).unwrap();
        let pem = parse_x509_pem(leaf.certificate_pem.as_bytes()).unwrap().1;
        let leaf = pem.parse_x509().unwrap();
        let usage = leaf.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.server_auth);
        assert_eq!(usage.client_auth, client, "{purpose:?}");
    }
}

#[test]
fn a_leaf_ends_when_it_was_told_to() {
    let leaf = new_leaf(&authority(), &["a.b".to_owned()], Purpose::Server, year()).unwrap();
    let end = not_after(leaf.certificate_pem.as_bytes()).unwrap();
    assert_eq!((end.as_second() - NOW) / 86_400, 365);
}

#[test]
fn a_long_name_is_cut_in_the_subject_and_whole_beside_it() {
    let long = format!("hasher.{}.authcluster.dev", "n".repeat(60));
    let leaf = new_leaf(&authority(), std::slice::from_ref(&long), Purpose::Peer, year()).unwrap();
    let pem = parse_x509_pem(leaf.certificate_pem.as_bytes()).unwrap().1;
    let leaf = pem.parse_x509().unwrap();
    let names = leaf.subject_alternative_name().unwrap().unwrap().value;
    assert!(format!("{:?}", names.general_names).contains(&long));
}

#[test]
fn what_is_no_certificate_is_an_error() {
    assert!(matches!(not_after(b"no"), Err(Error::Parse(_))));
    assert!(matches!(not_after(b""), Err(Error::Parse(_))));
}

#[test]
fn a_key_is_never_shown() {
    assert_eq!(format!("{:?}", authority()), "Pair(..)");
}
