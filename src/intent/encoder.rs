//! What turns text into embeddings.

use std::sync::Arc;

use crate::words::Result;

/// A model that embeds text: one of your own, or the [`HashingEncoder`](crate::HashingEncoder), which needs none.
///
/// An embedding is stored with its event and is not computed again, so a model may answer differently from time to time;
/// what must stay is that embeddings of one model name can be compared.
///
/// ```
/// use causal_vault::{Encoder, Result, StoreError};
///
/// struct Length;
///
/// impl Encoder for Length {
///     fn model(&self) -> &str {
///         "length"
///     }
///
///     fn dimension(&self) -> usize {
///         2
///     }
///
///     fn encode(&self, text: &str) -> Result<Vec<f32>> {
///         if text.is_empty() {
///             return Err(StoreError::Invalid { what: "text", reason: "it is empty".into() });
///         }
///         Ok(vec![1.0, text.len() as f32])
///     }
/// }
///
/// assert_eq!(Length.encode("four")?, [1.0, 4.0]);
/// # Ok::<(), causal_vault::StoreError>(())
/// ```
pub trait Encoder: Send + Sync {
    /// The model's name, at most 128 bytes; another model or another version of it has another name.
    fn model(&self) -> &str;

    /// How many values its embeddings have, at most 4,096, the same at every call.
    fn dimension(&self) -> usize;

    /// The embedding of a text, finite and not all zero; its length does not matter.
    fn encode(&self, text: &str) -> Result<Vec<f32>>;
}

impl<T: Encoder + ?Sized> Encoder for Arc<T> {
    fn model(&self) -> &str {
        (**self).model()
    }

    fn dimension(&self) -> usize {
        (**self).dimension()
    }

    fn encode(&self, text: &str) -> Result<Vec<f32>> {
        (**self).encode(text)
    }
}
