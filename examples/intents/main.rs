//! Groups a stream of texts by purpose, as they arrive, and draws what came of it: one HTML file that needs nothing else.
//!
//! ```text
//! cargo run --release --example intents -- [FOLDER] [--data FOLDER] [--out FILE]
//! ```

mod args;
mod colour;
mod layout;
mod neighbours;
mod page;
mod plane;
mod source;
mod story;
#[cfg(test)]
mod tests;

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use args::{Options, Request};
use story::Story;

/// What a step gives, or why it could not.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    ExitCode::from(run(env::args_os().skip(1), &mut stdout(), &mut stderr()))
}

/// Does what the arguments ask for, and gives the code to exit with.
fn run(arguments: impl IntoIterator<Item = OsString>, out: &mut dyn Write, errors: &mut dyn Write) -> u8 {
    let outcome = match args::parse(arguments) {
        Err(error) => {
            // A terminal that is gone cannot be told.
            let _ = writeln!(errors, "intents: {error}");
            return 2;
        }
        Ok(Request::Help) => out.write_all(args::HELP.as_bytes()).map_err(Into::into),
        Ok(Request::Draw(options)) => draw(&options, out),
    };
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            let _ = writeln!(errors, "intents: {error}");
            1
        }
    }
}

fn draw(options: &Options, out: &mut dyn Write) -> Outcome<()> {
    let story = Story::of(source::read(&options.source)?)?;
    let page = page::render(&story)?;
    let file = options.out.display();
    fs::write(&options.out, &page).map_err(|error| format!("cannot write {file}: {error}"))?;
    let (events, intents) = (story.events.len(), story.intents.iter().filter(|intent| intent.events > 0).count());
    writeln!(
        out,
        "{}: {events} events have {intents} intents now, after {} changes.",
        story.source,
        story.facts.len()
    )?;
    writeln!(out, "{file}: {} KiB; open it in a browser.", page.len().div_ceil(1024))?;
    Ok(())
}
