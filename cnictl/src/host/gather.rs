//! Everything that comes from elsewhere: programs, template, certificates, names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use shared::state::nodename;

use super::Root;
use super::files::{self, told};
use crate::commands::install::bytes::Bytes;
use crate::commands::install::conflist::Template;
use crate::commands::install::kubeconfig::Credentials;
use crate::commands::install::places::Places;
use crate::commands::install::settings::Told;
use crate::commands::install::wanted::{Found, PROGRAMS, TLS};

/// Where Debian's package has the plugins.
const PACKAGED: &str = "/usr/lib/cni";

/// Everything but the credentials, which are given.
pub(super) fn gather(
    root: &Root,
    (told, places): (&Told, &Places),
    from: Option<&Path>,
    credentials: Option<Credentials>,
) -> Result<Found, String> {
    let (programs, in_place) = programs(&root.at(&places.bin_dir), from)?;
    Ok(Found {
        programs,
        in_place,
        template: template(told)?,
        nodename: node_name(root, told, places)?,
        kubeconfig: root.at(&places.kubeconfig).exists(),
        credentials,
        tls: certificates(Path::new(told.text("tls_from")))?,
        installed_tls: files::names(&root.at(&places.tls())).into_iter().collect(),
        plugins: plugins(root, told, places),
        configurations: files::names(&root.at(&places.conf_dir)),
    })
}

/// The new plugins, and whether they lie in the runtime's folder already.
fn programs(bin_dir: &Path, from: Option<&Path>) -> Result<(BTreeMap<String, Bytes>, bool), String> {
    let own = || Some(std::env::current_exe().ok()?.parent()?.to_owned());
    let folders: Vec<PathBuf> = match from {
        Some(folder) => vec![folder.to_owned()],
        None => own().into_iter().chain([PathBuf::from(PACKAGED)]).collect(),
    };
    let complete = |folder: &&PathBuf| PROGRAMS.iter().all(|name| folder.join(name).is_file());
    let Some(folder) = folders.iter().find(complete) else {
        let folders: Vec<String> = folders
            .iter()
            .map(|folder| folder.display().to_string())
            .collect();
        return Err(format!(
            "{} are not in {}: give the folder of the new ones as --from",
            PROGRAMS.join(" and "),
            folders.join(" or ")
        ));
    };
    let read = |name: &&str| {
        let path = folder.join(name);
        match files::bytes(&path)? {
            Some(bytes) if bytes.starts_with(b"\x7fELF") => Ok(((*name).to_owned(), bytes.into())),
            Some(_) | None => Err(told(&path, &"is no program")),
        }
    };
    let programs = PROGRAMS.iter().map(read).collect::<Result<_, String>>()?;
    let real = |path: &Path| path.canonicalize().ok();
    let in_place = real(folder).is_some() && real(folder) == real(bin_dir);
    Ok((programs, in_place))
}

fn template(told: &Told) -> Result<Option<Template>, String> {
    if let Some(file) = told.get("template") {
        let text = files::text(Path::new(file))?;
        let text = text.ok_or_else(|| format!("the template {file} does not exist"))?;
        let origin = file.to_owned();
        return Ok(Some(Template { origin, text }));
    }
    Ok(told.get("template_text").map(|text| Template {
        origin: "CNI_NETWORK_CONFIG".to_owned(),
        text: text.to_owned(),
    }))
}

fn node_name(root: &Root, told: &Told, places: &Places) -> Result<String, String> {
    let file = root.at(&places.nodename);
    let found = nodename::resolve(told.get("nodename"), Some(&file), None);
    found.map(|found| found.name).map_err(|error| error.to_string())
}

/// A Secret's keys that are empty are those that nobody has set.
fn certificates(folder: &Path) -> Result<BTreeMap<String, Bytes>, String> {
    let mut found = BTreeMap::new();
    for name in TLS {
        let bytes = files::bytes(&folder.join(name))?.filter(|bytes| !bytes.is_empty());
        found.extend(bytes.map(|bytes| (name.to_owned(), bytes.into())));
    }
    Ok(found)
}

fn plugins(root: &Root, told: &Told, places: &Places) -> BTreeSet<String> {
    let more = told
        .text("plugin_dir")
        .split(',')
        .filter(|folder| !folder.is_empty());
    let folders = more.map(Path::new).chain([places.bin_dir.as_path()]);
    folders
        .flat_map(|folder| files::names(&root.at(folder)))
        .collect()
}
