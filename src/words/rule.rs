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
    /// The entry bytes decode, and encode to themselves.
    Encoding,
    /// The entry hash is the hash of the entry bytes.
    EntryHash,
    /// The Lamport time is one more than the largest of the predecessors'.
    Lamport,
    /// Every parent is an earlier entry of the same tenant.
    Parent,
    /// The payload has the length and digest that the entry names.
    Payload,
    /// Positions are 1, 2, 3 ... without a gap.
    Position,
    /// The entry names the hash of the entry before it.
    Previous,
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
            Self::Encoding => "encoding",
            Self::EntryHash => "entry hash",
            Self::Lamport => "lamport time",
            Self::Parent => "parent",
            Self::Payload => "payload",
            Self::Position => "position",
            Self::Previous => "previous hash",
            Self::Scope => "scope",
            Self::Sequence => "sequence",
            Self::Signature => "signature",
            Self::TreeHead => "tree head",
            Self::WriterIdentity => "writer identity",
        })
    }
}
