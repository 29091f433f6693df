//! What nobody can do: knows every lane and every job's actual time at once, and gives each request to
//! the lane where it ends first, without a hop.

use crate::outcome::{End, Outcome};
use crate::scenario::{Event, FROM_NS, Scenario, UNTIL_NS};
use crate::workload::Arrival;

/// Time of a request, as in the world.
use crate::world::DEADLINE_NS;

pub(crate) fn run(scenario: &Scenario, arrivals: &[Arrival]) -> Vec<Outcome> {
    let mut free: Vec<Vec<u64>> = scenario.lanes.iter().map(|lanes| vec![0; *lanes]).collect();
    let mut outcomes: Vec<Outcome> = Vec::new();
    let mut lost = false;
    for (index, arrival) in arrivals.iter().enumerate() {
        if let Event::Lost(node) = scenario.event
            && !lost
            && FROM_NS <= arrival.at_ns
        {
            lost = true;
            for lane in &mut free[node] {
                *lane = UNTIL_NS;
            }
            for past in 0..index {
                if outcomes[past].node == node && FROM_NS < outcomes[past].ends_ns {
                    outcomes[past] = place(scenario, &mut free, &arrivals[past], FROM_NS);
                }
            }
        }
        outcomes.push(place(scenario, &mut free, arrival, arrival.at_ns));
    }
    outcomes
}

fn place(scenario: &Scenario, free: &mut [Vec<u64>], arrival: &Arrival, now: u64) -> Outcome {
    let service = |node: usize, start: u64| {
        let slow = scenario.event == Event::Slow(node) && (FROM_NS..UNTIL_NS).contains(&start);
        arrival.service_ns() * if slow { 3 } else { 1 }
    };
    let lanes = free.iter().enumerate();
    let ends = lanes.flat_map(|(node, lanes)| {
        lanes.iter().enumerate().map(move |(lane, free)| {
            let start = now.max(*free);
            (start + service(node, start), node, lane)
        })
    });
    let (ends_ns, node, lane) = ends.min().expect("a lane");
    let of = |end, ends_ns| Outcome {
        at_ns: arrival.at_ns,
        user: arrival.user,
        node,
        ends_ns,
        end,
        asks: 0,
    };
    if arrival.at_ns + DEADLINE_NS < ends_ns {
        return of(End::Shed, now);
    }
    free[node][lane] = ends_ns;
    of(End::Done, ends_ns)
}
