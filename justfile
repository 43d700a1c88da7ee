# The commands of this repository. What each one does is written in .ci/steps, which runs where `just` is not installed.

# The gate: every step below, in this order.
check:
    @bash .ci/steps check

# Formatting, as rustfmt.toml has it; `cargo fmt` mends it.
fmt:
    @bash .ci/steps fmt

# Lints on all targets with every set of features; a warning is an error.
clippy:
    @bash .ci/steps clippy

# Unit, integration and documentation tests with every set of features.
test:
    @bash .ci/steps test

# The tests of the project that moves from agent-store, over agent-store itself.
peer:
    @bash .ci/steps peer

# The verifier of bundles in Python against the crate, on good and on damaged bundles.
bundle:
    @bash .ci/steps bundle

# Power cuts and I/O faults on a disk of our own; with PROOF=release in the number of a release.
disk:
    @bash .ci/steps disk

# Every interleaving of small programs over the doorbell and group commit.
interleavings:
    @bash .ci/steps interleavings

# The whole vault in random schedules of its threads; with PROOF=release in the number of a release.
schedules:
    @bash .ci/steps schedules

# What reads bytes that nobody vouches for, over a corpus and mutations of it; with PROOF=release in the number of a release.
fuzz:
    @bash .ci/steps fuzz

# The documentation; a warning is an error.
doc:
    @bash .ci/steps doc

# Builds and runs every example; the flight recorder records this repository.
examples:
    @bash .ci/steps examples

# Runs every benchmark once; `cargo bench` measures.
bench:
    @bash .ci/steps bench

# The table of benches/peers/README.md: other stores, the same work, in turns. Not a part of the gate.
peers:
    @bash .ci/steps peers

# Licences, advisories, bans and sources of the dependencies.
deny:
    @bash .ci/steps deny

# The library on the oldest supported Rust.
msrv:
    @bash .ci/steps msrv

# One mistake after another in the code that hashes, encodes, signs, proves and verifies; takes a day.
mutants:
    @bash .ci/steps mutants

# Every suite in the size of a release, or those that are named, and what each said of itself; takes many hours.
release-proof *suites:
    @bash .ci/steps release-proof {{suites}}

# Lets git run the gate before every push.
install-hooks:
    @bash .ci/steps install-hooks
