//! All black-box tests: what only running programs, a real kernel and a real etcd can show. A file each below.

mod burst;
mod cnitool;
mod conf;
mod crash;
mod documents;
mod etcd_down;
mod failover;
mod fault;
mod gates;
mod ipam_limits;
mod ipam_plugin;
mod layering;
mod others;
mod pod;
mod pod_network;
mod programs;
mod repeat;
mod requests;
mod scenario_a;
mod spec_add;
mod spec_check;
mod spec_del;
mod spec_gc;
mod spec_input;
mod spec_status;
mod spec_version;
