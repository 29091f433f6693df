//! Arguments of `calibrate`.

use authcluster_contract::limits::LANES_MAX;
use clap::Args;

const EXAMPLE: &str = "\
Example: parameters for pods of two lanes and 1 GiB, where a hash may take 50 ms.

  hasher calibrate --target-ms 50 --lanes 2 --memory-limit-mib 1024

Run it where hashers will run, with the CPUs that they will have, and nothing else going on.";

/// Of `calibrate`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub struct CalibrateArgs {
    /// Longest time of one hash while all lanes work, in milliseconds.
    #[arg(long, default_value_t = 50, value_name = "MS",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub target_ms: u32,
    /// Hashing threads of a pod [default: one for each CPU].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(LANES_MAX)))]
    pub lanes: Option<u32>,
    /// Memory limit of a pod, in MiB [default: the smallest limit of the control groups that this command runs in, or
    /// half of the free memory].
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub memory_limit_mib: Option<u32>,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}
