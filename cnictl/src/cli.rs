//! From the command line to a command: words become kinds, flags become a datastore.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use shared::store::Datastore;
use shared::store::memory::Memory;
use shared::store::open::Store;

use crate::args::{Cli, Command};
use crate::commands::{
    Birth, Outcome, Screen, apply, decommission, delete, describe, etcd_roles, get, ipam_check,
    ipam_configure, ipam_explain, ipam_headroom, ipam_release, ipam_show, ipam_split, label, node_remote,
    patch, version, watch,
};
use crate::datastore::place::Place;
use crate::datastore::{self, Chosen};
use crate::decide::Verb;
use crate::decide::label::Change as Labels;
use crate::decide::patch::Patch;
use crate::dry::Dry;
use crate::resource::Target;
use crate::roles::Role;
use crate::{args, input, local};

mod asked;
mod examined;
mod look;
mod machine;
mod ready;
mod resources;

use asked::{explained, remote, retire};
use examined::examined;
use look::Look;
use machine::Machine;
use ready::ready;

/// A command with everything it needs but the datastore.
#[derive(Debug)]
enum Ready {
    Get(get::Query),
    Watch(get::Query),
    Describe(get::Query),
    Apply(apply::Request),
    Patch(Target, Patch),
    Label(Target, Labels),
    Delete(delete::Request),
    Show(ipam_show::View),
    Configure(ipam_configure::Change),
    Split(ipam_split::Request),
    Explain(Box<ipam_explain::Pod>, Option<PathBuf>),
    Headroom(ipam_headroom::Request),
    Decommission(decommission::Request, Option<PathBuf>),
    Check(Box<ipam_check::Request>),
    Release(ipam_release::Request),
    Look(Look),
    Host(Box<Machine>),
    Doctor(Box<args::doctor::Doctor>),
    Remote(node_remote::Request),
    Roles(Vec<Role>),
    /// What is there to say already.
    Said(Outcome),
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
        } else if matches!(self, Ready::Watch(_)) {
            Duration::MAX
        } else {
            DEADLINE
        }
    }

    /// Whether a datastore may begin with it.
    fn makes(&self) -> bool {
        if let Ready::Apply(request) = self {
            // What is to be replaced must be there.
            return request.verb != Verb::Replace;
        }
        matches!(self, Ready::Configure(_))
    }
}

/// Does what the command line says. The datastore is opened only for a command that makes sense.
pub async fn run(cli: Cli, env: &BTreeMap<String, String>, birth: Birth, screen: &mut dyn Screen) -> Outcome {
    let dry = cli.command.is_dry();
    let ready = match ready(cli.command) {
        Ok(Ready::Said(outcome)) => return outcome,
        Ok(Ready::Look(look)) => {
            let look = look.in_dir(cli.datastore.run_dir.as_deref(), env);
            return look.run(birth.now).await;
        }
        Ok(Ready::Host(machine)) => return machine.run(&cli.datastore, env).await,
        Ok(Ready::Doctor(words)) => return examined(*words, &cli.datastore, env, birth).await,
        Ok(ready) => ready,
        Err(error) => return Outcome::failed(error),
    };
    match datastore::choose(&cli.datastore, env) {
        Ok(chosen) => run_there(chosen, ready, env, (birth, dry), screen).await,
        Err(error) => unreached(&ready, error),
    }
}

/// Does it in the datastore that was chosen.
async fn run_there(
    chosen: Chosen,
    mut ready: Ready,
    env: &BTreeMap<String, String>,
    (birth, dry): (Birth, bool),
    screen: &mut dyn Screen,
) -> Outcome {
    if dry && ready.makes() && chosen.is_yet_to_be_made() {
        return carry_out(&Place::Empty(Memory::new()), ready, (birth, dry), screen).await;
    }
    let store = match chosen.open(ready.deadline(), ready.makes() && !dry) {
        Ok(store) => store,
        Err(error) => return unreached(&ready, error),
    };
    let Chosen { source, warnings, .. } = chosen;
    if let Ready::Check(request) = &mut ready {
        let alone = matches!(store, Store::Embedded(_));
        request.here = local::node(env, request.nodename_file.as_deref(), alone);
    }
    if let Ready::Roles(roles) = &ready {
        return etcd_roles::run(&store, roles).await;
    }
    if matches!(ready, Ready::Version) {
        return version::run(&store, &source, warnings).await;
    }
    let mut outcome = carry_out(&Place::Opened(store), ready, (birth, dry), screen).await;
    outcome.warnings.splice(0..0, warnings);
    if let Err(error) = input::write(&outcome.files) {
        outcome.error = Some(error);
    }
    outcome
}

fn unreached(ready: &Ready, error: String) -> Outcome {
    if matches!(ready, Ready::Version) {
        return version::alone(Some(error));
    }
    Outcome::failed(error)
}

/// Does it on a datastore that is open already.
pub async fn run_on<S: Datastore>(
    store: &S,
    command: Command,
    birth: Birth,
    screen: &mut dyn Screen,
) -> Outcome {
    let dry = command.is_dry();
    match ready(command) {
        Ok(ready) => carry_out(store, ready, (birth, dry), screen).await,
        Err(error) => Outcome::failed(error),
    }
}

async fn carry_out<S: Datastore>(
    store: &S,
    ready: Ready,
    (birth, dry): (Birth, bool),
    screen: &mut dyn Screen,
) -> Outcome {
    if !dry {
        return carry_out_on(store, ready, birth, screen).await;
    }
    let dry = Dry::new(store);
    let mut outcome = carry_out_on(&dry, ready, birth, screen).await;
    let would = outcome.out.lines().map(|line| format!("{line} (dry run)\n"));
    outcome.out = format!("{}{}", dry.told(), would.collect::<String>());
    outcome.files.clear();
    outcome
}

async fn carry_out_on<S: Datastore>(
    store: &S,
    ready: Ready,
    birth: Birth,
    screen: &mut dyn Screen,
) -> Outcome {
    match ready {
        Ready::Get(query) => get::run(store, &query).await,
        Ready::Watch(query) => watch::run(store, &query, screen).await,
        Ready::Describe(query) => describe::run(store, &query, birth.now).await,
        Ready::Apply(request) => apply::run(store, &request, birth).await,
        Ready::Patch(target, change) => patch::run(store, &target, &change, birth).await,
        Ready::Label(target, change) => label::run(store, &target, &change).await,
        Ready::Delete(request) => delete::run(store, &request, birth.now).await,
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
        Ready::Doctor(_) => Outcome::failed("doctor opens the datastore itself"),
        Ready::Roles(_) => Outcome::failed("roles are etcd's, and this is another datastore"),
        Ready::Remote(request) => remote(store, &request, birth.now).await,
        Ready::Version => version::run(store, "", Vec::new()).await,
        Ready::Said(outcome) => outcome,
    }
}

#[cfg(test)]
mod tests;
