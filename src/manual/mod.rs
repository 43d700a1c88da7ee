//! The manual: how the vault works, which bytes it writes, what an acknowledgement means, and why it is built this way.
//!
//! Start with [`architecture`], which names the parts and follows a commit through them. [`format`](mod@format),
//! [`mod@bundle`] and [`durability`] are the contract. [`performance`] says where the time goes, and [`proof`] how all of
//! it is tested and what came of that. [`why`] answers the questions that start with "why not". [`changelog`] says what
//! changed for you.

#[doc = include_str!("architecture.md")]
pub mod architecture {}

#[doc = include_str!("bundle.md")]
pub mod bundle {}

#[doc = include_str!("changelog.md")]
pub mod changelog {}

#[doc = include_str!("durability.md")]
pub mod durability {}

#[doc = include_str!("format.md")]
pub mod format {}

#[doc = include_str!("performance.md")]
pub mod performance {}

#[doc = include_str!("proof.md")]
pub mod proof {}

#[doc = include_str!("why.md")]
pub mod why {}
