//! A real Kubernetes on one machine: the library under the `lab` command and the cluster tests.
