//! When `up` does nothing, mends, begins anew or refuses.

use super::*;

fn healthy() -> Found {
    Found {
        shape: Shape::of_nodes(3),
        complete: true,
        same_boot: true,
        same_tools: true,
        dead: Vec::new(),
        faults: Vec::new(),
    }
}

#[test]
fn up_decides() {
    let wanted = Shape::of_nodes(3);
    let fresh = |found: Found| matches!(next(Some(&found), &wanted), Ok(Next::Fresh(_)));
    assert!(matches!(next(None, &wanted), Ok(Next::Fresh(_))));
    assert_eq!(next(Some(&healthy()), &wanted), Ok(Next::Nothing));
    let dead = Found { dead: vec!["etcd".to_owned()], ..healthy() };
    assert_eq!(next(Some(&dead), &wanted), Ok(Next::Mend));
    let cut = Found { faults: vec!["node1 cut".to_owned()], ..healthy() };
    assert_eq!(next(Some(&cut), &wanted), Ok(Next::Mend));
    assert!(fresh(Found { complete: false, ..healthy() }));
    assert!(fresh(Found { same_boot: false, ..healthy() }));
    assert!(fresh(Found { same_tools: false, ..healthy() }));
}

#[test]
fn a_lab_of_another_shape_is_not_replaced() {
    let error = next(Some(&healthy()), &Shape::CONTROL_PLANE).unwrap_err();
    assert!(error.to_string().contains("lab down"), "{error}");
}

#[test]
fn the_wreck_of_another_shape_is_replaced() {
    let wreck = Found { complete: false, shape: Shape::of_nodes(9), ..healthy() };
    assert!(matches!(next(Some(&wreck), &Shape::of_nodes(3)), Ok(Next::Fresh(_))));
}
