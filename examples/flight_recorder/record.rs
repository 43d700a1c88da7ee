//! What one commit becomes: the payload of one event.

use serde::{Deserialize, Serialize};

use crate::bytes::{Digest, Text};
use crate::object::{NotAnObjectId, ObjectId};

/// The mode git gives a submodule: its id names a commit of another repository, so there are no bytes to keep.
pub(crate) const SUBMODULE: u32 = 0o160_000;

/// One commit. Everything that git hashes is kept, so the commit's id can be computed from the record; the changes are
/// those against `base` alone, so the tree at any commit follows from the records along the chain of bases.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct CommitRecord {
    pub(crate) id: ObjectId,
    pub(crate) tree: ObjectId,
    pub(crate) parents: Vec<ObjectId>,
    /// What the changes are against: the first parent, or the empty tree for a root and where a shallow clone ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) author: Option<Person>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) committer: Option<Person>,
    /// Whatever else stands before the message (encoding, signature, merged tags), with the blank line that ends it.
    #[serde(default = "blank_line", skip_serializing_if = "is_blank_line")]
    pub(crate) headers: Text,
    pub(crate) message: Text,
    pub(crate) changes: Vec<Change>,
    /// Further changes, of a commit that has too many for one payload: each payload a list of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) more_changes: Vec<Digest>,
}

/// One path, and what a commit left there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Change {
    pub(crate) path: Text,
    /// `None` for a path that is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entry: Option<Entry>,
}

/// A file, a symbolic link or a submodule, and where its bytes are: the digests of its pieces, in order. An empty file
/// and a submodule have none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub(crate) struct Entry {
    pub(crate) mode: u32,
    pub(crate) object: ObjectId,
    pub(crate) size: u64,
    pub(crate) pieces: Vec<Digest>,
}

/// An author or committer, as the line git keeps: `NAME <EMAIL> SECONDS ZONE`, more or less.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Person(pub(crate) Text);

/// Why the bytes of a commit object could not be taken apart.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OddCommit {
    #[error(transparent)]
    Id(#[from] NotAnObjectId),
    #[error("it does not begin with the line that names its tree")]
    NoTree,
    #[error("its bytes do not hash to its id")]
    WrongHash,
}

impl CommitRecord {
    /// Takes a commit object apart; `base` and `changes` are the caller's to fill in.
    pub(crate) fn parse(id: ObjectId, object: &[u8]) -> Result<CommitRecord, OddCommit> {
        let mut rest = object;
        let tree = ObjectId::parse(header(&mut rest, b"tree ").ok_or(OddCommit::NoTree)?)?;
        let mut parents = Vec::new();
        while let Some(parent) = header(&mut rest, b"parent ") {
            parents.push(ObjectId::parse(parent)?);
        }
        let author = header(&mut rest, b"author ").map(|line| Person(line.into()));
        let committer = header(&mut rest, b"committer ").map(|line| Person(line.into()));
        let (headers, message) = rest.split_at(end_of_headers(rest));
        let (headers, message) = (headers.into(), message.into());
        let record = CommitRecord {
            id,
            tree,
            parents,
            base: None,
            author,
            committer,
            headers,
            message,
            changes: Vec::new(),
            more_changes: Vec::new(),
        };
        if record.recomputed_id() == id { Ok(record) } else { Err(OddCommit::WrongHash) }
    }

    /// The commit's id, computed from what the record holds.
    pub(crate) fn recomputed_id(&self) -> ObjectId {
        let mut object = format!("tree {}\n", self.tree).into_bytes();
        for parent in &self.parents {
            object.extend_from_slice(format!("parent {parent}\n").as_bytes());
        }
        for (name, person) in [("author ", &self.author), ("committer ", &self.committer)] {
            if let Some(Person(line)) = person {
                object.extend_from_slice(name.as_bytes());
                object.extend_from_slice(&line.0);
                object.push(b'\n');
            }
        }
        object.extend_from_slice(&self.headers.0);
        object.extend_from_slice(&self.message.0);
        self.id.recompute("commit", &object)
    }

    /// Is this where a shallow clone ends: a commit with parents that are not here?
    pub(crate) fn is_cut_off(&self) -> bool {
        self.base.is_none() && !self.parents.is_empty()
    }

    /// A name for the writer of this commit's event, within the limits of writer names.
    pub(crate) fn writer_name(&self) -> String {
        self.author.as_ref().map_or_else(|| "nobody".to_owned(), Person::writer_name)
    }
}

impl Person {
    pub(crate) fn name(&self) -> &[u8] {
        let line = &self.0.0;
        line.get(..self.find(b'<').unwrap_or(line.len())).unwrap_or_default().trim_ascii()
    }

    pub(crate) fn email(&self) -> &[u8] {
        let Some(open) = self.find(b'<') else { return &[] };
        let after = self.0.0.get(open + 1..).unwrap_or_default();
        after.split(|byte| *byte == b'>').next().unwrap_or_default()
    }

    /// Seconds since 1970, as far as the line tells.
    pub(crate) fn seconds(&self) -> Option<i64> {
        let tail = self.0.0.rsplit(|byte| *byte == b'>').next()?;
        std::str::from_utf8(tail).ok()?.split_ascii_whitespace().next()?.parse().ok()
    }

    /// `NAME <EMAIL>`, made to fit a writer's name: UTF-8 of at most 128 bytes without control characters. Two people
    /// whom that would make one are kept apart by a few digits of a hash.
    pub(crate) fn writer_name(&self) -> String {
        let (name, email) = (self.name(), self.email());
        let exact = [name, b" <", email, b">"].concat().trim_ascii_start().to_vec();
        let shown: String = String::from_utf8_lossy(&exact).chars().filter(|c| !c.is_control()).collect();
        if shown.as_bytes() == exact && shown.len() <= 128 {
            return shown;
        }
        let mark = format!(" #{}", &blake3::hash(&exact).to_hex()[..12]);
        let fits = |at: &usize| *at + mark.len() <= 128;
        let end =
            shown.char_indices().map(|(at, _)| at).chain([shown.len()]).take_while(fits).last().unwrap_or_default();
        format!("{}{mark}", &shown[..end])
    }

    fn find(&self, wanted: u8) -> Option<usize> {
        self.0.0.iter().position(|byte| *byte == wanted)
    }
}

/// Takes the next line off `rest` if it has this name.
fn header<'a>(rest: &mut &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let after = rest.strip_prefix(name)?;
    let end = after.iter().position(|byte| *byte == b'\n')?;
    let (line, next) = after.split_at(end);
    *rest = &next[1..];
    Some(line)
}

/// Where the message begins: after the first blank line, if there is one.
fn end_of_headers(rest: &[u8]) -> usize {
    if rest.starts_with(b"\n") {
        return 1;
    }
    rest.windows(2).position(|pair| pair == b"\n\n").map_or(rest.len(), |at| at + 2)
}

fn blank_line() -> Text {
    b"\n".as_slice().into()
}

fn is_blank_line(headers: &Text) -> bool {
    headers.0 == b"\n"
}
