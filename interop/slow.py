#!/usr/bin/env python3
"""A slow link: what a flood costs an urgent stream of the same connection.

Two hosts (hosts.py) whose cable carries 10 Mbit/s (`tc tbf`): `starling up` on one, `starling bench urgent` on the
other. Needs root, or a kernel that gives an ordinary user namespaces, and iproute2's tc.

  python3 interop/slow.py --ours .build/release/starling [--rate 10mbit] [--limit-ms 200]
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

from common import die_with_parent
from hosts import ADDRESSES, CABLE, Hosts, become_root

PORT = 4001


class Listener:
    """`starling up` on host b."""

    def __init__(self, hosts, tool):
        self.home = tempfile.mkdtemp(prefix="starling-slow-")
        self.process = subprocess.Popen(
            hosts.command("b", tool, "up", "--home", self.home, "--json", "--no-mdns", "--log-level", "error",
                          "--listen", f"/ip4/{ADDRESSES['b']}/tcp/{PORT}"),
            text=True, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("starling up ended")
        self.address = f"/ip4/{ADDRESSES['b']}/tcp/{PORT}/p2p/{json.loads(line)['peer_id']}"

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def measure(hosts, tool):
    listener = Listener(hosts, tool)
    try:
        done = subprocess.run(hosts.command("a", tool, "bench", "urgent", "--json", "--target", listener.address),
                              text=True, capture_output=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError("starling bench urgent: " + done.stderr.strip())
        return json.loads(done.stdout)
    finally:
        listener.stop()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--ours", required=True, metavar="PATH", help="the tool")
    p.add_argument("--rate", default="10mbit", help="what the cable carries, as tc writes it")
    p.add_argument("--queue-ms", type=int, default=400, help="the longest that a packet waits for the cable")
    p.add_argument("--limit-ms", type=float, default=200, help="what the flood may add to the 99th percentile")
    a = p.parse_args()
    a.ours = os.path.abspath(a.ours)
    become_root()
    with Hosts() as hosts:
        for host in ADDRESSES:
            hosts.run(host, "tc", "qdisc", "add", "dev", CABLE, "root", "tbf", "rate", a.rate, "burst", "32kbit",
                      "latency", f"{a.queue_ms}ms")
        report = measure(hosts, a.ours)
    print(json.dumps(report, indent=1))
    added = report["added_p99_ms"]
    if added > a.limit_ms:
        sys.exit(f"FAIL the flood adds {added:.1f} ms, more than {a.limit_ms:.0f}")
    print(f"ok   the flood adds {added:.1f} ms at {a.rate}")


if __name__ == "__main__":
    main()
