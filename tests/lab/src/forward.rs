//! The API's port on 127.0.0.1. A small process listens in the machine's network namespace, moves itself into
//! the lab's and connects there: a socket stays in the namespace that it was made in. It is this program
//! again, in the background, under a hidden subcommand.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{fs::File, thread};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::clock::{self, Seen};
use crate::error::{Error, Result};
use crate::parts::Parts;
use crate::process::{Start, netns_path};
use crate::site;
use crate::tools::own_program;

/// The process only opens a socket.
const START_BOUND: Duration = Duration::from_secs(15);

/// The hidden subcommand.
pub const SUBCOMMAND: &str = "forward-port";

/// How the hidden subcommand is called.
#[derive(Clone, Debug)]
pub struct Forward {
    /// The namespace to connect in.
    pub netns: PathBuf,
    /// Where to connect.
    pub to: SocketAddr,
    /// The port to listen on, 0 for any.
    pub port: u16,
    /// Where to write the port once it is open.
    pub port_file: PathBuf,
}

impl Forward {
    /// Forwards until killed.
    ///
    /// # Errors
    /// When the port cannot be opened or the namespace not entered.
    pub fn run(&self) -> Result<()> {
        let listener = listen(self.port)?;
        let port = listener.local_addr().map_err(Error::file("listen for", &self.netns))?.port();
        let netns = File::open(&self.netns).map_err(Error::file("open", &self.netns))?;
        move_into_link_name_space(netns.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|errno| Error::file("enter", &self.netns)(errno.into()))?;
        site::write(&self.port_file, &port.to_string())?;
        for client in listener.incoming() {
            // A client that left before it was served is no reason to stop.
            let Ok(client) = client else { continue };
            let to = self.to;
            thread::spawn(move || drop(join(client, to)));
        }
        Ok(())
    }
}

impl Parts {
    /// Starts the forward unless it runs, and writes the kubeconfig that goes through it.
    pub(crate) fn ensure_forward(&self) -> Result<()> {
        let port_file = self.state.join("forward.port");
        // After a crash the same port again, so that a kubeconfig in use stays right.
        let port = site::read_if_there(&port_file)?.and_then(|text| text.trim().parse().ok());
        let mut command = Command::new(self.forward_program()?);
        command.arg(SUBCOMMAND).arg("--netns").arg(netns_path(&self.id.netns()));
        command.args(["--to", "127.0.0.1:6443", "--port", &port.unwrap_or(0u16).to_string()]);
        command.arg("--port-file").arg(&port_file);
        let cgroup_procs = self.cgroups.procs(&self.cgroups.control());
        let start = Start { name: "forward", cgroup_procs: &cgroup_procs, netns: None, command };
        self.components.ensure(&start)?;
        clock::eventually("the forwarded port is open", START_BOUND, || {
            self.components.require("forward")?;
            let text = site::read_if_there(&port_file)?.unwrap_or_default();
            let Ok(port) = text.trim().parse::<u16>() else { return Ok(Seen::No(text)) };
            match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                Ok(_) => self.pki.create_outside_kubeconfig(port).map(|()| Seen::Yes),
                Err(error) => Ok(Seen::No(error.to_string())),
            }
        })
    }

    /// This program if it is `lab`, else the copy that `lab build` kept: a test is another program.
    fn forward_program(&self) -> Result<PathBuf> {
        let own = own_program()?;
        if own.file_name().is_some_and(|name| name == "lab") {
            return Ok(own);
        }
        let kept = self.tools.path("lab");
        if kept.exists() {
            return Ok(kept);
        }
        Err(Error::NotBuilt { what: "the forwarding program is".to_owned() })
    }
}

/// Opens the port, or another when it was taken meanwhile.
fn listen(port: u16) -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .map_err(Error::file("listen on", Path::new("127.0.0.1")))
}

/// Copies both ways until both sides have said all.
fn join(client: TcpStream, to: SocketAddr) -> io::Result<()> {
    let server = TcpStream::connect(to)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut client_in, mut server_out) = (client.try_clone()?, server.try_clone()?);
    let upward = thread::spawn(move || {
        let copied = io::copy(&mut client_in, &mut server_out);
        drop(server_out.shutdown(Shutdown::Write));
        copied
    });
    let (mut server_in, mut client_out) = (server, client);
    let copied = io::copy(&mut server_in, &mut client_out);
    drop(client_out.shutdown(Shutdown::Write));
    drop(upward.join());
    copied.map(drop)
}
