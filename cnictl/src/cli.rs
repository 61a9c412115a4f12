//! From the command line to a command: words become kinds, flags become a datastore.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use shared::state::nodename;
use shared::store::Datastore;
use shared::store::open::Store;

use crate::args::bgp::Bgp;
use crate::args::check::{Check, Release};
use crate::args::ipam::Explain;
use crate::args::node::{Decommission, Node};
use crate::args::{Cli, Command, Delete, Get, Ipam, Show, VERSION};
use crate::commands::delete::Target;
use crate::commands::get::Query;
use crate::commands::ipam_configure::Change;
use crate::commands::ipam_explain::sources::pairs;
use crate::commands::ipam_show::View;
use crate::commands::{
    Birth, Outcome, apply, decommission, delete, get, ipam_check, ipam_configure, ipam_explain,
    ipam_headroom, ipam_release, ipam_show, ipam_split,
};
use crate::resource::Kind;
use crate::{args, datastore, input, local};

mod asked;
mod look;
mod machine;

use asked::{explained, retire};
use look::Look;
use machine::Machine;

/// A command with everything it needs but the datastore.
#[derive(Debug)]
enum Ready {
    Apply(Vec<(String, String)>),
    Get(Query),
    Delete(Vec<Target>, bool),
    Show(View),
    Configure(Change),
    Split(ipam_split::Request),
    Explain(Box<ipam_explain::Pod>, Option<PathBuf>),
    Headroom(ipam_headroom::Request),
    Decommission(decommission::Request, Option<PathBuf>),
    Check(Box<ipam_check::Request>),
    Release(ipam_release::Request),
    Look(Look),
    Host(Box<Machine>),
    Version,
}

/// For a whole call, and for one that may read and write everything there is.
const DEADLINE: Duration = Duration::from_secs(10);
const LONG_DEADLINE: Duration = Duration::from_secs(600);

impl Ready {
    fn deadline(&self) -> Duration {
        if matches!(
            self,
            Ready::Check(_) | Ready::Release(_) | Ready::Decommission(..)
        ) {
            LONG_DEADLINE
        } else {
            DEADLINE
        }
    }
}

/// Does what the command line says. The datastore is opened only for a command that makes sense.
pub async fn run(cli: Cli, env: &BTreeMap<String, String>, birth: Birth) -> Outcome {
    let mut ready = match ready(cli.command) {
        Ok(Ready::Version) => return version(),
        Ok(Ready::Look(look)) => {
            let look = look.in_dir(cli.datastore.run_dir.as_deref(), env);
            return look.run(birth.now).await;
        }
        Ok(Ready::Host(machine)) => return machine.run(&cli.datastore, env).await,
        Ok(ready) => ready,
        Err(error) => return Outcome::failed(error),
    };
    match datastore::connect(&cli.datastore, env, ready.deadline()) {
        Ok((store, warnings)) => {
            if let Ready::Check(request) = &mut ready {
                request.here = local::node(
                    env,
                    request.nodename_file.as_deref(),
                    matches!(store, Store::Embedded(_)),
                );
            }
            let mut outcome = carry_out(&store, ready, birth).await;
            outcome.warnings.splice(0..0, warnings);
            if let Err(error) = input::write(&outcome.files) {
                outcome.error = Some(error);
            }
            outcome
        }
        Err(error) => Outcome::failed(error),
    }
}

/// Does it on a datastore that is open already.
pub async fn run_on<S: Datastore>(store: &S, command: Command, birth: Birth) -> Outcome {
    match ready(command) {
        Ok(ready) => carry_out(store, ready, birth).await,
        Err(error) => Outcome::failed(error),
    }
}

fn version() -> Outcome {
    Outcome::said(format!("cnictl {VERSION}\n"))
}

fn ready(command: Command) -> Result<Ready, String> {
    Ok(match command {
        Command::Apply { filename } => Ready::Apply(input::read(&filename)?),
        Command::Get(get) => Ready::Get(query(get)?),
        Command::Delete(delete) => {
            let skip = delete.skip_not_exists;
            Ready::Delete(targets(delete)?, skip)
        }
        Command::Ipam { command } => ipam(command)?,
        Command::Node {
            command: Node::Decommission(words),
        } => {
            let kubeconfig = words.kubeconfig.clone();
            Ready::Decommission(retiring(words)?, kubeconfig)
        }
        Command::Node {
            command: Node::Status(asking),
        } => Ready::Look(Look::peers(asking)),
        Command::Bgp {
            command: Bgp::Routes(words),
        } => Ready::Look(Look::routes(words)),
        Command::Install(words) => Ready::Host(Box::new(Machine::Install(*words))),
        Command::Upgrade(words) => Ready::Host(Box::new(Machine::Upgrade(*words))),
        Command::Uninstall(words) => Ready::Host(Box::new(Machine::Uninstall(words))),
        Command::Version => Ready::Version,
    })
}

fn ipam(command: Ipam) -> Result<Ready, String> {
    Ok(match command {
        Ipam::Show(show) => Ready::Show(view(&show)),
        Ipam::Configure(configure) => Ready::Configure(Change {
            strict_affinity: configure.strictaffinity,
            max_blocks_per_host: configure.max_blocks_per_host,
            vm_persistence: configure.kubevirt_ip_persistence.map(|mode| mode.as_str()),
            cooldown: configure.ip_cooldown_seconds,
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
            let texts = input::read(&[file])?;
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
        (None, None) => ipam_release::What::Reports(input::read(&release.from_report)?),
    };
    Ok(ipam_release::Request {
        what,
        force: release.force,
    })
}

fn pod(explain: Explain) -> Result<ipam_explain::Pod, String> {
    let labels = pairs(&explain.namespace_labels)?;
    let conflist = explain.conflist.map(|file| input::read(&[file])).transpose()?;
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

async fn carry_out<S: Datastore>(store: &S, ready: Ready, birth: Birth) -> Outcome {
    match ready {
        Ready::Apply(texts) => apply::run(store, &texts, birth).await,
        Ready::Get(query) => get::run(store, &query).await,
        Ready::Delete(targets, skip) => delete::run(store, &targets, skip, birth.now).await,
        Ready::Show(view) => ipam_show::run(store, view).await,
        Ready::Configure(change) => ipam_configure::run(store, &change, birth).await,
        Ready::Decommission(request, kubeconfig) => retire(store, request, kubeconfig, birth).await,
        Ready::Explain(pod, kubeconfig) => explained(store, *pod, kubeconfig, birth).await,
        Ready::Headroom(request) => ipam_headroom::run(store, &request, birth.now).await,
        Ready::Check(request) => ipam_check::run(store, *request, birth).await,
        Ready::Release(request) => ipam_release::run(store, request, birth).await,
        Ready::Split(request) => ipam_split::run(store, &request, birth).await,
        Ready::Look(look) => look.run(birth.now).await,
        Ready::Host(machine) => machine.run(&args::Datastore::default(), &BTreeMap::new()).await,
        Ready::Version => version(),
    }
}

fn query(get: Get) -> Result<Query, String> {
    let (kind, names) = named(&get.kind, get.names)?;
    if !names.is_empty() && get.all_namespaces && kind.namespaced() {
        return Err("a name is looked up in one namespace: give -n instead of -A".to_owned());
    }
    Ok(Query {
        kind,
        names,
        namespace: get.namespace,
        everywhere: get.all_namespaces,
        format: get.output,
    })
}

fn targets(delete: Delete) -> Result<Vec<Target>, String> {
    let Some(word) = delete.kind else {
        return delete::targets(&input::read(&delete.filename)?);
    };
    let (kind, names) = named(&word, delete.names)?;
    if names.is_empty() {
        return Err(format!("which {}? Give its name", kind.name()));
    }
    Ok(names.into_iter().map(|name| Target { kind, name }).collect())
}

/// `KIND NAME…` or `KIND/NAME`.
fn named(word: &str, mut names: Vec<String>) -> Result<(Kind, Vec<String>), String> {
    let Some((kind, name)) = word.split_once('/') else {
        return Ok((Kind::from_word(word)?, names));
    };
    names.insert(0, name.to_owned());
    Ok((Kind::from_word(kind)?, names))
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
