//! Starting git so that neither the user's configuration nor the environment changes what it answers.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::GitError;

/// The variables that are left alone: where git's own parts are, how far to look for a repository, and configuration,
/// which is where `safe.directory` is said. The others (`GIT_DIR` in a hook, say) point at a different history.
const KEPT: [&str; 4] = ["GIT_EXEC_PATH", "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM", "GIT_CONFIG"];

/// The git command line, at one folder.
pub(crate) struct Git {
    program: &'static str,
    folder: PathBuf,
}

impl Git {
    pub(crate) fn at(folder: &Path) -> Git {
        Git { program: "git", folder: folder.to_owned() }
    }

    /// The same with another program in git's place.
    #[cfg(test)]
    pub(crate) fn named(program: &'static str, folder: &Path) -> Git {
        Git { program, folder: folder.to_owned() }
    }

    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(self.program);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("GIT_") && !KEPT.iter().any(|kept| text.starts_with(kept)) {
                command.env_remove(&name);
            }
        }
        // Grafts and replacements change who a commit's parents are, and a lazy fetch would go to the network.
        command.env("GIT_GRAFT_FILE", if cfg!(windows) { "NUL" } else { "/dev/null" });
        command.env("GIT_NO_LAZY_FETCH", "1").env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
        // What git says goes to a person when it fails; advice about a graft file is not it.
        command.args(["--no-replace-objects", "-c", "advice.graftFileDeprecated=false"]);
        command.arg("-C").arg(&self.folder).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end and gives what it printed.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
        let output = self.command(arguments).output().map_err(GitError::NotInstalled)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(GitError::Failed {
            command: arguments.first().copied().unwrap_or_default().to_owned(),
            status: output.status.to_string(),
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}
