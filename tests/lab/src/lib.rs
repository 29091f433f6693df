//! A real Kubernetes on one machine: the library under the `lab` command and the cluster tests.
//!
//! A lab is etcd, the API server, the controllers, the scheduler and any number of nodes (kubelet,
//! containerd, kube-proxy), with DNS, metrics, a default storage class and Helm, all of it real and none of it
//! installed on the machine: the programs are built from Go modules, the images from this machine's
//! programs and Debian packages. Everything runs in network namespaces that the lab makes, with addresses
//! (198.18.0.0/15) that lead nowhere else; the one way in is the API's port on 127.0.0.1.
//!
//! ```no_run
//! use authcluster_lab::args::Environment;
//! use authcluster_lab::faults::Fault;
//! use authcluster_lab::lab::Lab;
//! use authcluster_lab::plan::next::Shape;
//! use authcluster_lab::report::Report;
//! use authcluster_lab::site::Site;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let site = Site::new(&Environment::read().cache);
//! let lab = Lab::ensure(&site, &"test".parse()?, &Shape::of_nodes(3), Report::start())?;
//! lab.load_image(&"redis:7.0".parse()?)?;
//! lab.kubectl(&["get", "nodes"])?;
//! lab.fault(Fault::Cut, "node2")?;
//! lab.down()?;
//! # Ok(())
//! # }
//! ```
//!
//! The map: `plan` decides (pure); `site`, `record` and `parts` say where things are; `tools` and `images`
//! build; `network`, `cgroups`, `pki`, `control_plane`, `node`, `addons`, `volumes` and `forward` put a lab up, `cleanup`
//! takes it down, `faults` breaks it. `up` is the order of the first, `lab` what a caller
//! sees of it all. Run on control groups version 1 (Debian 12,
//! kernel 6.18); version 2 is told apart and set up, and was not run.

pub mod args;
pub mod commands;
pub mod doctor;
pub mod error;
pub mod faults;
pub mod forward;
pub mod images;
pub mod lab;
pub mod plan;
pub mod record;
pub mod report;
pub mod site;
pub mod tools;

mod addons;
mod cgroups;
mod cleanup;
mod clock;
mod command;
mod control_plane;
mod load;
mod network;
mod node;
mod parts;
mod pki;
mod process;
mod up;
mod volumes;
