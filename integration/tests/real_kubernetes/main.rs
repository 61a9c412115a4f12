//! A real Kubernetes with our image and our manifests: `make test-kubernetes`. A cluster for each test.

mod farewell;
mod install;
mod outage;
mod pods;
mod status;
