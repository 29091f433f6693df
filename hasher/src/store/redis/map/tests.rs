//! What nodes say, and the table that comes of it.

use expect_test::{Expect, expect};

use super::*;

fn at(port: u16) -> Address {
    Address { host: "10.0.0.9".to_owned(), port }
}

/// Views are told apart by a line `--`; the table is shown as ranges.
#[expect(clippy::needless_pass_by_value, reason = "`expect!` makes a value")]
fn check(nodes: &str, naming: Naming, expect: Expect) {
    let views = nodes.split("--").map(|text| View::parse(text, &at(1), naming)).collect();
    let layout = Layout::merge(views);
    let map = SlotMap::of(&layout, Address::to_string);
    let mut ranges: Vec<(u16, u16, Option<&String>)> = Vec::new();
    for number in 0..SLOTS {
        let owner = map.owner(Slot::new(number).unwrap());
        match ranges.last_mut() {
            Some((_, last, of)) if *of == owner => *last = number,
            _ => ranges.push((number, number, owner)),
        }
    }
    let mut shown: Vec<String> = ranges
        .iter()
        .map(|(first, last, owner)| format!("{first}-{last} {}", owner.map_or("-", |of| of)))
        .collect();
    assert_eq!(map.is_whole(), ranges.iter().all(|(_, _, owner)| owner.is_some()));
    shown.push(format!("owners {}", map.owners().join(" ")));
    let replicas: Vec<_> = layout.replicas.iter().map(Address::to_string).collect();
    shown.push(format!("replicas {}", replicas.join(" ")));
    expect.assert_eq(&shown.join("; "));
}

#[test]
fn a_cluster_is_read_as_each_version_writes_it() {
    // Redis 7.0, 8.0 with shard ids, Valkey with names; an importing and a migrating slot.
    check(
        "a 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-8190 8191 [93->-b]\n\
         b 10.0.0.2:6379@16379,,tls-port=0,shard-id=x master - 0 5 2 connected 8192-16383 [93-<-a]\n\
         c 10.0.0.3:6379@16379,redis-2.demo,shard-id=x slave b 0 5 2 connected",
        Naming::Addresses,
        expect![
            "0-8191 10.0.0.1:6379; 8192-16383 10.0.0.2:6379; owners 10.0.0.1:6379 10.0.0.2:6379; replicas 10.0.0.3:6379"
        ],
    );
    check(
        "a 10.0.0.1:6379@16379,redis-0.demo myself,master - 0 0 1 connected 0-16383\n\
         c fd00::3:6379@16379,,shard-id=x slave b 0 5 2 connected",
        Naming::Names,
        expect!["0-16383 redis-0.demo:6379; owners redis-0.demo:6379; replicas [fd00::3]:6379"],
    );
}

#[test]
fn what_cannot_be_used_is_left_out() {
    // Alone: it does not know its address. The others are strangers, gone, or nonsense.
    check(
        "a :6379@16379 myself,master - 0 0 1 connected 0-1\n\
         b 10.0.0.2:6379@16379 handshake - 0 0 0 disconnected\n\
         c :0@0 master,noaddr - 0 0 7 disconnected 5\n\
         d 10.0.0.4:99999@1 master - 0 0 7 connected 6\n\
         e 10.0.0.5:6379@16379 master,fail - 0 0 x disconnected 7-3 8 99999 what\n\
         nonsense\n\n",
        Naming::Addresses,
        expect![
            "0-1 10.0.0.9:6379; 2-7 -; 8-8 10.0.0.5:6379; 9-16383 -; owners 10.0.0.9:6379 10.0.0.5:6379; replicas "
        ],
    );
    check("", Naming::Addresses, expect!["0-16383 -; owners ; replicas "]);
}

#[test]
fn the_higher_epoch_has_the_slot_whoever_is_asked_last() {
    let old = "a 10.0.0.1:1@1 myself,master - 0 0 1 connected 0-16383\n\
               b 10.0.0.2:2@2 slave a 0 0 1 connected";
    let new = "a 10.0.0.1:1@1 master,fail - 0 0 1 connected\n\
               b 10.0.0.2:2@2 myself,master - 0 0 4 connected 0-16383";
    check(
        &format!("{old}\n--\n{new}"),
        Naming::Addresses,
        expect!["0-16383 10.0.0.2:2; owners 10.0.0.2:2; replicas "],
    );
    check(
        &format!("{new}\n--\n{old}"),
        Naming::Addresses,
        expect!["0-16383 10.0.0.2:2; owners 10.0.0.2:2; replicas "],
    );
}

#[test]
fn a_move_is_learned_and_slots_are_told_apart() {
    let view = View::parse(
        "a h1:1@1 master - 0 0 1 connected 0-8191\nb h2:2@2 master - 0 0 1 connected 8192-16000",
        &at(1),
        Naming::Addresses,
    );
    let map = SlotMap::of(&Layout::merge(vec![view]), Address::to_string);
    let slot = |number| Slot::new(number).unwrap();
    assert_eq!(map.apart(slot(1), slot(1).partner()), Some(true));
    assert_eq!(map.apart(slot(1), slot(2)), Some(false));
    assert_eq!(map.apart(slot(1), slot(16_001)), None);
    for (to, owners) in [("h2:2", 2), ("h3:3", 3)] {
        let moved = map.moved(slot(1), to.to_owned(), |owner| owner == to);
        assert_eq!(moved.owner(slot(1)).map(String::as_str), Some(to));
        assert_eq!(moved.owner(slot(2)).map(String::as_str), Some("h1:1"));
        assert_eq!(moved.owners().len(), owners);
    }
}

#[test]
fn a_redirection_may_leave_the_host_to_the_one_that_was_asked() {
    let parse = |text: &str| Address::parse(text, "asked").map(|address| address.to_string());
    assert_eq!(parse("10.0.0.1:6379").as_deref(), Some("10.0.0.1:6379"));
    assert_eq!(parse(":6379").as_deref(), Some("asked:6379"));
    assert_eq!(parse("?:6379").as_deref(), Some("asked:6379"));
    assert_eq!(parse("fd00::1:6379").as_deref(), Some("[fd00::1]:6379"));
    assert_eq!(parse("[fd00::1]:6379").as_deref(), Some("[fd00::1]:6379"));
    assert_eq!(parse("10.0.0.1:0"), None);
    assert_eq!(parse("10.0.0.1"), None);
}
