//! Looks into a vault: what `git log` and `git fsck` are to git.
//!
//! ```text
//! cargo run --release --example vault -- FILE COMMAND [options]
//! ```

mod args;
mod bundle;
mod event;
mod find;
mod info;
mod log;
mod payload;
mod prove;
mod screen;
mod show;
mod tail;
#[cfg(test)]
mod tests;
mod time;
mod trust;
mod verify;

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write, stderr, stdout};
use std::process::ExitCode;

use args::{Command, Options, Request};
use causal_vault::StoreError;
use screen::{Screen, safe_lines};

/// What a command gives, or why it could not.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What was found, where it could be told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Well = 0,
    Broken = 1,
}

/// It could not be told.
const FAILED: u8 = 2;

/// An error that tells what is broken.
#[derive(Debug)]
struct Broken(StoreError);

impl Error for Broken {}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn main() -> ExitCode {
    let colours = stdout().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let mut out = BufWriter::new(stdout().lock());
    ExitCode::from(run(env::args_os().skip(1), &mut Screen { out: &mut out, colours }, &mut stderr()))
}

/// Does what the arguments ask for, and gives the code to exit with.
fn run(arguments: impl IntoIterator<Item = OsString>, screen: &mut Screen<'_>, errors: &mut dyn Write) -> u8 {
    let outcome = args::parse(arguments).map_err(Into::into).and_then(|request| match request {
        Request::Help => Ok(screen.out.write_all(args::HELP.as_bytes()).map(|()| Verdict::Well)?),
        Request::Run(options) => obey(&options, screen),
    });
    // What was found before an error is shown before it.
    let flushed = screen.out.flush();
    match (outcome, flushed) {
        (Ok(verdict), Ok(())) => verdict as u8,
        (Ok(verdict), Err(error)) if error.kind() == ErrorKind::BrokenPipe => verdict as u8,
        // Whoever reads has seen enough.
        (Err(error), _) if is_broken_pipe(&*error) => Verdict::Well as u8,
        (Err(error), _) if error.is::<Broken>() => fail(&error, Verdict::Broken as u8, errors),
        (Err(error), _) => fail(&error, FAILED, errors),
        (_, Err(error)) => fail(&error, FAILED, errors),
    }
}

fn obey(options: &Options, screen: &mut Screen<'_>) -> Outcome<Verdict> {
    let vault = || find::open(&options.file);
    let tenant = || find::tenant(&vault()?, options.tenant.as_deref());
    match options.command {
        Command::Export => bundle::export(&tenant()?, options, screen),
        Command::Import => bundle::import(options, screen),
        Command::Info => info::run(&vault()?, options, screen),
        Command::Log => log::run(&tenant()?, options, screen),
        Command::Prove => prove::run(&tenant()?, options, screen),
        Command::Show => show::run(&tenant()?, options, screen),
        Command::Tail => tail::run(&tenant()?, options, screen),
        Command::Verify => verify::run(&vault()?, options, screen),
    }
}

fn fail(error: &dyn fmt::Display, code: u8, errors: &mut dyn Write) -> u8 {
    // A terminal that is gone cannot be told.
    let _ = writeln!(errors, "vault: {}", safe_lines(&error.to_string()));
    code
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
