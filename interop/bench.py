#!/usr/bin/env python3
"""Our speed beside go-libp2p's: the same figures on the same machine, measured in turns, and their ratios.

  bench.py --ours .build/release/starling [ping] [bulk] [dial] [listen] [echo] [streams] [memory]
           [--rounds 3] [--security noise,tls] [--json]

Ours and go's run in turns (A B A B), so that a busy machine troubles both. Each figure is the median of the rounds,
with the lowest and the highest round beside it: how far they lie apart is the machine's noise.

Ours are library calls between two processes of our own; the floor of the ping is a plain TCP socket between the same two.
A go figure comes through its daemon's local socket, whose own cost stands beside the floor. `listen` and `echo` have a
go dialler: on ours or on go's own listener for `listen`, on ours alone for `echo`, since go's daemon has none.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

from common import die_with_parent

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 300  # seconds for one measurement


def cpu(side):
    return lambda g: statistics.median(c[side] for c in g["cpu_s_per_GiB_sender_receiver"])


# what: (figure, unit, whether more is better, how ours comes out of its object, how go's does)
FIGURES = {
    "ping": [
        ("median", "us", False, lambda o: o["median_us"], lambda g: g["median_us"]),
        ("p99", "us", False, lambda o: o["p99_us"], lambda g: g["p99_us"]),
        ("floor, socket", "us", False, lambda o: o["floor_us"], lambda g: g["socket_rtt_us"]),
    ],
    "bulk": [
        ("one stream", "MB/s", True, lambda o: o["mb_per_s"], lambda g: g["median_MBps"]),
        ("sender CPU", "s/GiB", False, lambda o: o["sender_cpu_s_per_gib"], cpu(0)),
        ("receiver CPU", "s/GiB", False, lambda o: o["receiver_cpu_s_per_gib"], cpu(1)),
        ("ceiling", "MB/s", True, lambda o: o["ceiling_mb_per_s"], None),
        ("of the ceiling", "%", True, lambda o: o["ceiling_percent"], None),
        ("socket", "MB/s", True, None, lambda g: g["socket_hop_MBps"]),
    ],
    "dial": [
        ("dials", "1/s", True, lambda o: o["dials_per_s"], lambda g: g["per_second"]),
        ("dialler CPU", "ms", False, lambda o: o["dialer_cpu_ms"], lambda g: g["dialer_cpu_ms_each"]),
        ("listener CPU", "ms", False, lambda o: o["listener_cpu_ms"], lambda g: g["listener_cpu_ms_each"]),
    ],
    "listen": [
        ("listener CPU", "ms", False, lambda o: o["listener_cpu_ms_each"], lambda g: g["listener_cpu_ms_each"]),
        ("dials", "1/s", True, lambda o: o["per_second"], lambda g: g["per_second"]),
    ],
    "echo": [
        ("go to us, each way", "MB/s", True, lambda o: statistics.median(o["MBps_each_way"]), None),
    ],
    "streams": [
        ("streams", "1/s", True, lambda o: o["streams_per_s"], None),
    ],
    "memory": [
        ("idle node", "bytes", False, lambda o: o["idle_bytes"], None),
        ("each connection", "bytes", False, lambda o: o["bytes_per_connection"], None),
    ],
}
GO = {
    "ping": ["ping", "--rounds", "1"],
    "bulk": ["bulk", "--rounds", "1"],
    "dial": ["dial", "--seconds", "4"],
    "listen": ["dial", "--seconds", "4"],
}
TO_US = {"listen": ["dial", "--seconds", "4"], "echo": ["echo", "--rounds", "1", "--mib", "256"]}


def measure(command):
    """The last JSON object that a command prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT, preexec_fn=die_with_parent)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        sys.exit(f"failed with status {done.returncode}: {' '.join(command)}\n{done.stdout[-800:]}")
    return json.loads(lines[-1])


def measure_go(words, security):
    return measure([sys.executable, os.path.join(HERE, "bench_go.py"), *words, "--security", security])


def measure_go_to_us(words, security, a):
    """A go dialler against a fresh listener of ours, which ends with its standard input."""
    listener = subprocess.Popen([a.ours, "bench-listener", "--security", security], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)
    try:
        ready = json.loads(listener.stdout.readline())
        return measure_go([*words, "--target", ready["addrs"][0], "--pid", str(ready["pid"])], security)
    finally:
        listener.stdin.close()
        listener.wait(10)


def figure(objects, of):
    """Median, lowest and highest, or None."""
    if not of or not objects:
        return None
    values = [of(o) for o in objects]
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def compare(what, security, a):
    ours, go = [], []
    for _ in range(a.rounds):
        if what in TO_US:
            ours.append(measure_go_to_us(TO_US[what], security, a))
        else:
            ours.append(measure([a.ours, "bench", what, "--security", security, "--json"]))
        if what in GO:
            go.append(measure_go(GO[what], security))
    rows = []
    for name, unit, more_is_better, of_ours, of_go in FIGURES[what]:
        mine, theirs = figure(ours, of_ours), figure(go, of_go)
        ratio = None
        if mine and theirs and mine["median"] and theirs["median"]:
            ratio = mine["median"] / theirs["median"] if more_is_better else theirs["median"] / mine["median"]
        rows.append({"bench": what, "security": security, "figure": name, "unit": unit, "ours": mine, "go": theirs,
                     "times_better": ratio and round(ratio, 2)})
    return rows


def number(value):
    return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"


def cell(found):
    if not found:
        return "-", ""
    if found["lowest"] == found["highest"]:
        return number(found["median"]), ""
    return number(found["median"]), f"{number(found['lowest'])}–{number(found['highest'])}"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", nargs="*", help=" ".join(FIGURES) + "; all unless told")
    p.add_argument("--ours", required=True, metavar="PROGRAM", help="our tool")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--security", default="noise,tls")
    p.add_argument("--json", action="store_true", help="one object a line instead of a table")
    a = p.parse_args()
    unknown = set(a.what) - set(FIGURES)
    if unknown:
        p.error(f"no such bench: {' '.join(unknown)}; there are {' '.join(FIGURES)}")
    layout = "{:8}{:7}{:20}{:>11} {:>21}{:>11} {:>19}  {:6}{:>13}"
    load = os.getloadavg()[0]
    if not a.json:
        print(f"{a.rounds} rounds in turns, {os.cpu_count()} processors, load {load:.1f} before the start")
        print(layout.format("bench", "cipher", "figure", "ours", "lowest–highest", "go-libp2p", "lowest–highest", "unit",
                            "times better"))
    for what in a.what or FIGURES:
        for security in a.security.split(","):
            for row in compare(what, security, a):
                if a.json:
                    print(json.dumps(row), flush=True)
                    continue
                ratio = number(row["times_better"]) if row["times_better"] else "-"
                print(layout.format(what, security, row["figure"], *cell(row["ours"]), *cell(row["go"]), row["unit"],
                                    ratio), flush=True)


if __name__ == "__main__":
    main()
