//! The 32-byte identifiers of the format, one type each.

/// Mints a 32-byte identifier: bytes, hex, `Display`, `Debug` and serde.
macro_rules! id32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Wraps 32 bytes that already are one.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// 64 lower-case hexadecimal digits.
            pub fn to_hex(&self) -> String {
                blake3::Hash::from_bytes(self.0).to_hex().to_string()
            }

            /// Reads 64 hexadecimal digits; `None` if they are anything else.
            pub fn from_hex(hex: &str) -> Option<Self> {
                blake3::Hash::from_hex(hex).ok().map(|hash| Self(*hash.as_bytes()))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.to_hex())
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.to_hex())
            }
        }

        impl From<[u8; 32]> for $name {
            fn from(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
        }

        impl From<$name> for [u8; 32] {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.serialize_str(&self.to_hex())
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                $crate::causal::id::deserialize(deserializer).map(Self)
            }
        }
    };
}

pub(crate) use id32;

/// 64 hexadecimal digits in a human-readable format, 32 bytes in any other.
pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    struct Visitor;

    impl serde::de::Visitor<'_> for Visitor {
        type Value = [u8; 32];

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("32 bytes, or 64 hexadecimal digits")
        }

        fn visit_str<E: serde::de::Error>(self, hex: &str) -> Result<Self::Value, E> {
            blake3::Hash::from_hex(hex)
                .map(Into::into)
                .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(hex), &self))
        }

        fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
            bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))
        }
    }

    // serde buffers the content of untagged enums and then forgets which kind of format it came from: either is read.
    if deserializer.is_human_readable() {
        deserializer.deserialize_str(Visitor)
    } else {
        deserializer.deserialize_bytes(Visitor)
    }
}
