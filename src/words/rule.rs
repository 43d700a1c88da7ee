//! The rules that verification checks.

use std::fmt;

/// The rules of a log, one variant each; the first that does not hold is reported.
///
/// ```
/// use causal_vault::ChainRule;
///
/// assert_eq!(ChainRule::EntryHash.to_string(), "entry hash");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChainRule {
    /// The causal digest equals the one computed from the payload digest and the parents.
    CausalDigest,
    /// Every column equals what the entry bytes say.
    Column,
    /// The stored edges are the parents that the entry bytes name.
    Edge,
    /// The values of the entry's embedding are there, and are those that its bytes have the digest of.
    Embedding,
    /// The entry bytes decode, and encode to themselves.
    Encoding,
    /// The entry hash is the hash of the entry bytes.
    EntryHash,
    /// The epoch is the one that rotations and `vault.epoch` events at earlier positions allow.
    Epoch,
    /// The writer was not frozen at an earlier position.
    Frozen,
    /// An event about a writer says what it must, and is by whoever may say it.
    KeyEvent,
    /// A look-up by way of an index finds what a scan of the rows shows.
    Index,
    /// The Lamport time is one more than the largest of the predecessors'.
    Lamport,
    /// The look-up by bare hash leads to every entry up to the one that it reaches.
    Lookup,
    /// The kept nodes of the tree are those of the entries.
    Node,
    /// Every parent is an earlier entry of the same tenant.
    Parent,
    /// The payload has the length and digest that the entry names.
    Payload,
    /// Positions are 1, 2, 3 ... without a gap.
    Position,
    /// The entry names the hash of the entry before it.
    Previous,
    /// The writer was not revoked from an earlier position on.
    Revoked,
    /// The entry belongs to this vault, tenant, stream and writer.
    Scope,
    /// Sequence numbers are 1, 2, 3 ... without a gap.
    Sequence,
    /// The signature verifies, and a signed writer's log ends in a signed entry.
    Signature,
    /// The stored size and tree head are those of the entries.
    TreeHead,
    /// The writer id is the hash of the stored public key or name.
    WriterIdentity,
}

impl fmt::Display for ChainRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CausalDigest => "causal digest",
            Self::Column => "column",
            Self::Edge => "edge",
            Self::Embedding => "embedding",
            Self::Encoding => "encoding",
            Self::EntryHash => "entry hash",
            Self::Epoch => "epoch",
            Self::Frozen => "frozen writer",
            Self::KeyEvent => "key event",
            Self::Index => "index",
            Self::Lamport => "lamport time",
            Self::Lookup => "look-up",
            Self::Node => "tree node",
            Self::Parent => "parent",
            Self::Payload => "payload",
            Self::Position => "position",
            Self::Previous => "previous hash",
            Self::Revoked => "revoked writer",
            Self::Scope => "scope",
            Self::Sequence => "sequence",
            Self::Signature => "signature",
            Self::TreeHead => "tree head",
            Self::WriterIdentity => "writer identity",
        })
    }
}
