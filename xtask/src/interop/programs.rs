//! Programs of other projects: from PATH, or from Debian's packages below the target directory.
//!
//! Packages are fetched and unpacked without root and without being installed: apt resolves what
//! the system lacks and checks what it downloads, in folders of ours, and a launcher in `bin/` says
//! where the libraries are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::install::{is_stamped, output, step, write_stamp};

/// A program that a case runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Program {
    /// The command line of PHP.
    Php,
    /// The Prometheus server.
    Prometheus,
    /// The tool that checks pages and rules for Prometheus.
    Promtool,
    /// The command line of Wireshark.
    Tshark,
}

/// Debian and what descends from it describe the system here.
const OS_RELEASE: &str = "/etc/os-release";

impl Program {
    const ALL: [Self; 4] = [Self::Php, Self::Prometheus, Self::Promtool, Self::Tshark];

    /// What it is called in PATH and in `bin/`.
    fn name(self) -> &'static str {
        match self {
            Self::Php => "php",
            Self::Prometheus => "prometheus",
            Self::Promtool => "promtool",
            Self::Tshark => "tshark",
        }
    }

    /// The package of Debian that has it.
    fn package(self) -> &'static str {
        match self {
            Self::Php => "php-cli",
            Self::Prometheus | Self::Promtool => "prometheus",
            Self::Tshark => "tshark",
        }
    }

    /// Whether a file of `usr/bin` is this program.
    fn is_file_name(self, file: &str) -> bool {
        match self {
            // Which one is `php` is decided by what installs the package: php8.2.
            Self::Php => file.strip_prefix("php").is_some_and(|version| {
                let mut parts = version.split('.').map(str::parse::<u32>);
                matches!(
                    (parts.next(), parts.next(), parts.next()),
                    (Some(Ok(_)), Some(Ok(_)), None)
                )
            }),
            Self::Prometheus | Self::Promtool | Self::Tshark => file == self.name(),
        }
    }

    /// Arguments with which it ends well if it is new enough.
    fn check(self) -> &'static [&'static str] {
        match self {
            Self::Php => &["-r", "exit(PHP_MAJOR_VERSION < 8 ? 1 : 0);"],
            Self::Prometheus | Self::Promtool | Self::Tshark => &["--version"],
        }
    }

    /// Arguments that make it independent of how the system configures it.
    fn fixed_arguments(self) -> &'static str {
        match self {
            Self::Php => "-n",
            Self::Prometheus | Self::Promtool | Self::Tshark => "",
        }
    }

    /// Why a case that needs it cannot run.
    pub(super) fn needed(self) -> &'static str {
        match self {
            Self::Php => "need php 8 in PATH, or apt-get to fetch Debian's php-cli",
            Self::Prometheus => "need prometheus in PATH, or apt-get to fetch Debian's prometheus",
            Self::Promtool => "need promtool in PATH, or apt-get to fetch Debian's prometheus",
            Self::Tshark => "need tshark in PATH, or apt-get to fetch Debian's tshark",
        }
    }
}

/// Finds the programs in PATH, and fetches those that are not there below `directory`.
///
/// What can be had neither way is missing in the answer, after a line that says why.
pub(super) fn find(needed: &BTreeSet<Program>, directory: &Path) -> BTreeMap<Program, PathBuf> {
    let in_path = |program: Program| {
        let path = PathBuf::from(program.name());
        output(Command::new(&path).args(program.check())).map(|_| (program, path))
    };
    // All or none: what is fetched must not depend on which cases run.
    if needed.is_empty() {
        return BTreeMap::new();
    }
    let mut found: BTreeMap<_, _> = Program::ALL.into_iter().filter_map(in_path).collect();
    let lacking: BTreeSet<_> =
        Program::ALL.into_iter().filter(|program| !found.contains_key(program)).collect();
    let has_tool = |tool: &str| output(Command::new(tool).arg("--version")).is_some();
    if lacking.is_disjoint(needed) || !["apt-get", "dpkg-deb"].into_iter().all(has_tool) {
        return found;
    }
    match fetch(&lacking, directory) {
        Ok(()) => {
            let launchers =
                lacking.into_iter().map(|program| (program, launcher(directory, program)));
            found.extend(launchers);
        }
        Err(error) => println!("Cannot fetch programs from Debian: {error:#}"),
    }
    found
}

/// Fetches and unpacks the packages of some programs, unless exactly these are there.
fn fetch(programs: &BTreeSet<Program>, directory: &Path) -> Result<()> {
    let packages: BTreeSet<_> = programs.iter().map(|program| program.package()).collect();
    let mut stamp = fs::read_to_string(OS_RELEASE).unwrap_or_default();
    stamp.extend(programs.iter().map(|program| format!("{program:?}\n")));
    stamp.push_str(&directory.display().to_string());
    if is_stamped(directory, &stamp) {
        return Ok(());
    }
    println!("Fetching {packages:?} from Debian into {}", directory.display());
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    let (lists, archives, system) =
        (directory.join("lists"), directory.join("archives"), directory.join("system"));
    for folder in [&lists, &archives] {
        fs::create_dir_all(folder.join("partial"))?;
    }
    fs::create_dir_all(&system)?;

    let log = directory.with_extension("log");
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.args(["-q", "-y", "-o", "Debug::NoLocking=true", "-o", "APT::Sandbox::User="]);
        apt.arg("-o").arg(format!("Dir::State::lists={}", lists.display()));
        apt.arg("-o").arg(format!("Dir::Cache={}", directory.display()));
        // A mirror that does not answer is given up soon.
        apt.args(["-o", "Acquire::http::Timeout=20", "-o", "Acquire::https::Timeout=20"]);
        apt.args(["-o", "Acquire::Retries=2"]);
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    step(apt().arg("update"), &log)?;
    let mut install = apt();
    install.args(["install", "--download-only", "--no-install-recommends"]).args(&packages);
    step(&mut install, &log)?;
    for archive in files(&archives)? {
        if archive.extension().is_some_and(|extension| extension == "deb") {
            step(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&system), &log)?;
        }
    }
    write_launchers(programs, directory, &system)?;
    // Large, and not needed again: a change of the programs fetches everything anew.
    for folder in [lists, archives] {
        fs::remove_dir_all(folder)?;
    }
    write_stamp(directory, &stamp)
}

fn launcher(directory: &Path, program: Program) -> PathBuf {
    directory.join("bin").join(program.name())
}

fn write_launchers(programs: &BTreeSet<Program>, directory: &Path, system: &Path) -> Result<()> {
    fs::create_dir_all(directory.join("bin"))?;
    let libraries =
        libraries(system)?.iter().map(|path| quoted(path)).collect::<Vec<_>>().join(":");
    for program in programs {
        let is_it = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| program.is_file_name(name))
        };
        let file = files(&system.join("usr/bin"))?.into_iter().find(is_it);
        let file = file.with_context(|| format!("{} has no {program:?}", program.package()))?;
        let text = format!(
            "#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {} {} \"$@\"\n",
            quoted(&file),
            program.fixed_arguments(),
        );
        let path = launcher(directory, *program);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        ensure!(
            output(Command::new(&path).args(program.check())).is_some(),
            "{} does not run",
            path.display()
        );
    }
    Ok(())
}

/// The folders of shared libraries: those of the architecture, below `lib` and `usr/lib`.
fn libraries(system: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for parent in ["lib", "usr/lib"] {
        let parent = system.join(parent);
        if parent.is_dir() {
            let is_architecture =
                |path: &PathBuf| path.is_dir() && path.to_string_lossy().contains("-linux-gnu");
            found.extend(files(&parent)?.into_iter().filter(is_architecture));
        }
    }
    Ok(found)
}

/// What a folder holds, in the order of its names.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| directory.display().to_string())?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// A path as one word of a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_php_of_debian_has_its_version_in_its_name() {
        for (file, expected) in [
            ("php8.2", true),
            ("php10.11", true),
            ("php.default", false),
            ("php8.2.phar", false),
            ("phar8.2", false),
            ("php", false),
        ] {
            assert_eq!(Program::Php.is_file_name(file), expected, "{file}");
        }
    }

    #[test]
    fn a_path_stays_one_word() {
        assert_eq!(quoted(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }
}
