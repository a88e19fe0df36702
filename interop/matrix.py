#!/usr/bin/env python3
"""Every feature, between our node and each foreign peer, both ways, over each security protocol.

  matrix.py --ours ".build/release/starling peer"         what ./dev test runs
  matrix.py --pairs go:py,py:go                           the foreign peers among themselves: proves this harness

Both sides of a pair are driven through the command language of README.md. A peer that does not start, an answer that does
not come and a feature that fails each fail the run. Exit status 0: every check passed.
"""
import argparse
import itertools
import json
import os
import queue
import shlex
import signal
import subprocess
import sys
import threading
import time

from common import ECHO, RESET, die_with_parent

HERE = os.path.dirname(os.path.abspath(__file__))
LISTEN = "/ip4/127.0.0.1/tcp/0"
# A go-libp2p node in the DHT opens a stream of this to a peer that it learns to speak it, which shows that an identify
# push reached it: its daemon does not tell what it knows of a peer's protocols.
TELLTALE = "/ipfs/kad/1.0.0"
SMALL, LARGE = 300_000, 64_000_000
CROWD = 100


class Driver:
    """A peer under command: one child process, its answers and its events."""

    def __init__(self, name, command, *flags):
        self.name = name
        self.proc = subprocess.Popen(shlex.split(command) + ["--serve", *flags], text=True, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=die_with_parent)
        self.answers, self.events, self.talk = queue.Queue(), [], []
        self.news = threading.Condition()
        for read in (self._read, self._read_talk):
            threading.Thread(target=read, daemon=True).start()
        ready = self.event("ready", 60)
        if not ready["ok"]:
            self.close()
            raise RuntimeError(f"{name} did not start: {command}: {' '.join(self.talk)[-800:]}")
        self.id, self.address = ready["id"], next(a for a in ready["addrs"] if "/ip4/127.0.0.1/tcp/" in a)

    def _read(self):
        for line in self.proc.stdout:
            try:
                obj = json.loads(line)
            except ValueError:
                continue
            if "cmd" in obj:
                self.answers.put(obj)
            else:
                with self.news:
                    self.events.append(obj)
                    self.news.notify_all()
        with self.news:
            self.events.append({"event": "gone"})
            self.news.notify_all()
        self.answers.put({"cmd": None})

    def _read_talk(self):
        for line in self.proc.stderr:
            self.talk = self.talk[-20:] + [line.strip()]

    def do(self, line, timeout=60):
        """One command and its answer."""
        try:
            self.proc.stdin.write(line + "\n")
            self.proc.stdin.flush()
        except OSError as err:
            return {"ok": False, "error": f"{self.name} is gone: {err}: {' '.join(self.talk)[-400:]}"}
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            try:
                answer = self.answers.get(timeout=left)
            except queue.Empty:
                break
            if answer["cmd"] is None:
                return {"ok": False, "error": f"{self.name} ended: {' '.join(self.talk)[-400:]}"}
            if answer["cmd"] == line.split()[0]:
                return answer
        return {"ok": False, "error": f"{self.name} gave no answer within {timeout} s"}

    def event(self, kind, timeout=10, **wanted):
        """The first event of this kind with these values, past or to come."""
        end = time.monotonic() + timeout
        with self.news:
            while True:
                for event in self.events:
                    if event.get("event") == kind and all(event.get(k) == v for k, v in wanted.items()):
                        return {**event, "ok": True}
                left = end - time.monotonic()
                if left <= 0 or any(e.get("event") == "gone" for e in self.events):
                    return {"ok": False, "error": f"{self.name} never said {kind} {wanted}"}
                self.news.wait(left)

    def close(self):
        try:
            self.proc.stdin.close()
            self.proc.terminate()
            self.proc.wait(5)
        except (OSError, subprocess.TimeoutExpired):
            self.proc.kill()
            self.proc.wait()


class Pair:
    """One dialer and one listener over one security protocol, and the checks between them."""

    def __init__(self, rows, security, dialer, listener, timeout):
        self.rows, self.security, self.dialer, self.listener, self.timeout = rows, security, dialer, listener, timeout
        self.label = f"{dialer.name}->{listener.name} {security}"

    def check(self, feature, result, note=""):
        is_good = bool(result.get("ok"))
        text = note if is_good else str(result.get("error", ""))
        self.rows.append((self.label, feature, is_good))
        print(f"{'ok  ' if is_good else 'FAIL'} {self.label:16} {feature:22} {text[:300]}", flush=True)
        return is_good

    def do(self, who, line):
        return who.do(line, self.timeout)

    def run(self):
        got = self.do(self.dialer, "connect " + self.listener.address)
        if not self.check("connect", got, f"{got.get('ms')} ms"):
            return
        self.identify(self.dialer, self.listener)
        self.identify(self.listener, self.dialer)
        got = self.do(self.dialer, "ping 100 " + self.listener.id)
        self.check("ping 100", got, f"median {got.get('median_us')} us")
        for count in (SMALL, LARGE):
            got = self.do(self.dialer, f"echo {ECHO} {count} {self.listener.id}")
            self.check(f"echo {count}", got, f"{got.get('MBps')} MB/s each way")
        if "go" not in (self.dialer.name, self.listener.name):
            got = self.do(self.dialer, f"perf 16777216 16777216 {self.listener.id}")
            self.check("perf", got, f"up {got.get('up_MBps')}, down {got.get('down_MBps')} MB/s")
        self.half_close()
        self.resets()
        self.push(self.dialer, self.listener)
        self.push(self.listener, self.dialer)
        self.concurrent()

    def identify(self, asker, asked):
        got = self.do(asker, "identify " + asked.id)
        record = got.get("signed_record") or {}
        missing = {ECHO, "/ipfs/ping/1.0.0", "/ipfs/id/1.0.0"} - set(got.get("protocols") or [])
        faults = [text for is_wrong, text in (
            (missing, f"protocols not listed: {missing}"),
            (got.get("peer_id") != asked.id, f"names itself {got.get('peer_id')}"),
            (not record.get("valid"), f"signed record: {record or 'none'}"),
            (record and record.get("peer_id") != asked.id, "signed record of another peer"),
            (record and not record.get("addrs"), "signed record without addresses")) if is_wrong]
        if got.get("ok") and faults:
            got = {"ok": False, "error": "; ".join(faults)}
        self.check(f"identify of {asked.name}", got, f"{got.get('agent')}, {len(got.get('protocols') or [])} protocols, "
                   f"signed record verified")

    def half_close(self):
        """The dialer closes for writing; what it sent still comes back, and the listener saw the end."""
        if self.listener.name == "go":  # the daemon drops what it has not sent when it has read to the end: README.md
            got = self.do(self.dialer, f"echo {ECHO} 77001 {self.listener.id}")
            self.check("half-close seen", self.listener.event("echoed", bytes=77001) if got.get("ok") else got)
            return
        got = self.do(self.dialer, f"half-close {ECHO} 77001 {self.listener.id}")
        self.check("half-close", got, "all came back" if got.get("read_after_close") else "dialer cannot read on")
        self.check("half-close seen", self.listener.event("echoed", bytes=77001, end="eof"))

    def resets(self):
        got = self.do(self.dialer, f"reset {ECHO} 1001 {self.listener.id}")
        self.check("reset", got)
        wanted = {} if self.listener.name == "go" else {"end": "reset"}
        self.check("reset seen", self.listener.event("echoed", bytes=1001, **wanted))
        got = self.do(self.dialer, f"expect-reset {RESET} {self.listener.id}")
        self.check("reset by listener", got, f"dialer saw: {got.get('end')}")

    def push(self, pusher, receiver):
        feature = f"push by {pusher.name}"
        if receiver.name == "go":
            proto = TELLTALE
            got = self.do(pusher, "handle " + proto)
            self.check(feature, pusher.event("opened", proto=proto, peer=receiver.id) if got.get("ok") else got)
            return
        proto = f"/late/{pusher.name}/1.0.0"
        got = self.do(pusher, "handle " + proto)
        if self.check(feature, self.do(receiver, f"expect-push {proto} {pusher.id}") if got.get("ok") else got):
            self.check(f"{feature}, used", self.do(receiver, f"echo {proto} 1000 {pusher.id}"))

    def concurrent(self):
        got = self.do(self.dialer, f"concurrent {CROWD} {self.listener.address}")
        if self.check(f"{CROWD} connections", got, f"{got.get('ms')} ms"):
            peers = self.do(self.listener, "peers")
            count = len(peers.get("peers", []))
            if peers.get("ok") and count <= CROWD:
                peers = {"ok": False, "error": f"the listener counts {count} peers"}
            self.check("... seen by listener", peers, f"{count} peers")
        self.do(self.dialer, "release")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--ours", metavar="COMMAND", help="our driver")
    p.add_argument("--pairs", default="go:ours,ours:go,py:ours,ours:py", help="dialer:listener,...")
    p.add_argument("--security", default="noise,tls")
    p.add_argument("--timeout", type=int, default=120, help="per command, seconds")
    p.add_argument("--deadline", type=int, default=1500, help="for the whole run, seconds")
    a = p.parse_args()
    commands = {name: f"{shlex.quote(sys.executable)} {shlex.quote(os.path.join(HERE, name + '_peer.py'))}"
                for name in ("go", "py")}
    if a.ours:
        commands["ours"] = a.ours
    flags = {"go": ["--dht", "server"]}

    def out_of_time(*_):
        raise TimeoutError(f"the run took more than {a.deadline} s")

    signal.signal(signal.SIGALRM, out_of_time)
    signal.alarm(a.deadline)
    rows, started = [], time.monotonic()
    for pair, security in itertools.product(a.pairs.split(","), a.security.split(",")):
        names, drivers = pair.split(":"), []
        try:
            for name in names:
                drivers.append(Driver(name, commands[name], "--listen", LISTEN, "--security", security,
                                      "--command-timeout", str(a.timeout - 5), *flags.get(name, [])))
            Pair(rows, security, *drivers, a.timeout).run()
        except (RuntimeError, OSError, StopIteration, KeyError) as err:
            rows.append((f"{pair} {security}", "start", False))
            print(f"FAIL {pair} {security}: {type(err).__name__}: {err}", flush=True)
        finally:
            for driver in drivers:
                driver.close()
    bad = [row[:2] for row in rows if not row[2]]
    print(json.dumps({"checks": len(rows), "failed": bad, "seconds": round(time.monotonic() - started, 1)}))
    return 1 if bad or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
