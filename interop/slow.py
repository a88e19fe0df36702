#!/usr/bin/env python3
"""A slow link: what a flood costs an urgent stream of the same connection, and LOW messages an EMERGENCY one.

Two hosts (hosts.py) whose cable carries 10 Mbit/s (`tc tbf`): the listener of the benches on one, `starling bench
urgent` on the other; the messages are durable on both. Needs root, or a kernel that gives an ordinary user
namespaces, and iproute2's tc.

  python3 interop/slow.py --ours .build/release/starling [--rate 10mbit] [--limit-ms 200]
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

from common import Tool, check
from hosts import ADDRESSES, CABLE, Hosts, become_root

PORT = 4001


def measure(hosts, tool, byte_count):
    """The bench's report, between host a and a listener on host b that takes every message that comes."""
    with tempfile.TemporaryDirectory(prefix="starling-slow-") as home:
        listener = Tool(*hosts.command("b", tool, "bench-listener", "--home", home,
                                       "--listen", f"/ip4/{ADDRESSES['b']}/tcp/{PORT}"))
        try:
            check(listener.ask({"do": "consume"}).get("done"), "starling bench-listener does not take messages")
            done = subprocess.run(hosts.command("a", tool, "bench", "urgent", "--json", "--bytes", str(byte_count),
                                                "--target", listener.ready["addrs"][0]),
                                  text=True, capture_output=True, timeout=180)
            check(done.returncode == 0, "starling bench urgent: " + done.stderr.strip())
            return json.loads(done.stdout)
        finally:
            listener.stop()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--ours", required=True, metavar="PATH", help="the tool")
    p.add_argument("--rate", default="10mbit", help="what the cable carries, as tc writes it")
    p.add_argument("--queue-ms", type=int, default=400, help="the longest that a packet waits for the cable")
    p.add_argument("--limit-ms", type=float, default=200, help="what a flood may add: to the 99th percentile of a stream's round trip, to the worst message")
    p.add_argument("--bytes", type=int, default=1024, help="the size of each message")
    a = p.parse_args()
    a.ours = os.path.abspath(a.ours)
    become_root()
    with Hosts() as hosts:
        for host in ADDRESSES:
            hosts.run(host, "tc", "qdisc", "add", "dev", CABLE, "root", "tbf", "rate", a.rate, "burst", "32kbit",
                      "latency", f"{a.queue_ms}ms")
        report = measure(hosts, a.ours, a.bytes)
    print(json.dumps(report, indent=1))
    for key, what in (("added_p99_ms", "the flood"), ("message_added_worst_ms", "LOW messages")):
        added = report[key]
        if added > a.limit_ms:
            sys.exit(f"FAIL {what} adds {added:.1f} ms, more than {a.limit_ms:.0f}")
        print(f"ok   {what}: {added:.1f} ms more at {a.rate}")


if __name__ == "__main__":
    main()
