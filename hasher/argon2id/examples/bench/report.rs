//! Medians, as a table for people and as JSON for programs.

use authcluster_argon2id::Cost;

/// One contender at one cost.
pub(crate) struct Row {
    cost: Cost,
    name: &'static str,
    hash_ns: f64,
}

/// One lane and two at one cost: nanoseconds a hash of a lane.
pub(crate) struct Lanes {
    pub(crate) cost: Cost,
    pub(crate) one_ns: f64,
    pub(crate) two_ns: f64,
}

/// Everything that was measured.
pub(crate) struct Report {
    machine: String,
    rounds: usize,
    pub(crate) rows: Vec<Row>,
    pub(crate) lanes: Vec<Lanes>,
}

impl Row {
    pub(crate) fn new(cost: Cost, name: &'static str, times_ns: Vec<f64>) -> Self {
        Self { cost, name, hash_ns: median(times_ns) }
    }

    fn block_ns(&self) -> f64 {
        self.hash_ns / f64::from(self.cost.memory_kib) / f64::from(self.cost.passes)
    }
}

impl Lanes {
    fn speedup(&self) -> f64 {
        2.0 * self.one_ns / self.two_ns
    }
}

impl Report {
    pub(crate) fn new(machine: String, rounds: usize) -> Self {
        Self { machine, rounds, rows: Vec::new(), lanes: Vec::new() }
    }

    /// How many times longer `name` takes than `row` at its cost.
    fn ratio(&self, row: &Row, name: &str) -> f64 {
        self.rows
            .iter()
            .find(|other| other.cost == row.cost && other.name.starts_with(name))
            .map_or(f64::NAN, |other| other.hash_ns / row.hash_ns)
    }

    pub(crate) fn table(&self) -> String {
        let mut lines = vec![
            format!("{}; medians of {} alternating rounds, one lane", self.machine, self.rounds),
            String::new(),
            "| memory, passes | contender | ns/block | ms/hash | hashes/s | x crate as used | x libargon2 |"
                .to_owned(),
            "|---|---|---|---|---|---|---|".to_owned(),
        ];
        lines.extend(self.rows.iter().map(|row| {
            format!(
                "| {}, {} | {} | {:.1} | {:.2} | {:.0} | {:.2} | {:.2} |",
                memory(row.cost),
                row.cost.passes,
                row.name,
                row.block_ns(),
                row.hash_ns / 1e6,
                1e9 / row.hash_ns,
                self.ratio(row, "argon2 crate, as used"),
                self.ratio(row, "libargon2"),
            )
        }));
        lines.push(String::new());
        lines.push(
            "| memory, passes | one lane, hashes/s | two lanes, hashes/s | x one lane |".to_owned(),
        );
        lines.push("|---|---|---|---|".to_owned());
        lines.extend(self.lanes.iter().map(|lanes| {
            format!(
                "| {}, {} | {:.0} | {:.0} | {:.2} |",
                memory(lanes.cost),
                lanes.cost.passes,
                1e9 / lanes.one_ns,
                2e9 / lanes.two_ns,
                lanes.speedup(),
            )
        }));
        lines.join("\n")
    }

    pub(crate) fn json(&self) -> String {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                serde_json::json!({
                    "memory_kib": row.cost.memory_kib,
                    "passes": row.cost.passes,
                    "contender": row.name,
                    "block_ns": row.block_ns(),
                    "hash_ms": row.hash_ns / 1e6,
                    "hashes_per_second": 1e9 / row.hash_ns,
                    "times_crate_as_used": self.ratio(row, "argon2 crate, as used"),
                    "times_libargon2": self.ratio(row, "libargon2"),
                })
            })
            .collect();
        let lanes: Vec<_> = self
            .lanes
            .iter()
            .map(|lanes| {
                serde_json::json!({
                    "memory_kib": lanes.cost.memory_kib,
                    "passes": lanes.cost.passes,
                    "one_lane_hashes_per_second": 1e9 / lanes.one_ns,
                    "two_lanes_hashes_per_second": 2e9 / lanes.two_ns,
                    "times_one_lane": lanes.speedup(),
                })
            })
            .collect();
        serde_json::json!({
            "machine": self.machine,
            "rounds": self.rounds,
            "rows": rows,
            "lanes": lanes,
        })
        .to_string()
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn memory(cost: Cost) -> String {
    match cost.memory_kib {
        kib if kib % 1024 == 0 => format!("{} MiB", kib / 1024),
        kib => format!("{kib} KiB"),
    }
}
