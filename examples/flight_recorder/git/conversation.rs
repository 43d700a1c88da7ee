//! A git process that answers one request after another.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout};
use std::thread::{self, JoinHandle};

use super::{Git, GitError};

/// How many requests are sent at once. Two such windows must fit into a pipe that nobody empties meanwhile, since git
/// stops listening while its own answers wait: 16 of the longest requests are 2 KiB.
pub(super) const WINDOW: usize = 16;

/// A running git process.
pub(super) struct Conversation {
    name: &'static str,
    child: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    complaints: Option<JoinHandle<String>>,
}

impl Conversation {
    pub(super) fn start(git: &Git, name: &'static str, options: &[&str]) -> Result<Conversation, GitError> {
        let mut command = git.command(&[&[name], options].concat());
        let mut child = command.stdin(std::process::Stdio::piped()).spawn().map_err(GitError::NotInstalled)?;
        let requests = child.stdin.take();
        let answers = child.stdout.take().expect("the command was built with its standard output piped");
        let mut errors = child.stderr.take().expect("the command was built with its standard error piped");
        let complaints = thread::spawn(move || {
            let mut said = Vec::new();
            // What could be read until then is what there is to show.
            let _ = errors.read_to_end(&mut said);
            String::from_utf8_lossy(&said).trim().to_owned()
        });
        let answers = BufReader::with_capacity(64 * 1024, answers);
        Ok(Conversation { name, child, requests, answers, complaints: Some(complaints) })
    }

    /// Sends requests, at most a [`WINDOW`] of them.
    pub(super) fn send(&mut self, requests: &str) -> Result<(), GitError> {
        let sent = self.requests.as_mut().map(|pipe| pipe.write_all(requests.as_bytes()));
        if matches!(sent, Some(Ok(()))) { Ok(()) } else { Err(self.failure()) }
    }

    /// Reads up to and including `end`, which is left out of the answer.
    pub(super) fn read_until(&mut self, end: u8) -> Result<Vec<u8>, GitError> {
        let mut answer = Vec::new();
        self.answers.read_until(end, &mut answer)?;
        if answer.pop() == Some(end) { Ok(answer) } else { Err(self.failure()) }
    }

    pub(super) fn read_exact(&mut self, bytes: &mut [u8]) -> Result<(), GitError> {
        self.answers.read_exact(bytes).map_err(|_| self.failure())
    }

    /// The next byte of the answer, which stays to be read.
    pub(super) fn peek(&mut self) -> Result<u8, GitError> {
        match self.answers.fill_buf()?.first() {
            Some(byte) => Ok(*byte),
            None => Err(self.failure()),
        }
    }

    /// Git hung up: why.
    fn failure(&mut self) -> GitError {
        self.requests = None;
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let said = self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        GitError::Failed { command: self.name.to_owned(), status, said }
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.requests = None;
        // It may be in the middle of an answer that nobody will read. That it is gone already is no failure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
