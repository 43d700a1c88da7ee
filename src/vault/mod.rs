//! What agent crates link.

mod codec;
mod messagepack;
