//! A seeded source of numbers: the same seed gives the same life on every machine.

/// `SplitMix64` (Steele and others, 2014): enough for queues, and five lines.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Between 0 and 1, both excluded.
    pub(crate) fn unit(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / 9_007_199_254_740_992.0
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((self.unit() * end as f64) as usize).min(end - 1)
    }

    /// Exponential with this mean.
    pub(crate) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * self.unit().ln()
    }

    /// Log-normal around 1 (Box and Muller, 1958).
    pub(crate) fn jitter(&mut self, sigma: f64) -> f64 {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        (sigma * radius * (std::f64::consts::TAU * self.unit()).cos()).exp()
    }
}

/// Users by popularity: the `n`th is asked for in proportion to `n` to the power of `-exponent`.
pub(crate) struct Zipf(Vec<f64>);

impl Zipf {
    pub(crate) fn new(users: u32, exponent: f64) -> Self {
        let mut sum = 0.0;
        let sums: Vec<f64> = (1..=users)
            .map(|rank| {
                sum += f64::from(rank).powf(-exponent);
                sum
            })
            .collect();
        Self(sums.into_iter().map(|part| part / sum).collect())
    }

    pub(crate) fn draw(&self, random: &mut Random) -> u32 {
        let point = random.unit();
        u32::try_from(self.0.partition_point(|sum| *sum < point)).expect("a user's rank")
    }
}
