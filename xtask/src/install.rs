//! Installing pinned third-party packages below the target directory, from nothing or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use crate::process::{self, Ended};

/// For each step of an installation, which downloads some 20 to 100 MB in less than a minute.
const INSTALL_LIMIT: Duration = Duration::from_secs(300);

/// What the oldest Python that the pinned packages support can say about itself.
const PYTHON_CHECK: &str = "import ensurepip, sys, venv; assert sys.version_info >= (3, 11); \
                            print(sys.version, sys.executable)";
/// Why there are no Python packages.
pub(crate) const PYTHON_NEEDED: &str = "need Python 3.11 or newer with venv and pip";

/// The pinned packages run from this version of Node on.
const NODE_MAJOR_MIN: u32 = 20;
/// Why there are no Node packages.
pub(crate) const NODE_NEEDED: &str = "need Node 20 or newer with npm";

/// A virtual environment in `directory` with what `pins/requirements.txt` names; its interpreter,
/// or none where there is no Python that would do.
pub(crate) fn python(directory: &Path, pins: &Path) -> Result<Option<PathBuf>> {
    let candidates = [std::env::var_os("PYTHON"), Some("python3".into()), Some("python".into())];
    let found = candidates.into_iter().flatten().find_map(|program| {
        let about = output(Command::new(&program).args(["-c", PYTHON_CHECK]))?;
        Some((program, about))
    });
    let Some((program, about)) = found else { return Ok(None) };

    let requirements = pins.join("requirements.txt");
    let interpreter = directory.join("bin/python");
    let stamp = about + &fs::read_to_string(&requirements)?;
    if !is_stamped(directory, &stamp) {
        eprintln!("Installing Python packages into {}", directory.display());
        let log = directory.with_extension("log");
        step(Command::new(program).args(["-m", "venv", "--clear"]).arg(directory), &log)?;
        let mut pip = Command::new(&interpreter);
        pip.args(["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "-r"]);
        step(pip.arg(requirements), &log)?;
        write_stamp(directory, &stamp)?;
    }
    Ok(Some(interpreter))
}

/// The packages of `pins/package-lock.json` in `directory`; the Node program, or none where there
/// is no Node that would do.
pub(crate) fn node(directory: &Path, pins: &Path) -> Result<Option<PathBuf>> {
    let Some(version) = output(Command::new("node").arg("--version")) else { return Ok(None) };
    let major = version.trim_start_matches('v').split('.').next();
    if major.and_then(|major| major.parse::<u32>().ok()).is_none_or(|major| major < NODE_MAJOR_MIN)
        || output(Command::new("npm").arg("--version")).is_none()
    {
        return Ok(None);
    }

    let (package, lock) = ("package.json", "package-lock.json");
    let mut stamp = version;
    for file in [package, lock] {
        stamp += &fs::read_to_string(pins.join(file))?;
    }
    if !is_stamped(directory, &stamp) {
        eprintln!("Installing Node packages into {}", directory.display());
        if directory.exists() {
            fs::remove_dir_all(directory)?;
        }
        fs::create_dir_all(directory)?;
        for file in [package, lock] {
            fs::copy(pins.join(file), directory.join(file))?;
        }
        // Optional packages are native accelerators: without them every machine runs the same code.
        let mut npm = Command::new("npm");
        npm.args(["install", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"]);
        step(npm.current_dir(directory), &directory.with_extension("log"))?;
        write_stamp(directory, &stamp)?;
    }
    Ok(Some(PathBuf::from("node")))
}

/// What a program prints, if it is there and ends well.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(text)
}

/// Runs a step of an installation; when it fails, its output is the error.
pub(crate) fn step(command: &mut Command, log: &Path) -> Result<()> {
    match process::run(command, log, INSTALL_LIMIT)? {
        Ended::Exited(status) if status.success() => Ok(()),
        Ended::Exited(status) => {
            let text = fs::read(log).unwrap_or_default();
            Err(anyhow!("{command:?}: {status}\n{}", String::from_utf8_lossy(&text)))
        }
        Ended::TimedOut => bail!("{command:?}: not done after {} s", INSTALL_LIMIT.as_secs()),
    }
}

/// Whether the folder was completely installed from exactly these pins.
pub(crate) fn is_stamped(directory: &Path, stamp: &str) -> bool {
    fs::read_to_string(stamp_path(directory)).is_ok_and(|found| found == stamp)
}

pub(crate) fn write_stamp(directory: &Path, stamp: &str) -> Result<()> {
    Ok(fs::write(stamp_path(directory), stamp)?)
}

/// Within the folder, so that deleting the folder is enough to start again.
fn stamp_path(directory: &Path) -> PathBuf {
    directory.join("installed-from")
}
