//! Days of load against pods that take their time to start.
//!
//! The model is simple on purpose: every pod has the same speed, a pod serves so long after it was
//! asked for, a pod that goes is gone at once, and work that is offered above the capacity is shed. The
//! decisions are the real ones.

use super::*;

/// Time between two evaluations, in seconds: the pause of a controller at rest.
const EVALUATION_SECONDS: i64 = 15;

/// What is offered at a time, in thousandths of a pod's speed; `None` = nobody tells.
type Demand = dyn Fn(i64) -> Option<u64>;

/// What a run came to.
#[derive(Debug, Default)]
struct Ran {
    /// Number of pods asked for, after every evaluation.
    asked: Vec<(i64, u32)>,
    /// Seconds in which work was shed.
    shed_seconds: i64,
    ups: usize,
    downs: usize,
}

impl Ran {
    fn at(&self, seconds: i64) -> u32 {
        self.asked.iter().rev().find(|(at, _)| *at <= seconds).unwrap().1
    }
}

fn run(start_seconds: i64, until: i64, demand: &Demand) -> Ran {
    let mut wanted = wanted(SPEC);
    wanted.pools[0].scaling = Some(scaling());
    let pool = wanted.pools[0].clone();
    let mut history = History::default();
    // When each pod begins to serve.
    let mut pods: Vec<i64> = vec![0; 3];
    let mut ran = Ran::default();
    for now_seconds in 0..until {
        let serving = u32::try_from(pods.iter().filter(|at| **at <= now_seconds).count()).unwrap();
        let offered = demand(now_seconds);
        if offered.is_some_and(|offered| u64::from(serving) * 1_000 < offered) {
            ran.shed_seconds += 1;
        }
        if now_seconds % EVALUATION_SECONDS != 0 {
            continue;
        }
        let current = u32::try_from(pods.len()).unwrap();
        let asked = offered.map(|offered| {
            let load = Load {
                offered: offered * SPEED / 1_000,
                capacity: u64::from(serving.max(1)) * SPEED,
                serving: [("default".to_owned(), serving)].into(),
                idle: [].into(),
                complete: true,
            };
            asked(&pool, scaling(), current, &load)
        });
        let (replicas, after_it) = history.decide(scaling(), current, asked, after(now_seconds));
        history = after_it;
        ran.ups += usize::from(current < replicas);
        ran.downs += usize::from(replicas < current);
        pods.resize(usize::try_from(replicas).unwrap(), now_seconds + start_seconds);
        ran.asked.push((now_seconds, replicas));
    }
    ran
}

#[test]
fn a_burst_is_followed_within_one_evaluation_and_left_after_the_window() {
    let ran = run(10, 600, &|at| Some(if (100..200).contains(&at) { 4_000 } else { 1_000 }));
    assert_eq!(ran.at(105), 8);
    assert!(ran.shed_seconds <= EVALUATION_SECONDS + 10, "{ran:?}");
    assert_eq!(ran.at(255), 8, "the last evaluation of the burst was at 195");
    assert_eq!(ran.at(270), 2);
    assert_eq!((ran.ups, ran.downs), (1, 2), "the first down is from 3 to 2 at rest: {ran:?}");
}

#[test]
fn a_ramp_up_sheds_nothing_while_the_target_leaves_room_for_the_start() {
    // A pod's worth each minute; a pod takes 30 s.
    let ran = run(30, 300, &|at| Some(1_000 + u64::try_from(at).unwrap() * 1_000 / 60));
    assert_eq!((ran.shed_seconds, ran.downs), (0, 0), "{ran:?}");
    assert_eq!(ran.at(299), 10, "and stays within the bounds");
}

#[test]
fn a_ramp_down_gives_pods_back_step_by_step() {
    let ran = run(10, 900, &|at| Some(4_500_u64.saturating_sub(u64::try_from(at).unwrap() * 6)));
    assert_eq!(ran.ups, 1, "{ran:?}");
    assert!(ran.asked.windows(2).skip(1).all(|pair| pair[1].1 <= pair[0].1), "{ran:?}");
    assert_eq!(ran.at(899), 2);
    assert_eq!(ran.shed_seconds, 10, "only while the first pods started: {ran:?}");
}

#[test]
fn figures_that_flap_move_the_number_once() {
    let flap = |at: i64| Some(if at / EVALUATION_SECONDS % 2 == 0 { 800 } else { 2_800 });
    let ran = run(10, 3_600, &flap);
    assert_eq!((ran.ups, ran.downs), (1, 0), "{ran:?}");
    assert_eq!(ran.at(3_599), 6);
}

#[test]
fn slow_starts_ask_for_no_more_than_the_load_needs() {
    let ran = run(300, 900, &|_| Some(3_000));
    assert_eq!((ran.at(0), ran.at(899)), (6, 6));
    assert_eq!((ran.ups, ran.downs), (1, 0), "{ran:?}");
}

#[test]
fn silence_holds_the_number_and_begins_the_window_anew() {
    // Busy, then nobody tells for ten minutes, then idle.
    let demand = |at: i64| match at {
        ..100 => Some(4_000),
        100..700 => None,
        _ => Some(0),
    };
    let ran = run(10, 900, &demand);
    assert_eq!(ran.at(699), 8);
    assert_eq!(ran.at(764), 8, "known since 705, and the window is a minute");
    assert_eq!(ran.at(765), 2);
}
