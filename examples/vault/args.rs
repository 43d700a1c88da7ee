//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::Arg::{Long, Short, Value};
use lexopt::{Parser, ValueExt};

use crate::screen::plural;

pub(crate) const HELP: &str = "\
Looks into a vault: what `git log` and `git fsck` are to git. Nothing but `import` writes to the file.

usage: vault FILE COMMAND [options]

  info              what the file holds
  log               the events, newest first     --from POSITION  --to POSITION  -n COUNT  --reverse
  show REF..        everything about an event    --payload (its bytes, and nothing else)
  verify            checks everything; exits with 1 if something is broken     --threads COUNT
  prove REF         proves that an event is in the tree
  prove --from SIZE[:ROOT]     proves that the tree of that size is where this one begins
  tail              the last events              -n COUNT  -f, --follow (those to come, of any process)
  export BUNDLE     writes events as one file that verifies by itself; - is the standard output
                                                 --from POSITION  --to POSITION
  import BUNDLE     creates the vault from a bundle of everything, or continues it

REF is a position, an event's id, the first digits of an entry's hash, STREAM/WRITER/SEQ, or HEAD.

  --tenant NAME     the tenant; not needed where there is one, or one of the name `default`.
                    Without it, info and verify are about every tenant
  --stream NAME  --writer NAME  --kind PATTERN
                    only these events (log, tail, export without --kind); a writer is a name, or a fingerprint or its first digits
  --json            for programs: one JSON object on each line
  -h, --help        this text

What verify, prove and import trust, kept where the owner of the file cannot change it:
  --anchor SIZE:ROOT           a tree head, its root in hex
  --checkpoint FILE --key VKEY a signed checkpoint, and the key it must be signed with; further keys are those of
                               witnesses that must have cosigned it

exits with 0 if all is well, 1 if something is broken, 2 if it cannot tell: usage, or a file that cannot be read.
Colours are used on a terminal, unless NO_COLOR is set.
";

/// What was asked for.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    Help,
    Run(Box<Options>),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Command {
    Export,
    Import,
    Info,
    Log,
    Prove,
    Show,
    Tail,
    Verify,
}

/// Everything that can be said; what a command has no use for is refused.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) file: PathBuf,
    pub(crate) command: Command,
    pub(crate) operands: Vec<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) stream: Option<String>,
    pub(crate) writer: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<u64>,
    pub(crate) count: Option<usize>,
    pub(crate) anchors: Vec<String>,
    pub(crate) checkpoints: Vec<PathBuf>,
    pub(crate) keys: Vec<String>,
    pub(crate) threads: usize,
    pub(crate) follow: bool,
    pub(crate) json: bool,
    pub(crate) payload: bool,
    pub(crate) reverse: bool,
}

impl Command {
    const ALL: [(&str, Self); 8] = [
        ("info", Self::Info),
        ("log", Self::Log),
        ("show", Self::Show),
        ("verify", Self::Verify),
        ("prove", Self::Prove),
        ("tail", Self::Tail),
        ("export", Self::Export),
        ("import", Self::Import),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, command)| *command == self).map_or("", |(name, _)| name)
    }

    /// The options it takes besides `--tenant` and `--json`.
    fn takes(self) -> &'static [&'static str] {
        match self {
            Self::Export => &["stream", "writer", "from", "to"],
            Self::Import => &["anchor", "checkpoint", "key"],
            Self::Info => &[],
            Self::Log => &["stream", "writer", "kind", "from", "to", "n", "reverse"],
            Self::Prove => &["from", "anchor", "checkpoint", "key"],
            Self::Show => &["payload"],
            Self::Tail => &["stream", "writer", "kind", "n", "follow"],
            Self::Verify => &["anchor", "checkpoint", "key", "threads"],
        }
    }

    /// How many operands it takes.
    fn operands(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Self::Info | Self::Log | Self::Tail | Self::Verify => 0..=0,
            Self::Export | Self::Import => 1..=1,
            Self::Prove => 0..=1,
            Self::Show => 1..=usize::MAX,
        }
    }
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, String> {
    parse_with(Parser::from_args(arguments)).map_err(|error| format!("{error}; try --help"))
}

fn parse_with(mut parser: Parser) -> Result<Request, lexopt::Error> {
    let mut operands = Vec::new();
    let mut given: Vec<&'static str> = Vec::new();
    let mut options = Options {
        file: PathBuf::new(),
        command: Command::Info,
        operands: Vec::new(),
        tenant: None,
        stream: None,
        writer: None,
        kind: None,
        from: None,
        to: None,
        count: None,
        anchors: Vec::new(),
        checkpoints: Vec::new(),
        keys: Vec::new(),
        threads: 1,
        follow: false,
        json: false,
        payload: false,
        reverse: false,
    };
    while let Some(argument) = parser.next()? {
        given.push(match argument {
            Short('h') | Long("help") => return Ok(Request::Help),
            Short('n') => once(&mut options.count, parser.value()?.parse()?, "-n")?,
            Short('f') | Long("follow") => flag(&mut options.follow, "follow"),
            Long("json") => flag(&mut options.json, "json"),
            Long("payload") => flag(&mut options.payload, "payload"),
            Long("reverse") => flag(&mut options.reverse, "reverse"),
            Long("tenant") => once(&mut options.tenant, parser.value()?.string()?, "tenant")?,
            Long("stream") => once(&mut options.stream, parser.value()?.string()?, "stream")?,
            Long("writer") => once(&mut options.writer, parser.value()?.string()?, "writer")?,
            Long("kind") => once(&mut options.kind, parser.value()?.string()?, "kind")?,
            Long("from") => once(&mut options.from, parser.value()?.string()?, "from")?,
            Long("to") => once(&mut options.to, parser.value()?.parse()?, "to")?,
            Long("anchor") => many(&mut options.anchors, parser.value()?.string()?, "anchor"),
            Long("checkpoint") => many(&mut options.checkpoints, parser.value()?.into(), "checkpoint"),
            Long("key") => many(&mut options.keys, parser.value()?.string()?, "key"),
            Long("threads") => {
                options.threads = parser.value()?.parse()?;
                "threads"
            }
            Value(operand) => {
                operands.push(operand);
                continue;
            }
            other => return Err(other.unexpected()),
        });
    }
    let mut operands = operands.into_iter();
    options.file = operands.next().ok_or("name the vault's file and a command")?.into();
    let command = operands.next().ok_or("name a command, such as info")?.string()?;
    let known = Command::ALL.iter().find(|(name, _)| *name == command);
    options.command = known.ok_or_else(|| format!("{command:?} is no command"))?.1;
    options.operands = operands.map(ValueExt::string).collect::<Result<_, _>>()?;
    check(&options, &given)?;
    Ok(Request::Run(Box::new(options)))
}

fn check(options: &Options, given: &[&str]) -> Result<(), String> {
    let (command, name) = (options.command, options.command.name());
    let useless = given.iter().find(|option| !["tenant", "json"].contains(option) && !command.takes().contains(option));
    if let Some(option) = useless {
        return Err(format!("{name} has no use for {}{option}", if option.len() == 1 { "-" } else { "--" }));
    }
    if !command.operands().contains(&options.operands.len()) {
        return Err(format!("{name} was given {}", plural(options.operands.len(), "operand")));
    }
    if command == Command::Prove && options.operands.is_empty() == options.from.is_none() {
        return Err("prove takes either a REF or --from SIZE".to_owned());
    }
    Ok(())
}

fn flag(slot: &mut bool, name: &'static str) -> &'static str {
    *slot = true;
    name
}

fn many<T>(slot: &mut Vec<T>, value: T, name: &'static str) -> &'static str {
    slot.push(value);
    name
}

fn once<T>(slot: &mut Option<T>, value: T, name: &'static str) -> Result<&'static str, String> {
    match slot.replace(value) {
        None => Ok(name.trim_start_matches('-')),
        Some(_) => Err(format!("{name} is given twice; one is enough")),
    }
}
