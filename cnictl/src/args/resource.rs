//! The command line of what reads and writes resources, in calicoctl's words.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Args, Command, ValueEnum};

use crate::decide::patch::Form;
use crate::output::{FORMS, Format};
use crate::resource::Kind;

/// Files of resources.
#[derive(Args, Clone, Debug, Default)]
pub struct Files {
    /// YAML or JSON: a file, a directory of files, or - for stdin; repeatable
    #[arg(short, long = "filename", value_name = "PATH")]
    pub filename: Vec<PathBuf>,
    /// Directories inside directories too
    #[arg(short = 'R', long, requires = "filename")]
    pub recursive: bool,
    /// Files without resources are no error
    #[arg(long, requires = "filename")]
    pub skip_empty: bool,
}

/// In which namespace.
#[derive(Args, Clone, Debug, Default)]
pub struct Namespace {
    /// The namespace of workload endpoints that name none [default: default]
    #[arg(short, long)]
    pub namespace: Option<String>,
}

/// Whether it is done.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Dry {
    /// Show the transactions that would be made, and make none
    #[arg(long)]
    pub dry_run: bool,
}

/// `apply`, `replace`.
#[derive(Args, Debug)]
#[group(required = true, args = ["filename"])]
pub struct Put {
    /// From where.
    #[command(flatten)]
    pub files: Files,
    /// Where.
    #[command(flatten)]
    pub namespace: Namespace,
    /// Whether.
    #[command(flatten)]
    pub dry: Dry,
}

/// `create`.
#[derive(Args, Debug)]
pub struct Create {
    /// What.
    #[command(flatten)]
    pub put: Put,
    /// What exists is no error, and stays as it is
    #[arg(long)]
    pub skip_exists: bool,
}

/// `validate`.
#[derive(Args, Debug)]
#[group(required = true, args = ["filename"])]
pub struct Validate {
    /// From where.
    #[command(flatten)]
    pub files: Files,
    /// Where.
    #[command(flatten)]
    pub namespace: Namespace,
}

/// `get`.
#[derive(Args, Debug)]
pub struct Get {
    /// For example ippool, node, wep; KIND/NAME works too
    #[arg(value_parser = KindWord, required_unless_present = "filename", conflicts_with = "filename")]
    pub kind: Option<String>,
    /// These only
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// What is named there.
    #[command(flatten)]
    pub files: Files,
    #[arg(short, long, default_value = "table", value_name = "FORM", help = form_help())]
    /// Form of the output.
    pub output: Format,
    /// Where.
    #[command(flatten)]
    pub namespace: Namespace,
    /// Of every namespace
    #[arg(short = 'A', long, short_alias = 'a', conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// Show every change as it happens, too
    #[arg(short, long, conflicts_with = "export")]
    pub watch: bool,
    /// Leave out what is of this cluster only: uid, revision, time
    #[arg(long)]
    pub export: bool,
}

fn form_help() -> String {
    format!("Form of the output: {FORMS}")
}

/// `describe`.
#[derive(Args, Debug)]
pub struct Describe {
    /// For example ippool, node, wep; KIND/NAME works too
    #[arg(value_parser = KindWord)]
    pub kind: String,
    /// These only
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Where.
    #[command(flatten)]
    pub namespace: Namespace,
    /// Of every namespace
    #[arg(short = 'A', long, short_alias = 'a', conflicts_with = "namespace")]
    pub all_namespaces: bool,
}

/// `delete`.
#[derive(Args, Debug)]
pub struct Delete {
    /// For example ippool; KIND/NAME works too
    #[arg(value_parser = KindWord, required_unless_present = "filename", conflicts_with = "filename")]
    pub kind: Option<String>,
    /// Which
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Everything named there.
    #[command(flatten)]
    pub files: Files,
    /// What does not exist is no error
    #[arg(short, long)]
    pub skip_not_exists: bool,
    /// Where.
    #[command(flatten)]
    pub namespace: Namespace,
    /// Whether.
    #[command(flatten)]
    pub dry: Dry,
}

/// `patch`.
#[derive(Args, Debug)]
pub struct Patch {
    /// For example node
    #[arg(value_parser = KindWord)]
    pub kind: String,
    /// Which
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The patch, in JSON or YAML
    #[arg(short, long, value_name = "PATCH")]
    pub patch: String,
    /// What the patch is
    #[arg(short = 't', long = "type", value_enum, default_value = "strategic")]
    pub form: PatchType,
    /// Where.
    #[command(flatten)]
    pub namespace: Namespace,
    /// Whether.
    #[command(flatten)]
    pub dry: Dry,
}

/// What a patch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PatchType {
    /// As merge: no list of these resources is merged by a key
    Strategic,
    /// Operations (RFC 6902)
    Json,
    /// Fields that take the place of fields (RFC 7386)
    Merge,
}

impl PatchType {
    /// The same, for who reads it.
    pub fn form(self) -> Form {
        match self {
            PatchType::Strategic => Form::Strategic,
            PatchType::Json => Form::Json,
            PatchType::Merge => Form::Merge,
        }
    }
}

/// `label`.
#[derive(Args, Debug)]
pub struct Label {
    /// For example node
    #[arg(value_parser = KindWord)]
    pub kind: String,
    /// Which
    #[arg(value_name = "NAME")]
    pub name: String,
    /// KEY=VALUE, or with --remove KEY; several work too
    #[arg(value_name = "LABEL", required = true)]
    pub labels: Vec<String>,
    /// Another value is replaced
    #[arg(long, conflicts_with = "remove")]
    pub overwrite: bool,
    /// Take the labels off
    #[arg(long)]
    pub remove: bool,
    /// Where.
    #[command(flatten)]
    pub namespace: Namespace,
    /// Whether.
    #[command(flatten)]
    pub dry: Dry,
}

/// A kind's word: any spelling is taken (the command looks at it), the first of each is offered for completion.
#[derive(Clone)]
struct KindWord;

impl TypedValueParser for KindWord {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let words = Kind::ALL.iter().filter_map(|kind| kind.words().first());
        Some(Box::new(words.map(PossibleValue::new)))
    }
}
