//! The third-party clients that this machine can run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::cases::{Argument, Case, Script};
use super::programs::{self, Program};
use crate::install::{self, NODE_NEEDED, PYTHON_NEEDED};
use crate::workspace;

/// The clients that this machine can run.
#[derive(Debug)]
pub(super) struct Clients {
    /// The interpreter of the environment with the Python clients.
    python: Option<PathBuf>,
    /// The Node program.
    node: Option<PathBuf>,
    node_modules: PathBuf,
    /// Programs of other projects, as far as they can be had.
    programs: BTreeMap<Program, PathBuf>,
}

impl Clients {
    /// Installs what is not there yet below `directory`; a missing Python or Node is no error, and
    /// neither is a program that these cases need and that cannot be had.
    pub(super) fn install(directory: &Path, cases: &[Case]) -> Result<Self> {
        let pins = workspace::root().join("interop");
        let node_directory = directory.join("node");
        let needed = cases.iter().flat_map(Case::programs).collect();
        Ok(Self {
            programs: programs::find(&needed, &directory.join("debian")),
            python: install::python(&directory.join("python"), &pins.join("python"))?,
            node: install::node(&node_directory, &pins.join("node"))?,
            node_modules: node_directory.join("node_modules"),
        })
    }

    /// Why a case cannot run here, if it cannot.
    pub(super) fn missing(&self, case: &Case) -> Option<&'static str> {
        let python = matches!(case.script, Script::Python(_));
        let node = matches!(case.script, Script::Node(_))
            || case.arguments.iter().any(|argument| matches!(argument, Argument::Node));
        match (python && self.python.is_none(), node && self.node.is_none()) {
            (true, _) => Some(PYTHON_NEEDED),
            (_, true) => Some(NODE_NEEDED),
            (false, false) => {
                let lacks = |program: &Program| !self.programs.contains_key(program);
                case.programs().find(lacks).map(Program::needed)
            }
        }
    }

    pub(super) fn program(&self, program: Program) -> Result<&Path> {
        self.programs.get(&program).map(PathBuf::as_path).context(program.needed())
    }

    pub(super) fn python(&self) -> Result<&Path> {
        self.python.as_deref().context(PYTHON_NEEDED)
    }

    pub(super) fn node(&self) -> Result<&Path> {
        self.node.as_deref().context(NODE_NEEDED)
    }

    /// Where Node finds the packages.
    pub(super) fn node_modules(&self) -> &Path {
        &self.node_modules
    }
}
