#!/usr/bin/env python3
"""Our speed beside go-libp2p's: the same figures on the same machine, measured in turns, and their ratios.

  bench.py --ours .build/release/starling [ping] [bulk] [dial] [--rounds 3] [--security noise,tls] [--json]

Each figure is the median of the rounds. A go figure comes through its daemon's local socket, whose own cost is given
where it was measured.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

from common import die_with_parent

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 180  # seconds for one measurement
# what: (figure, unit, whether more is better, our key, how go's comes out of its object)
FIGURES = {
    "ping": [
        ("median", "us", False, "median_us", lambda g: g["median_us"]),
        ("p99", "us", False, "p99_us", lambda g: g["p99_us"]),
    ],
    "bulk": [
        ("one stream", "MB/s", True, "mb_per_s", lambda g: g["median_MBps"]),
        ("sender CPU", "s/GiB", False, "sender_cpu_s_per_gib",
         lambda g: statistics.median(c[0] for c in g["cpu_s_per_GiB_sender_receiver"])),
        ("receiver CPU", "s/GiB", False, "receiver_cpu_s_per_gib",
         lambda g: statistics.median(c[1] for c in g["cpu_s_per_GiB_sender_receiver"])),
        ("ceiling", "MB/s", True, "ceiling_mb_per_s", None),
    ],
    "dial": [
        ("dials", "1/s", True, "dials_per_s", lambda g: g["per_second"]),
        ("dialer CPU", "ms", False, "dialer_cpu_ms", lambda g: g["dialer_cpu_ms_each"]),
        ("listener CPU", "ms", False, "listener_cpu_ms", lambda g: g["listener_cpu_ms_each"]),
    ],
    "memory": [
        ("idle node", "bytes", False, "idle_bytes", None),
        ("each connection", "bytes", False, "bytes_per_connection", None),
    ],
}
GO_FLAGS = {"ping": ["--rounds", "1"], "bulk": ["--rounds", "1"], "dial": ["--seconds", "4"]}


def measure(command):
    """The last JSON object that a command prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT, preexec_fn=die_with_parent)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        sys.exit(f"failed with status {done.returncode}: {' '.join(command)}\n{done.stdout[-800:]}")
    return json.loads(lines[-1])


def compare(what, security, a):
    ours, go = [], []
    for _ in range(a.rounds):
        ours.append(measure([a.ours, "bench", what, "--security", security, "--json"]))
        if what in GO_FLAGS:
            go.append(measure([sys.executable, os.path.join(HERE, "bench_go.py"), what, "--security", security,
                               *GO_FLAGS[what]]))
    rows = []
    for figure, unit, more_is_better, key, of_go in FIGURES[what]:
        mine = statistics.median(o[key] for o in ours)
        theirs = statistics.median(map(of_go, go)) if of_go and go else None
        ratio = None
        if theirs:
            ratio = round(mine / theirs if more_is_better else theirs / mine, 2) if mine else None
        rows.append({"bench": what, "security": security, "figure": figure, "unit": unit, "ours": mine, "go": theirs,
                     "times_better": ratio})
    return rows


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", nargs="*", help="ping bulk dial memory; all unless told")
    p.add_argument("--ours", required=True, metavar="PROGRAM", help="our tool")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--security", default="noise,tls")
    p.add_argument("--json", action="store_true", help="one object a line instead of a table")
    a = p.parse_args()
    unknown = set(a.what) - set(FIGURES)
    if unknown:
        p.error(f"no such bench: {' '.join(unknown)}; there are {' '.join(FIGURES)}")
    if not a.json:
        print(f"{'bench':8}{'security':10}{'figure':18}{'ours':>12}{'go-libp2p':>12}  {'unit':8}{'times better':>12}")
    for what in a.what or FIGURES:
        for security in a.security.split(","):
            for row in compare(what, security, a):
                if a.json:
                    print(json.dumps(row), flush=True)
                    continue
                number = lambda v: "-" if v is None else f"{v:,.2f}" if v < 100 else f"{v:,.0f}"
                print(f"{what:8}{security:10}{row['figure']:18}{number(row['ours']):>12}{number(row['go']):>12}  "
                      f"{row['unit']:8}{number(row['times_better']):>12}", flush=True)


if __name__ == "__main__":
    main()
