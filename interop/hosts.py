"""Two hosts with a cable between them: network namespaces, each kept by a process that sleeps in it.

Needs root, or a kernel that gives an ordinary user namespaces. Nothing is mounted and nothing has a name, so it works
in a chroot too and leaves nothing behind.
"""
import os
import subprocess
import sys

from common import die_with_parent

ADDRESSES = {"a": "10.77.0.1", "b": "10.77.0.2"}
CABLE = "lan0"


def become_root():
    """Goes on in a namespace of its own, where this user is root."""
    if os.geteuid() != 0:
        os.execvp("unshare", ["unshare", "--user", "--map-root-user", "--", sys.executable, *sys.argv])


class Hosts:
    """The two namespaces and their cable."""

    def __enter__(self):
        self.keepers = {host: subprocess.Popen(["unshare", "--net", "--", "sh", "-c", "echo up; exec sleep infinity"],
                                               stdout=subprocess.PIPE, preexec_fn=die_with_parent)
                        for host in ADDRESSES}
        for keeper in self.keepers.values():
            if keeper.stdout.readline() != b"up\n":
                raise RuntimeError("no network namespace: run this as root")
        self.run("a", "ip", "link", "add", CABLE, "type", "veth", "peer", "name", CABLE,
                 "netns", str(self.keepers["b"].pid))
        for host, address in ADDRESSES.items():
            self.run(host, "ip", "address", "add", address + "/24", "dev", CABLE)
            self.run(host, "ip", "link", "set", "lo", "up")
            self.run(host, "ip", "link", "set", CABLE, "up")
        return self

    def __exit__(self, *_):
        for keeper in self.keepers.values():
            keeper.kill()
            keeper.wait()

    def command(self, host, *words):
        """The words of a command that runs on a host."""
        return ["nsenter", f"--net=/proc/{self.keepers[host].pid}/ns/net", "--", *words]

    def run(self, host, *words):
        subprocess.run(self.command(host, *words), check=True)
