#!/usr/bin/env python3
"""Two hosts on one LAN: nodes find each other by mDNS, a foreign zeroconf finds ours, and ours finds it.

Runs `starling up` on each of two hosts (hosts.py). Needs root, or a kernel that gives an ordinary user namespaces. Run
it with a Python that has the package zeroconf (setup.sh makes one).

  $PY_PYTHON interop/lan.py --ours .build/release/starling [--rounds N]
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from common import Node, die_with_parent, wait
from hosts import ADDRESSES, Hosts, become_root

FOREIGN_ID = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
SERVICE = "_p2p._udp.local."


class LanNode(Node):
    """One `starling up` on one of the hosts, whose home goes with it."""

    def __init__(self, lan, host, tool):
        super().__init__(tool, tempfile.mkdtemp(prefix="starling-lan-"), "--name", host,
                         command=lambda *words: lan.command(host, *words))
        try:
            self.start()
        except BaseException:
            self.remove()
            raise

    def peers(self):
        return {peer["peer_id"]: peer for peer in self.call("peers")["peers"]}

    def is_connected(self, peer):
        return bool(self.peers().get(peer, {}).get("connections"))

    def remove(self):
        try:
            self.stop()
        finally:
            shutil.rmtree(self.home, ignore_errors=True)


def find_each_other(lan, tool):
    """Starts two nodes, and returns how long they took to connect and what `send` said."""
    nodes = []
    try:
        for host in ADDRESSES:
            nodes.append(LanNode(lan, host, tool))
        a, b = nodes
        start = b.ready_at
        wait("a and b are connected", lambda: a.is_connected(b.id) and b.is_connected(a.id), 15)
        took = time.monotonic() - start
        report = a.call("send", b.id, "hello over the LAN", "--wait")
        if report["state"] != "delivered":
            raise RuntimeError(f"send said {report}")
        texts = [m.get("payload") or m.get("text") for m in b.call("inbox")["messages"]]
        if not any("hello over the LAN" in str(text) for text in texts):
            raise RuntimeError(f"the inbox of b holds {texts}")
        return took, report["round_trip_us"]
    finally:
        for node in nodes:
            node.remove()


FOREIGN = r"""
import socket, sys, time
from zeroconf import ServiceBrowser, ServiceInfo, ServiceStateChange, Zeroconf
address, wanted, own, service = sys.argv[1:5]
zeroconf = Zeroconf(interfaces=[address])
label = "a" * 40
text = f"dnsaddr=/ip4/{address}/tcp/4999/p2p/{own}".encode()
info = ServiceInfo(service, f"{label}.{service}", port=4999, addresses=[socket.inet_aton(address)],
                   properties=bytes([len(text)]) + text, server=f"{label}.local.")
zeroconf.register_service(info)
found = []
def changed(zeroconf, service_type, name, state_change):
    if state_change is ServiceStateChange.Added and not name.startswith(label):
        other = zeroconf.get_service_info(service_type, name, 3000)
        if other and other.text: found.append(other.text)
browser = ServiceBrowser(zeroconf, service, handlers=[changed])
end = time.monotonic() + 15
while time.monotonic() < end and not any(wanted.encode() in text for text in found): time.sleep(0.05)
print("found" if any(wanted.encode() in text and b"dnsaddr=/ip4/" in text for text in found) else found, flush=True)
sys.stdin.readline()
zeroconf.close()
"""


def foreign(lan, tool):
    """A foreign mDNS on one host and our node on the other see each other."""
    node = LanNode(lan, "b", tool)
    try:
        other = subprocess.Popen(
            lan.command("a", sys.executable, "-c", FOREIGN, ADDRESSES["a"], node.id, FOREIGN_ID, SERVICE), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        try:
            line = other.stdout.readline().strip()
            if line != "found":
                raise RuntimeError(f"zeroconf did not find our node: {line}")
            wait("our node knows the foreign peer", lambda: FOREIGN_ID in node.peers(), 15)
        finally:
            other.stdin.close()
            other.wait(10)
    finally:
        node.remove()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--ours", required=True, metavar="PATH", help="the tool")
    p.add_argument("--rounds", type=int, default=3, help="how often two nodes find each other")
    a = p.parse_args()
    a.ours = os.path.abspath(a.ours)
    become_root()
    times = []
    with Hosts() as lan:
        for number in range(1, a.rounds + 1):
            took, round_trip = find_each_other(lan, a.ours)
            times.append(took)
            print(f"ok   round {number}: connected {took:.2f} s after the second was ready, "
                  f"receipt in {round_trip:.0f} us", flush=True)
        foreign(lan, a.ours)
        print("ok   zeroconf found our node, and our node found it", flush=True)
    print(json.dumps({"rounds": a.rounds, "slowest_s": round(max(times), 3)}))


if __name__ == "__main__":
    main()
