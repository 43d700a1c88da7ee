#!/usr/bin/env python3
"""Builds every peer, runs them in turns, and prints the table of README.md: `python3 benches/peers/run.py`.

Each run is a process with a new folder. The peers take turns within a round, and each round begins with another peer, so
that whatever else runs on the machine slows all of them. A cell is the median of the rounds' ratios.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target")).resolve() / "peers"
PEERS = {"ours": "ours", "agent-store": "agent-store", "batpak": "batpak", "umadb": "umadb", "sqlite": "ours"}
OTHERS = [peer for peer in PEERS if peer != "ours"]
PACKAGES = {"agent-store": ["agent-store"], "batpak": ["batpak"], "umadb": ["umadb-core"], "ours": ["causal-vault"]}
PAYLOAD = 256
VERIFIED = 100_000

# Work, durability, events, and what the row is called.
WORKS = [
    ("single", "durable", 1_536, "append, one thread, flushed"),
    ("single", "fast", 12_288, "append, one thread, not flushed"),
    ("threads", "durable", 4_096, "append, 16 threads, flushed"),
    ("batch", "durable", 40_960, "batches of 1,024, flushed"),
    ("batch", "fast", 40_960, "batches of 1,024, not flushed"),
    ("read", "durable", VERIFIED, "read 100,000"),
    ("verify", "durable", VERIFIED, "verify 100,000"),
]
# Works that need a full store.
OF_FULL = ("read", "verify")
# Ours alone has more than one way to verify; all are held against the others' one.
WAYS = [("verify-log", "verify 100,000: one log's chain"), ("verify-cores", "verify 100,000: a thread for each core")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--minutes", type=float, default=7, help="no round begins after this many")
    parser.add_argument("--folder", help="where the stores are made; the disk that is measured")
    parser.add_argument("--build", action="store_true", help="build and do no more")
    parser.add_argument("--flushes", action="store_true", help="count flushes instead; Linux, on a disk of its own")
    parser.add_argument("--quick", action="store_true", help="one round of a 16th, to show that it runs")
    options = parser.parse_args()
    build()
    if options.build:
        return
    with tempfile.TemporaryDirectory(prefix="peers-", dir=options.folder) as folder:
        if options.flushes:
            flushes(Path(folder))
        else:
            race(Path(folder), options)


def build():
    for crate in dict.fromkeys(PEERS.values()):
        command = ["cargo", "build", "--release", "--locked", "--quiet"]
        manifest = HERE / crate / "Cargo.toml"
        subprocess.run([*command, "--manifest-path", manifest, "--target-dir", TARGET], check=True)


def race(folder, options):
    rounds, divisor = (1, 16) if options.quick else (options.rounds, 1)
    deadline = time.monotonic() + options.minutes * 60
    full = {peer: new(folder / f"full-{peer}") for peer in PEERS}
    for peer in PEERS:
        run(peer, "fill", VERIFIED // divisor, "durable", full[peer])
    results = []
    while len(results) < rounds and (not results or time.monotonic() < deadline):
        turn = {}
        shift = len(results) % len(PEERS)
        order = list(PEERS)[shift:] + list(PEERS)[:shift]
        for work, durability, count, _ in WORKS:
            for peer in order:
                own = full[peer] if work in OF_FULL else new(folder / "own")
                turn[peer, work, durability] = run(peer, work, count // divisor, durability, own)
        for way, _ in WAYS:
            turn["ours", way, "durable"] = run("ours", way, VERIFIED // divisor, "durable", full["ours"])
        results.append(turn)
        print(f"round {len(results)} of {rounds}", file=sys.stderr)
    table(results, options)


def new(path):
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


def run(peer, work, count, durability, folder):
    # What an earlier run has left to be written is not to be this one's burden.
    os.sync()
    command = [TARGET / "release" / f"peer-{peer}", work, str(count), str(PAYLOAD), durability, folder]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.splitlines()[-1])


def table(results, options):
    names = {peer: " ".join([PACKAGES[peer][0], version(peer, PACKAGES[peer][0])]) for peer in PACKAGES}
    names["sqlite"] = "SQLite by hand, rusqlite " + version("ours", "rusqlite")
    print(f"\nEvents a second of {names['ours']}, and how many times as fast as each other it is: the median of {len(results)}")
    print(f"rounds (5 % .. 95 %). Above 1 we are ahead. {PAYLOAD} B payloads, {os.cpu_count()} cores, {machine()}, "
          f"{time.strftime('%Y-%m-%d')}.\n")
    print("| work | " + " | ".join([names["ours"], *(names[peer] for peer in OTHERS)]) + " |")
    print("|---" * (2 + len(OTHERS)) + "|")
    rows = [(work, durability, (work, durability), title) for work, durability, _, title in WORKS]
    rows += [(way, "durable", ("verify", "durable"), title) for way, title in WAYS]
    for work, durability, against, title in rows:
        ours = [turn["ours", work, durability] for turn in results]
        rate = median(each["count"] / each["seconds"] for each in ours)
        cells = [ratio([turn[peer, *against] for turn in results], ours) for peer in OTHERS]
        print(f"| {title} | {rate:,.0f}/s | " + " | ".join(cells) + " |")
    for work in OF_FULL:
        cells = [memory([turn[peer, work, "durable"] for turn in results]) for peer in PEERS]
        print(f"| peak memory of {work} 100,000 | " + " | ".join(cells) + " |")
    if options.quick:
        print("\nShown to run, not measured.")


def memory(runs):
    if "unsupported" in runs[0]:
        return "-"
    return f"{median(each['peak_kib'] for each in runs) / 1024:,.0f} MiB"


def ratio(theirs, ours):
    if "unsupported" in theirs[0]:
        return "- (" + theirs[0]["unsupported"] + ")"
    ratios = sorted(their["seconds"] / our["seconds"] for their, our in zip(theirs, ours))
    at = lambda percent: ratios[round((len(ratios) - 1) * percent / 100)]
    return f"{median(ratios):.2f} x ({at(5):.2f} .. {at(95):.2f})"


def flushes(folder):
    """How often the disk is told to flush, as the kernel counts it, whoever asks and by whatever call.

    Twice as much work less once, so that opening and warming up fall out; the least of several, as others may flush too.
    """
    device = folder.stat().st_dev
    counter = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")

    def counted(*work):
        own = new(folder / "own")
        os.sync()
        before = int(counter.read_text().split()[15])
        result = run(*work, own)
        return int(counter.read_text().split()[15]) - before, result

    print("| flushes | " + " | ".join(PEERS) + " |\n" + "|---" * (1 + len(PEERS)) + "|")
    for work, durability, _, title in WORKS:
        if work in OF_FULL:
            continue
        each, unit = (1024, "batch") if work == "batch" else (1, "append")
        count, cells = 512 * min(each, 32), []
        for peer in PEERS:
            once, twice = ([counted(peer, work, count * times, durability) for _ in range(3)] for times in (1, 2))
            least = [min(flushes for flushes, _ in runs) for runs in (once, twice)]
            cells.append("-" if "unsupported" in once[0][1] else f"{(least[1] - least[0]) * each / count:.2f}")
        print(f"| for each {unit}: {title} | " + " | ".join(cells) + " |", flush=True)


def version(crate, package):
    lock = (HERE / crate / "Cargo.lock").read_text()
    return re.search(rf'^name = "{package}"\nversion = "(.*)"', lock, re.M)[1]


def machine():
    return f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}"


if __name__ == "__main__":
    main()
