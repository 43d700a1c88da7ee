#!/usr/bin/env python3
"""Verifies bundles of a causal-vault offline. It shares no code with the crate: it follows the pages "format" and
"bundle" of the manual with Python's standard library and the package `blake3`, and is short enough to be read.

    verify_bundle.py [--anchor SIZE:ROOT_IN_HEX]... [--key VKEY] FILE...

For each file one line, OK or BROKEN and why; the exit code is 0 if all are OK and 1 if not. An anchor is a tree head that
was kept elsewhere; the key is the log's vkey, by which the checkpoint in the bundle must be signed. A part does not show
the tree of every size: the line names the sizes at which it was compared, and ends with "not anchored" if there are none.
"""
import base64, hashlib, sys, unicodedata
from blake3 import blake3

# Limits: bytes of a name, a payload, a note, and of each kind of record; the largest counter and position.
NAME, NOTE, COUNTER, POSITION = 128, 1 << 20, 2**63 - 1, 2**40 - 1
PAYLOAD = 64 << 20
HEADER, WRITER, PAYLOADS, ENTRY, END = 1, 2, 3, 4, 5
RECORD = {HEADER: 3 << 20, WRITER: 1 << 20, PAYLOADS: PAYLOAD, ENTRY: PAYLOAD + (512 << 10), END: 56}

class Broken(Exception):
    pass

def need(holds, why):
    if not holds:
        raise Broken(why)

def context(name):
    return blake3(derive_key_context="causal-vault v1 2026 " + name)

def dk(name, data):
    return context(name).update(data).digest()

def lp8(name):
    return bytes([len(name)]) + name

def text(raw):
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Broken("not UTF-8")

def is_control(char):
    return unicodedata.category(char) == "Cc"

class Reader:
    """What is left of some bytes: every length is compared with what is there."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def take(self, count):
        need(count <= self.left(), "bytes end early")
        self.at += count
        return self.data[self.at - count : self.at]

    def num(self, size):
        return int.from_bytes(self.take(size), "big")

    def name(self, least=1):
        raw = self.take(self.num(1))
        need(least <= len(raw) <= NAME and not any(map(is_control, text(raw))), "not a name: %r" % raw)
        return raw

    def flag(self):
        byte = self.num(1)
        need(byte < 2, "a flag that is neither 0 nor 1")
        return byte == 1

    def hashes(self):
        return [self.take(32) for _ in range(self.num(1))]

    def end(self):
        need(self.left() == 0, "bytes behind the end")

# Ed25519 by RFC 8032, strict: S is canonical, R is compared as bytes, and neither R nor the key is of small order.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P)

def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)

def mul(n, p):
    q = (0, 1, 1, 0)
    while n:
        q, p, n = (add(p, q) if n & 1 else q), add(p, p), n >> 1
    return q

def decompress(raw):
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, (y & (1 << 255) - 1) % P
    xx = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(xx, (P + 3) // 8, P)
    x = x if x * x % P == xx else x * ROOT % P
    if x * x % P != xx:
        return None
    x = x if x & 1 == sign else -x % P
    return (x, y, 1, x * y % P)

def compress(p):
    x, y = p[0] * pow(p[2], -1, P) % P, p[1] * pow(p[2], -1, P) % P
    return (y | (x & 1) << 255).to_bytes(32, "little")

BASE = decompress((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
ZERO = compress((0, 1, 1, 0))

def ed25519(key, message, signature):
    a, r, s = decompress(key), decompress(signature[:32]), int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or not a or not r or s >= L or ZERO in (compress(mul(8, a)), compress(mul(8, r))):
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    return compress(add(mul(s, BASE), mul(h, (-a[0] % P, a[1], 1, -a[3] % P)))) == signature[:32]

# The tree of RFC 6962; `peaks` are the roots of its perfect subtrees, the largest first.
def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def push(peaks, size, entry_hash):
    node = sha(b"\0", entry_hash)
    while size & 1:
        node, size = sha(b"\1", peaks.pop(), node), size >> 1
    peaks.append(node)

def root_of(peaks):
    node = peaks[-1] if peaks else sha()
    for left in reversed(peaks[:-1]):
        node = sha(b"\1", left, node)
    return node

def climb(index, last, path, left, right):
    """The steps of RFC 9162, sections 2.1.3.2 and 2.1.4.2, up from a node at `index` where the last one is at `last`."""
    for node in path:
        need(last > 0, "a proof that is too long")
        if index & 1 or index == last:
            left(node)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            right(node)
        index, last = index >> 1, last >> 1
    need(last == 0, "a proof that is too short")

def check_inclusion(entry_hash, index, size, path, root):
    node = [sha(b"\0", entry_hash)]
    left = lambda other: node.append(sha(b"\1", other, node.pop()))
    right = lambda other: node.append(sha(b"\1", node.pop(), other))
    climb(index, size - 1, path, left, right)
    need(node == [root], "a path to another root")

def check_consistency(old, old_root, new, new_root, path):
    if old in (0, new):
        return need(not path and (old < new or old_root == new_root), "another root")
    index, last = old - 1, new - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    path = path if old & (old - 1) else [old_root] + path
    need(path, "a proof that is too short")
    nodes = [path[0], path[0]]

    def left(other):
        nodes[:] = sha(b"\1", other, nodes[0]), sha(b"\1", other, nodes[1])

    def right(other):
        nodes[1] = sha(b"\1", nodes[1], other)

    climb(index, last, path[1:], left, right)
    need(nodes == [old_root, new_root], "another root")

class Entry:
    """The entry bytes of format 1: strict, so that no other bytes say the same."""

    def __init__(self, raw):
        r = Reader(raw)
        need(r.take(8) == b"CVENTRY\1", "no entry of format 1")
        self.realm, self.tenant, self.stream, self.writer = r.take(32), r.name(), r.name(), r.take(32)
        self.epoch, self.seq, self.prev, self.lamport = r.num(4), r.num(8), r.take(32), r.num(8)
        self.parents = [r.take(32) for _ in range(r.num(2))]
        ascending = all(a < b for a, b in zip(self.parents, self.parents[1:]))
        need(len(self.parents) <= 64 and ascending, "parents that are too many, or not ascending")
        self.kind, _ = r.name(), r.take(8 + 16)  # The time and the event's id.
        self.scheme, self.len, self.digest = r.num(1), r.num(8), r.take(32)
        need(1 <= self.seq <= COUNTER and 1 <= self.lamport <= COUNTER, "a counter out of bounds")
        need(self.scheme <= 2 and self.len <= PAYLOAD, "a payload that cannot be")
        need(self.scheme or (self.len == 0 and self.digest == bytes(32)), "no payload, and yet a digest of one")
        need(r.left() <= 256 << 10, "extensions that are too long")
        last, self.embedding = -1, None
        for _ in range(r.num(2)):
            tag, size = r.num(2), r.num(4)
            need(tag > last and size <= 64 << 10, "extensions that are out of order, or too long")
            self.extension(tag, Reader(r.take(size)))
            last = tag
        r.end()

    def extension(self, tag, r):
        if tag == 1:
            r.name()
            self.embedding = r.num(2), r.take(32)
            need(1 <= self.embedding[0] <= 4096, "dimensions")
        elif tag == 2:
            [r.name() for _ in range(r.num(2))]
        elif tag == 6:
            r.name()
        elif tag in (3, 4, 5, 0x8001):
            r.take(32 * r.num(2) if tag == 3 else {4: 24, 5: 32, 0x8001: 80}[tag])
        else:
            need(tag < 0x8000, "a critical extension that is unknown")
            return
        r.end()

ROTATION, REVOCATION, EQUIVOCATION, EPOCH = b"vault.rotation", b"vault.revocation", b"vault.equivocation", b"vault.epoch"
VAULT = dk("named-writer", lp8(b"causal-vault"))

def signed(key, e, entry_hash, signature):
    """Whether the signature of an entry is by this key, for the purpose that the entry's kind asks for."""
    purpose = b"\2" if e.kind in (ROTATION, REVOCATION) else b"\1"
    return key is not None and ed25519(key, b"CVSIG\1" + purpose + e.realm + entry_hash, signature)

class Standing:
    """What the events about a writer allow it by now."""

    rotations, frozen, revoked, good = 0, False, False, POSITION

class Writer:
    """Its first key, and the rotations that follow from it."""

    def __init__(self, writer, key, rotations, realm, tenant):
        self.keys, self.told = [(-1, key)], []
        for new, signature, raw in rotations:
            e, own = Entry(raw), self.keys[-1][1]
            need((e.realm, e.tenant, e.writer, e.kind) == (realm, tenant, writer, ROTATION), "another writer's rotation")
            need(e.stream == b"vault:writer:" + e.writer.hex().encode(), "a rotation in another stream")
            need(e.len == 32 and e.digest == dk("payload", new), "a rotation to another key")
            need(e.epoch > self.keys[-1][0], "rotations out of order")
            need(signed(own, e, dk("entry", raw), signature), "a rotation that the key before it has not signed")
            self.keys.append((e.epoch, new))
            self.told.append(raw)

    def key(self, epoch):
        return [key for ended, key in self.keys if ended < epoch][-1]

def unbase64(encoded):
    try:
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise Broken("not base64")
    need(base64.b64encode(raw).decode() == encoded, "base64 that is not canonical")
    return raw

def read_checkpoint(note, vkey):
    """Origin, size and root of a C2SP checkpoint. Without its key, nobody vouches for what it says."""
    body, _, tail = note.rpartition("\n\n")
    body += "\n"
    for part in (body, tail):
        need(len(part.encode()) <= NOTE and part.endswith("\n") and part > "\n", "a note without text or signatures")
        need(all(char >= " " or char == "\n" for char in part), "a control character in a note")
    signatures = []
    for line in tail[:-1].split("\n"):
        name, _, encoded = line[2:].partition(" ")
        bad = any(char.isspace() or is_control(char) or char == "+" for char in name)
        need(line.startswith("\u2014 ") and name and not bad, "not a signature line")
        signatures.append((name, unbase64(encoded)))
    need(len(signatures) <= 100 and all(len(raw) > 4 for _, raw in signatures), "signatures that are too many, or short")
    lines = body[:-1].split("\n")
    need(len(lines) > 2 and all(lines), "not a checkpoint")
    origin, size, root = lines[:3]
    need(len(size) <= 20 and size.isascii() and size.isdigit() and str(int(size)) == size, "not a size: %r" % size)
    need(len(unbase64(root)) == 32, "not a root")
    if vkey:
        name, key_id, encoded = vkey.split("+", 2)
        key = base64.b64decode(encoded)
        need(key[0] == 1 and sha(name.encode(), b"\n", key)[:4].hex() == key_id, "not a log's vkey")
        own = [raw[4:] for signer, raw in signatures if signer == name and raw[:4].hex() == key_id]
        need(own and all(ed25519(key[1:], body.encode(), raw) for raw in own), "the checkpoint is not signed by the key")
        need(origin == name, "the checkpoint is another log's")
    return origin, int(size), unbase64(root)

class Bundle:
    def __init__(self, file, anchors, vkey):
        self.file, self.anchors, self.vkey, self.hasher = file, anchors, vkey, context("bundle")
        self.writers, self.logs, self.payloads, self.open = {}, {}, {}, {}
        self.entries, self.unnamed, self.epoch, self.standing, self.revocable = 0, None, 0, {}, {}

    def verify(self):
        magic = self.read(8)
        need(magic == b"CVBUNDL\1", "not a bundle of version 1")
        self.hasher.update(magic)
        tag, body = self.record()
        need(tag == HEADER, "the header does not stand first")
        self.header(Reader(body))
        while tag != END:
            tag, body = self.record()
            need(tag != HEADER, "a second header")
            {WRITER: self.writer, PAYLOADS: self.payload, ENTRY: self.entry, END: self.end}[tag](Reader(body))
        return "vault %s, tenant %r, %s: %d entries in %d logs%s, in a tree of %d with root %s, %s" % (
            self.realm.hex()[:16], text(self.tenant), self.what, self.entries, len(self.logs), self.revoked(), self.size,
            self.root.hex(), self.anchored())

    def read(self, count):
        data = self.file.read(count)
        need(len(data) == count, "the file ends early")
        return data

    def record(self):
        head = self.read(5)
        tag, size = head[0], int.from_bytes(head[1:], "big")
        need(size <= RECORD.get(tag, -1), "a record of an unknown kind, or too long")
        body = self.read(size)
        self.hasher.update(head + (body[:24] if tag == END else body))
        return tag, body

    def header(self, r):
        self.realm, self.tenant, timeline, self.size, self.root = r.take(32), r.name(), r.name(), r.num(8), r.take(32)
        form, self.after, self.up_to, self.stream = r.num(1), r.num(8), r.num(8), r.name(least=0)
        self.only = r.take(32) if r.flag() else None
        self.peaks, self.right = r.hashes(), r.hashes()
        note = text(r.take(r.left()))
        need(timeline == b"main", "another timeline")
        need(self.after <= self.up_to <= self.size <= POSITION, "positions that cannot be")
        self.whole, self.sparse = form == 0, form == 2
        need(form <= 2 and self.sparse == bool(self.stream or self.only), "contents that do not fit their form")
        need(not self.whole or (self.after, self.up_to) == (0, self.size), "everything begins at 1 and ends at the end")
        need(form == 1 or not (self.peaks or self.right), "edges, and no range")
        self.what = "everything" if self.whole else "positions %d to %d" % (self.after + 1, self.up_to)
        self.noted, self.last = None, self.after
        need(note or not self.vkey, "no checkpoint for the key")
        if note:
            origin, size, root = read_checkpoint(note, self.vkey)
            need(origin.endswith("/%s/%s" % (self.realm.hex()[:16], text(self.tenant))), "another log's checkpoint")
            need(self.shows(size), "a checkpoint of a tree that is not shown")
            self.noted = size, root
        if not self.sparse:
            need(len(self.peaks) == bin(self.after).count("1"), "a left edge of another size")
            self.compare(self.after, root_of(self.peaks))
        self.compare(self.size, self.root)

    def shows(self, size):
        return size == self.size or not self.sparse and self.after <= size <= self.up_to

    def anchored(self):
        """At which sizes it was compared with something from elsewhere: an anchor, or the checkpoint under its key."""
        known = self.anchors + ([self.noted] if self.vkey else [])
        compared = sorted({size for size, _ in known if self.shows(size)})
        return "anchored at " + ", ".join(map(str, compared)) if compared else "not anchored"

    def revoked(self):
        """How many logs go on behind the last good entry of a writer that was revoked later."""
        revoked = sum(last > self.standing[writer].good for (writer, _, _), last in self.revocable.items())
        return ", %d of them with revoked entries" % revoked if revoked else ""

    def compare(self, size, root):
        """A tree that the bundle shows: is it the checkpoint's, where that has its size, and the anchors'?"""
        need(self.noted in (None, (size, root)) or self.noted[0] != size, "another root than the checkpoint's")
        need(all(root == kept for anchored, kept in self.anchors if anchored == size), "another root than the anchor's")

    def writer(self, r):
        key = r.take(32) if r.flag() else None
        writer = blake3(key).digest() if key else dk("named-writer", lp8(r.name()))
        rotations = [(r.take(32), r.take(64), r.take(r.num(4))) for _ in range(r.num(2))]
        r.end()
        need(writer not in self.writers, "a writer a second time")
        self.writers[writer] = Writer(writer, key, rotations, self.realm, self.tenant)

    def payload(self, r):
        digest = dk("payload", r.data)
        need(digest not in self.payloads, "a payload a second time")
        need(not self.unnamed, "a payload that no entry names")
        self.payloads[digest] = len(r.data)
        self.unnamed = None if self.whole else digest

    def entry(self, r):
        position, children, signature = r.num(8), r.num(4), r.take(64) if r.flag() else None
        raw, places, path = r.take(r.num(4)), [r.num(8) for _ in range(r.num(1))], r.hashes()
        values, form = r.take(r.num(4)), r.num(1)
        inline = r.take(r.left())
        in_order = self.last < position <= self.up_to and (self.sparse or position == self.last + 1)
        need(in_order, "a position out of order")
        e, entry_hash = Entry(raw), dk("entry", raw)
        need(e.realm == self.realm and e.tenant == self.tenant, "an entry of another vault or tenant")
        need(e.stream == (self.stream or e.stream) and e.writer == (self.only or e.writer), "an entry of another log")
        need(e.writer in self.writers, "a writer that was not told")
        key = self.writers[e.writer].key(e.epoch)
        need(not signature or signed(key, e, entry_hash, signature), "a signature that does not hold")
        self.check_payload(form, inline, e)
        dimensions, digest = e.embedding or (0, None)
        need(len(values) == 4 * dimensions and (not digest or dk("embedding", values) == digest), "another embedding than the entry's")
        if not self.sparse and self.after == 0:
            self.check_standing(position, raw, e, signature, places)
        times, known = self.check_parents(position, places, e)
        self.check_log(e, entry_hash, signature, times, known)
        if self.sparse:
            need(not children, "children, where they are not counted")
            check_inclusion(entry_hash, position - 1, self.size, path, self.root)
        else:
            need(not path, "a path that is not needed")
            push(self.peaks, position - 1, entry_hash)
            if position in [size for size, _ in self.anchors + ([self.noted] if self.noted else [])]:
                self.compare(position, root_of(self.peaks))
        if children:
            self.open[position] = [entry_hash, e.lamport, children]
        self.last, self.entries = position, self.entries + 1

    def check_payload(self, form, inline, e):
        holds = {
            (0, 0): not inline,
            (1, 1): len(inline) == e.len and dk("payload", inline) == e.digest,
            (1, 2): len(inline) == e.len,  # A commitment: its key is not in the bundle.
            (2, 1): not inline and self.payloads.get(e.digest) == e.len,
        }
        need(holds.get((form, e.scheme)), "another payload than the entry's")
        need(not self.unnamed or (form == 2 and e.digest == self.unnamed), "a payload that no entry names")
        self.unnamed = None

    def check_parents(self, position, places, e):
        """The Lamport times of the parents that are in the bundle, and whether those are all."""
        need(len(places) == (0 if self.sparse else len(e.parents)), "positions of other parents")
        times, known = [], not (self.sparse and e.parents)
        for parent, at in zip(e.parents, places):
            need(1 <= at < position, "a parent that is not earlier")
            if at <= self.after:
                known = False
                continue
            need(at in self.open and self.open[at][0] == parent, "a parent that expects no child")
            times.append(self.open[at][1])
            self.open[at][2] -= 1
            if self.open[at][2] == 0:
                del self.open[at]
        return times, known

    def check_standing(self, position, raw, e, signature, places):
        """What events about writers allow; only a bundle that begins with the first position has them all."""
        w, by_vault = self.writers[e.writer], e.writer == VAULT
        if (e.kind, e.stream, by_vault, e.seq) == (EPOCH, b"vault:writers", True, 1):
            self.epoch = max(self.epoch, e.epoch)
        own = self.standing.setdefault(e.writer, Standing())
        need(e.epoch == self.epoch + own.rotations, "another epoch than events announce")
        need(not own.frozen, "an entry by a writer that was frozen")
        if e.kind != REVOCATION:
            need(not own.revoked, "an entry by a writer that was revoked")
            self.revocable[e.writer, e.stream, e.epoch] = position
        if not e.stream.startswith(b"vault:writer:"):
            return
        subject = e.stream[len(b"vault:writer:") :]
        if len(subject) != 64 or any(char not in b"0123456789abcdef" for char in subject):
            return
        subject = bytes.fromhex(subject.decode())
        about, by_self = self.standing.setdefault(subject, Standing()), e.writer == subject and signature
        if e.kind == ROTATION:
            need(by_self and w.told[about.rotations : about.rotations + 1] == [raw], "a rotation that does not count")
            about.rotations += 1
        elif e.kind == REVOCATION:
            need(e.len == 0 and len(places) <= 1 and (by_vault or by_self), "a revocation that does not count")
            # What stands behind the last good one was written before, and stays there.
            about.revoked = True
            about.good = min(about.good, next(iter(places), 0))
        else:
            need(e.kind != EPOCH and (e.kind != EQUIVOCATION or by_vault), "an event about a writer that does not count")
            about.frozen = about.frozen or e.kind == EQUIVOCATION

    def check_log(self, e, entry_hash, signature, times, known):
        place = (e.writer, e.stream, e.epoch)
        before = self.logs.get(place)
        if not before and (e.seq == 1 or self.after == 0):
            genesis = dk("log-genesis", self.realm + lp8(self.tenant) + lp8(e.stream) + e.writer + e.epoch.to_bytes(4, "big"))
            before = (0, genesis, 0)
        need(not before or (e.seq, e.prev) == (before[0] + 1, before[1]), "an entry that does not follow in its log")
        least = 1 + max(times + ([before[2]] if before else []), default=0)
        need(e.lamport == least if before and known else e.lamport >= least, "a wrong Lamport time")
        self.logs[place] = e.seq, entry_hash, e.lamport, signature

    def end(self, r):
        counts, digest = [r.num(8), r.num(8), r.num(8)], r.take(32)
        r.end()
        need(digest == self.hasher.digest(), "another digest of the bytes before the end")
        need(not self.file.read(1), "bytes behind the end")
        need(counts == [self.entries, len(self.writers), len(self.payloads)], "other counts")
        need(self.entries or not self.sparse, "logs without an entry")
        need(not self.unnamed and not self.open, "a payload or a child that did not come")
        need({writer for writer, _, _ in self.logs} == set(self.writers), "a writer without an entry")
        if not self.sparse:
            need(self.last == self.up_to, "entries are missing at the end")
            check_consistency(self.up_to, root_of(self.peaks), self.size, self.root, self.right)
        if self.whole:
            missing = [id for id, writer in self.writers.items() if self.standing[id].rotations != len(writer.told)]
            need(not missing, "a rotation that is told and not there")
            signers = [(self.writers[writer].key(epoch), log[3]) for (writer, _, epoch), log in self.logs.items()]
            need(all(signature or not key for key, signature in signers), "a signed log that ends unsigned")
        need(all(size <= self.size for size, _ in self.anchors), "shorter than an anchor")

def main(arguments):
    anchors, vkey, files, broken = [], None, [], 0
    arguments = iter(arguments)
    for argument in arguments:
        if argument == "--anchor":
            size, root = next(arguments).split(":")
            anchors.append((int(size), bytes.fromhex(root)))
        elif argument == "--key":
            vkey = next(arguments)
        else:
            files.append(argument)
    if not files:
        sys.exit(__doc__)
    for name in files:
        try:
            with open(name, "rb") as file:
                print("OK     %s: %s" % (name, Bundle(file, anchors, vkey).verify()))
        except Broken as why:
            print("BROKEN %s: %s" % (name, why))
            broken = 1
    return broken

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
