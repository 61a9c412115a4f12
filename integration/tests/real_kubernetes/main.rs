//! A real Kubernetes with our image and our manifests: `make test-kubernetes`. A cluster for each test.
#![allow(
    clippy::too_many_lines,
    reason = "some of these stories have more than forty lines"
)]

mod farewell;
mod install;
mod outage;
mod pods;
mod status;
