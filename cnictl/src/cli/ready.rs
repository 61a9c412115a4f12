//! From words to a command with everything it needs.

use shared::state::nodename;

use super::look::Look;
use super::machine::Machine;
use super::{Ready, resources};
use crate::args::Command;
use crate::args::bgp::Bgp;
use crate::args::check::{Check, Release};
use crate::args::etcd::Etcd;
use crate::args::ipam::{Explain, Ipam, Show};
use crate::args::node::{Decommission, Node};
use crate::commands::ipam_configure::Change;
use crate::commands::ipam_explain::sources::pairs;
use crate::commands::ipam_show::View;
use crate::commands::{
    Outcome, decommission, ipam_check, ipam_explain, ipam_headroom, ipam_release, ipam_split, node_remote,
    version,
};
use crate::{completion, input, roles};

impl Command {
    /// Whether it only tells what it would do.
    pub(super) fn is_dry(&self) -> bool {
        match self {
            Command::Apply(put) | Command::Replace(put) => put.dry.dry_run,
            Command::Create(create) => create.put.dry.dry_run,
            Command::Delete(delete) => delete.dry.dry_run,
            Command::Patch(patch) => patch.dry.dry_run,
            Command::Label(label) => label.dry.dry_run,
            Command::Ipam { command } => match command {
                Ipam::Configure(configure) => configure.dry.dry_run,
                Ipam::Split(split) => split.dry.dry_run,
                Ipam::Release(release) => release.dry.dry_run,
                Ipam::Check(check) => check.dry.dry_run,
                Ipam::Show(_) | Ipam::Explain(_) | Ipam::Headroom(_) => false,
            },
            Command::Node {
                command: Node::Decommission(decommission),
            } => decommission.dry.dry_run,
            Command::Get(_)
            | Command::Describe(_)
            | Command::Validate(_)
            | Command::Node { .. }
            | Command::Bgp { .. }
            | Command::Etcd { .. }
            | Command::Install(_)
            | Command::Upgrade(_)
            | Command::Uninstall(_)
            | Command::Doctor(_)
            | Command::Completion { .. }
            | Command::Version(_) => false,
        }
    }
}

pub(super) fn ready(command: Command) -> Result<Ready, String> {
    Ok(match command {
        Command::Get(get) => resources::get(get)?,
        Command::Describe(words) => resources::describe(words)?,
        Command::Apply(put) => resources::apply(put)?,
        Command::Create(create) => resources::create(create)?,
        Command::Replace(put) => resources::replace(put)?,
        Command::Delete(delete) => resources::delete(delete)?,
        Command::Patch(patch) => resources::patch(patch)?,
        Command::Label(label) => resources::label(label)?,
        Command::Validate(words) => resources::validate(words)?,
        Command::Ipam { command } => ipam(command)?,
        Command::Node { command } => node(command)?,
        Command::Bgp {
            command: Bgp::Routes(words),
        } => Ready::Look(Look::routes(words)),
        Command::Etcd { command } => etcd(command)?,
        Command::Install(words) => Ready::Host(Box::new(Machine::Install(*words))),
        Command::Upgrade(words) => Ready::Host(Box::new(Machine::Upgrade(*words))),
        Command::Uninstall(words) => Ready::Host(Box::new(Machine::Uninstall(words))),
        Command::Doctor(words) => Ready::Doctor(words),
        Command::Completion { shell } => Ready::Said(Outcome::said(completion::script(shell))),
        Command::Version(words) if words.client => Ready::Said(version::alone(None)),
        Command::Version(_) => Ready::Version,
    })
}

fn ipam(command: Ipam) -> Result<Ready, String> {
    Ok(match command {
        Ipam::Show(show) => Ready::Show(view(&show)),
        Ipam::Configure(configure) => Ready::Configure(Change {
            strict_affinity: configure.change.strictaffinity,
            max_blocks_per_host: configure.change.max_blocks_per_host,
            vm_persistence: configure.change.kubevirt_ip_persistence.map(|mode| mode.as_str()),
            cooldown: configure.change.ip_cooldown_seconds,
        }),
        Ipam::Explain(explain) => {
            let kubeconfig = explain.kubeconfig.clone();
            Ready::Explain(Box::new(pod(explain)?), kubeconfig)
        }
        Ipam::Headroom(words) => {
            let labels = pairs(&words.namespace_labels)?;
            Ready::Headroom(ipam_headroom::Request {
                node: words.node,
                namespace_labels: (!labels.is_empty()).then_some(labels),
                format: words.output,
            })
        }
        Ipam::Check(check) => Ready::Check(Box::new(checking(check)?)),
        Ipam::Release(release) => Ready::Release(releasing(release)?),
        Ipam::Split(split) => Ready::Split(ipam_split::Request::new(split.number, split.cidr, split.name)?),
    })
}

fn node(command: Node) -> Result<Ready, String> {
    Ok(match command {
        Node::Decommission(words) => {
            let kubeconfig = words.kubeconfig.clone();
            Ready::Decommission(retiring(words)?, kubeconfig)
        }
        Node::Status(words) => match words.node {
            None => Ready::Look(Look::peers(words.asking)),
            Some(node) => Ready::Remote(node_remote::Request {
                node,
                metrics: words.metrics,
                format: words.asking.output,
            }),
        },
    })
}

fn etcd(Etcd::Roles(words): Etcd) -> Result<Ready, String> {
    let roles = roles::all(&words.nodes, words.any_node)?;
    Ok(match words.apply {
        true => Ready::Roles(roles),
        false => Ready::Said(Outcome::said(roles::script(&roles))),
    })
}

fn retiring(words: Decommission) -> Result<decommission::Request, String> {
    let here = nodename::resolve(None, words.nodename_file.as_deref(), None);
    Ok(decommission::Request {
        node: words.node,
        plan: words.plan,
        dead: words.dead,
        gone: None,
        here: Some(here.map_err(|error| error.to_string())?.name),
        this_node: words.this_node,
        no_sidecars: words.no_sidecars,
    })
}

fn checking(check: Check) -> Result<ipam_check::Request, String> {
    let runtime = match check.runtime {
        Some(file) => {
            let texts = input::read(&[file], false)?;
            let lists = texts
                .iter()
                .map(|(origin, text)| ipam_check::sandboxes(origin, text));
            let lists: Vec<_> = lists.collect::<Result<_, _>>()?;
            Some((check.node, lists.into_iter().flatten().collect()))
        }
        None => None,
    };
    Ok(ipam_check::Request {
        all: check.show_all_ips,
        problem_ips: check.show_problem_ips,
        output: check.output,
        runtime,
        kubeconfig: check.kubeconfig,
        grace: check.grace,
        settle: check.settle,
        fix: check.fix,
        yes: check.yes,
        nodename_file: check.nodename_file,
        here: None,
    })
}

fn releasing(release: Release) -> Result<ipam_release::Request, String> {
    let what = match (release.ip, release.handle) {
        (Some(address), _) => ipam_release::What::Ip(address),
        (None, Some(handle)) => ipam_release::What::Handle(handle),
        (None, None) => ipam_release::What::Reports(input::read(&release.from_report, false)?),
    };
    Ok(ipam_release::Request {
        what,
        force: release.force,
    })
}

fn pod(explain: Explain) -> Result<ipam_explain::Pod, String> {
    let labels = pairs(&explain.namespace_labels)?;
    let conflist = explain
        .conflist
        .map(|file| input::read(&[file], false))
        .transpose()?;
    Ok(ipam_explain::Pod {
        node: explain.node,
        namespace: explain.namespace,
        name: explain.pod,
        annotations: pairs(&explain.pod_annotation)?,
        namespace_annotations: pairs(&explain.namespace_annotation)?,
        namespace_labels: (!labels.is_empty()).then_some(labels),
        conflist: conflist.and_then(|texts| texts.into_iter().next()),
    })
}

fn view(show: &Show) -> View {
    match show.ip {
        Some(address) => View::Address(address),
        None if show.show_blocks => View::Blocks,
        None if show.show_borrowed => View::Borrowed,
        None if show.show_configuration => View::Configuration,
        None => View::Pools,
    }
}
