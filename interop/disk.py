#!/usr/bin/env python3
"""Whole nodes on a disk that is full, or that the kernel has made read-only.

A full disk is a small tmpfs filled to the last byte. A read-only one is an ext4 file system on a loop device that its
kernel is told to have found an error on, so that it forces the mounted file system read-only under open files. All of
it is mounted in a namespace of its own, and gone at the end. Needs root, and Linux.

  python3 interop/disk.py --ours .build/release/starling
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

from common import Node, Refused, check, wait

PAYLOAD = "." * 1024


class DiskNode(Node):
    """A node that neither finds anybody by itself nor is found."""

    def __init__(self, tool, home):
        super().__init__(tool, home, "--no-mdns", "--log-level", "warning", "--loops", "1", "--listen",
                         "/ip4/127.0.0.1/tcp/0")

    def send(self, peer, text, timeout="1ms"):
        return self.call("send", peer, text + " " + PAYLOAD, "--timeout", timeout)

    def inbox(self):
        """The first word or two of each message, in order."""
        texts, last = [], 0
        while True:
            page = self.call("inbox", "--limit", "1000", "--after", str(last))
            for message in page["messages"]:
                texts.append(message["text"].removesuffix(" " + PAYLOAD))
                last = message["position"]
            if not page["has_more"]:
                return texts

    def waiting(self):
        return self.call("status")["outbox"]["messages"]


class Disk:
    """A mounted file system, until the end of a `with`."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.unmount()

    def unmount(self):
        run("umount", self.path)


class Memory(Disk):
    """A file system in memory with little room."""

    def __init__(self, path):
        self.path = path
        os.makedirs(path)
        run("mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", path)

    def fill(self):
        """Takes the last byte."""
        descriptor = os.open(self.path + "/filler", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        byte_count = 1 << 20
        while byte_count:
            try:
                os.write(descriptor, b"\0" * byte_count)
            except OSError:
                byte_count //= 2
        os.close(descriptor)

    def make_room(self):
        os.remove(self.path + "/filler")


class Ext4(Disk):
    """An ext4 file system in a file, as a disk that may fail."""

    def __init__(self, path):
        self.path, self.image = path, path + ".img"
        os.makedirs(path)
        with open(self.image, "wb") as image:
            image.truncate(32 << 20)
        run("mkfs.ext4", "-q", "-O", "^has_journal", "-e", "remount-ro", self.image)
        self.mount()

    def mount(self, *options):
        run("mount", "-o", ",".join(["loop", "errors=remount-ro", *options]), self.image, self.path)
        found = subprocess.run(["findmnt", "-n", "-o", "SOURCE", self.path], text=True, capture_output=True, check=True)
        self.device = os.path.basename(found.stdout.strip())

    def fail(self):
        """The kernel finds an error, and takes no more writes, also of open files."""
        with open(f"/sys/fs/ext4/{self.device}/trigger_fs_error", "w") as trigger:
            trigger.write("disk.py")
        try:
            open(self.path + "/probe", "w").close()
        except OSError:
            return
        raise RuntimeError(f"{self.path} is still writable")

    def mend(self):
        """Checks the file system, as an administrator does, and mounts it again."""
        self.unmount()
        # 1: it had errors, and they are mended.
        done = subprocess.run(["e2fsck", "-fy", self.image], capture_output=True, text=True)
        if done.returncode > 1:
            raise RuntimeError("e2fsck: " + done.stdout)
        self.mount()


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def same(found, wanted, what):
    """Each of them once, in any order."""
    check(sorted(found) == sorted(wanted),
          f"{what}: missing {sorted(set(wanted) - set(found))[:5]}, too many "
          f"{sorted(text for text in set(found) if found.count(text) > wanted.count(text))[:5]}")


class Scenario:
    """Alice sends to Bob; one of the two keeps her or his home on the disk under test."""

    def __init__(self, tool, folder, disk, victim):
        self.disk = disk
        homes = {name: (disk.path if name == victim else folder) + "/" + name for name in ("alice", "bob")}
        self.alice, self.bob = DiskNode(tool, homes["alice"]), DiskNode(tool, homes["bob"])
        self.accepted, self.refusals = [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in (self.alice, self.bob):
            node.kill()
        self.disk.unmount()

    def send(self, text):
        """Whether Alice's node accepted it."""
        try:
            self.alice.send(self.bob.id, text)
        except Refused as refused:
            self.refusals.append(refused)
            return False
        self.accepted.append(text)
        return True

    def send_until_refused(self, what):
        """A disk may have room within files that stand already; some day there is none."""
        for number in range(4000):
            if not self.send(f"{what} {number}"):
                break
        check(self.refusals, f"{what}: nothing was ever refused")
        for number in range(20):
            self.send(f"{what}, still {number}")

    def check_refusals(self, words, step):
        for refused in self.refusals:
            error = refused.error
            check(error and words in error["message"], f"refused with {refused}")
            check(step in error["next_step"], f"refused with {refused}")

    def know_each_other(self):
        """Alice learns who Bob is; he is away."""
        self.bob.start()
        self.bob.stop()

    def all_arrived(self):
        wait("all that was accepted has arrived", lambda: len(self.bob.inbox()) >= len(self.accepted))
        same(self.bob.inbox(), self.accepted, "Bob's inbox")

    def goes_on(self, text):
        """One more message, to its receipt, and nothing is left."""
        report = self.alice.send(self.bob.id, text, "30s")
        check(report["state"] == "delivered", f"{text}: {report}")
        self.accepted.append(text)
        wait("Alice's outbox is empty", lambda: self.alice.waiting() == 0)
        same(self.bob.inbox(), self.accepted, "Bob's inbox")

    def accept_until(self, fault, name, words, step):
        """Alice's node accepts messages until her disk fails, refuses the others with a next step, and delivers its own."""
        self.know_each_other()
        self.alice.start()
        for number in range(30):
            check(self.send(f"before {number}"), "nothing was wrong")
        fault()
        self.send_until_refused(name)
        self.check_refusals(words, step)
        check(self.alice.waiting() == len(self.accepted), "what was accepted waits, and nothing else")
        self.bob.start(self.alice)
        self.all_arrived()

    def begin(self):
        """Both are up, and one message has arrived."""
        self.bob.start()
        self.alice.start(self.bob)
        self.goes_on("before")

    def check_kept(self, stuck):
        """What has a receipt is with Bob, and what has none is with Alice."""
        same(self.bob.inbox(), self.accepted, "what has a receipt is there, and nothing else")
        check(self.alice.waiting() == len(stuck), "Alice keeps the rest")

    def recover(self, stuck):
        """Bob's disk takes writes again: what Alice kept arrives."""
        self.accepted += stuck
        self.all_arrived()
        self.goes_on("after")
        return f"{len(stuck)} kept by the sender, {len(self.accepted)} delivered once"


def sender_full(tool, folder):
    """A full disk of the sender: nothing is falsely accepted, what was is delivered, and with room it goes on."""
    with Scenario(tool, folder, Memory(folder + "/disk"), "alice") as s:
        s.accept_until(s.disk.fill, "full", "disk is full", "Make room")
        s.disk.make_room()
        s.goes_on("after")
        s.alice.kill()
        s.alice.start(s.bob)
        s.goes_on("after a crash")
        check(s.alice.call("status")["store"] == {"damaged": [], "put_aside": []}, "nothing is damaged")
        return f"{len(s.refusals)} refused, {len(s.accepted)} accepted and delivered once"


def sender_read_only(tool, folder):
    """The sender's disk becomes read-only: the same, and once it is mended."""
    with Scenario(tool, folder, Ext4(folder + "/disk"), "alice") as s:
        s.accept_until(s.disk.fail, "read-only", "cannot be written", "Mount the disk writable")
        check(len(s.accepted) == 30, "nothing is accepted that cannot be written")
        s.alice.stop()
        s.disk.mend()
        s.alice.start(s.bob)
        s.goes_on("after")
        return f"{len(s.refusals)} refused, {len(s.accepted)} accepted and delivered once"


def recipient_full(tool, folder):
    """A full disk of the recipient: no receipt for what it has not, and the sender keeps it."""
    with Scenario(tool, folder, Memory(folder + "/disk"), "bob") as s:
        s.begin()
        s.disk.fill()
        stuck = []
        for number in range(4000):
            report = s.alice.send(s.bob.id, f"full {number}", "2s")
            (s.accepted if report["state"] == "delivered" else stuck).append(f"full {number}")
            if len(stuck) == 3:
                break
        check(len(stuck) == 3, "everything got a receipt")
        s.check_kept(stuck)
        s.disk.make_room()
        return s.recover(stuck)


def recipient_read_only(tool, folder):
    """The recipient's disk becomes read-only: no receipt, and the sender keeps what it sends."""
    with Scenario(tool, folder, Ext4(folder + "/disk"), "bob") as s:
        s.begin()
        s.disk.fail()
        stuck = [f"read-only {number}" for number in range(3)]
        for text in stuck:
            report = s.alice.send(s.bob.id, text, "2s")
            check(report["state"] != "delivered", f"a receipt for what is not durable: {report}")
        s.check_kept(stuck)
        s.bob.stop()
        s.disk.mend()
        s.bob.start(s.alice)
        return s.recover(stuck)


def starts(tool, folder):
    """A node starts on a full disk with what it has; without a key, or on a read-only disk, it says why it cannot."""
    with Memory(folder + "/full") as disk:
        node = DiskNode(tool, disk.path + "/home")
        try:
            disk.fill()
            refused = refusal(node)
            check("no space left" in refused["message"] and refused["next_step"], f"{refused}")
            disk.make_room()
            node.start()
            for number in range(5):
                node.send("12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp", f"kept {number}")
            node.kill()
            disk.fill()
            node.start()
            check(node.waiting() == 5, "what was accepted is there")
            node.stop()
        finally:
            node.kill()

    with Ext4(folder + "/read-only") as disk:
        node = DiskNode(tool, disk.path + "/home")
        try:
            node.start().stop()
            disk.unmount()
            disk.mount("ro")
            refused = refusal(node)
            check("read-only" in refused["message"] and "writable" in refused["next_step"], f"{refused}")
        finally:
            node.kill()
    return "told with the next step"


def refusal(node):
    try:
        node.start()
    except Refused as refused:
        check(refused.error, f"no error that a program can read: {refused}")
        return refused.error
    raise AssertionError("the node started")


SCENARIOS = [sender_full, recipient_full, sender_read_only, recipient_read_only, starts]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--ours", required=True, metavar="PATH", help="the tool")
    p.add_argument("--only", choices=[scenario.__name__ for scenario in SCENARIOS], help="run this one")
    p.add_argument("--mounts", action="store_true", help=argparse.SUPPRESS)
    a = p.parse_args()
    a.ours = os.path.abspath(a.ours)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if os.geteuid() != 0:
        sys.exit("FAIL disks can be mounted by root only: run this with sudo")
    if not a.mounts:
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", "--", sys.executable, *sys.argv,
                              "--mounts"])
    failed = False
    for scenario in SCENARIOS:
        if a.only not in (None, scenario.__name__):
            continue
        folder = tempfile.mkdtemp(prefix="starling-disk-")
        try:
            print(f"ok   {scenario.__name__}: {scenario(a.ours, folder)}", flush=True)
        except (AssertionError, Refused, RuntimeError, OSError, subprocess.SubprocessError) as error:
            failed = True
            print(f"FAIL {scenario.__name__}: {error}", flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
