"""Makes vectors-identity-v1.json, sharing no code with the crate: python3 vectors-identity-v1.py > vectors-identity-v1.json

Needs the packages blake3 and cryptography.
"""

import json
import struct

from blake3 import blake3
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

REALM = b"\x11" * 32
TENANT = b"acme"


def dk(context, data):
    return blake3(data, derive_key_context="causal-vault v1 2026 " + context).digest()


def lp8(name):
    return bytes([len(name)]) + name


class Key:
    def __init__(self, seed):
        self.secret = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.public = self.secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, purpose, entry):
        return self.secret.sign(b"CVSIG\x01" + bytes([purpose]) + REALM + dk("entry", entry))


def genesis(stream, writer, epoch):
    return dk("log-genesis", REALM + lp8(TENANT) + lp8(stream) + writer + struct.pack(">I", epoch))


def entry(stream, writer, epoch, kind, payload, event_id):
    """The first entry of a log, without parents, with content type application/octet-stream."""
    content_type = lp8(b"application/octet-stream")
    return b"".join([
        b"CVENTRY\x01", REALM, lp8(TENANT), lp8(stream), writer, struct.pack(">IQ", epoch, 1),
        genesis(stream, writer, epoch), struct.pack(">QH", 1, 0), lp8(kind), struct.pack(">q", 0), event_id,
        b"\x01", struct.pack(">Q", len(payload)), dk("payload", payload),
        struct.pack(">HHI", 1, 6, len(content_type)), content_type,
    ])


def signed(signature, entry_bytes):
    return signature + struct.pack(">I", len(entry_bytes)) + entry_bytes


def proof(first, rotations, halves):
    halves = sorted(halves, key=lambda half: dk("entry", half[1]))
    parts = [b"CVEQUIV\x01", first.public, struct.pack(">H", len(rotations))]
    parts += [new.public + signed(signature, event) for new, signature, event in rotations]
    return b"".join(parts + [signed(*half) for half in halves])


old, new = Key(7), Key(8)
writer = blake3(old.public).digest()
stream = b"vault:writer:" + writer.hex().encode()
rotation = entry(stream, writer, 0, b"vault.rotation", new.public, bytes([1]) * 16)
rotated = (new, old.sign(2, rotation), rotation)


def halves(key, epoch):
    both = [entry(b"ledger", writer, epoch, b"pay", text, bytes([2]) * 16) for text in (b"5 to bob", b"5 to eve")]
    return [(key.sign(1, half), half) for half in both]


print(json.dumps({
    "first_key": old.public.hex(),
    "new_key": new.public.hex(),
    "writer": writer.hex(),
    "rotation_entry": rotation.hex(),
    "rotation_signature": rotated[1].hex(),
    "proof": proof(old, [], halves(old, 0)).hex(),
    "proof_after_rotation": proof(old, [rotated], halves(new, 1)).hex(),
}, indent=1))
