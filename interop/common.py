"""What the drivers of foreign peers share.

Varints, a schema-free protobuf reader and writer, multiaddr and peer-id codecs, the check of a signed peer record,
statistics, and the flags and the reporting of the command language (README.md) that every driver speaks; and nodes of
our tool, for the scripts that run whole ones.
"""
import argparse
import ctypes
import hashlib
import ipaddress
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time

# ---------------------------------------------------------------- varint / pb


def uvarint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def read_uvarint(buf, pos=0):
    shift = value = 0
    while True:
        byte = buf[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, pos
        shift += 7


def pb(*fields):
    """Encode (number, value) pairs; None values are skipped.

    int/bool -> varint, bytes/str -> length-delimited, list -> repeated.
    """
    out = bytearray()
    for number, value in fields:
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if item is None:
                continue
            if isinstance(item, int):
                out += uvarint(number << 3) + uvarint(item & (2**64 - 1))
            else:
                if isinstance(item, str):
                    item = item.encode()
                out += uvarint(number << 3 | 2) + uvarint(len(item)) + item
    return bytes(out)


def unpb(buf):
    """Decode a protobuf message to {field number: [values]}."""
    fields, pos = {}, 0
    while pos < len(buf):
        tag, pos = read_uvarint(buf, pos)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, pos = read_uvarint(buf, pos)
        elif wire == 2:
            size, pos = read_uvarint(buf, pos)
            value, pos = bytes(buf[pos : pos + size]), pos + size
        elif wire == 1:
            value, pos = bytes(buf[pos : pos + 8]), pos + 8
        elif wire == 5:
            value, pos = bytes(buf[pos : pos + 4]), pos + 4
        else:
            raise ValueError(f"wire type {wire}")
        fields.setdefault(number, []).append(value)
    return fields


# ------------------------------------------------------- base58, ids, addrs

_B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def b58encode(data):
    number, out = int.from_bytes(data, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        out = _B58[rest] + out
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + out


def b58decode(text):
    number = 0
    for char in text:
        number = number * 58 + _B58.index(char)
    body = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return b"\0" * (len(text) - len(text.lstrip("1"))) + body


def peer_id_from_public_key(key_pb):
    """Peer id (multihash bytes) of a protobuf-encoded public key."""
    if len(key_pb) <= 42:
        return b"\x00" + uvarint(len(key_pb)) + key_pb
    return b"\x12\x20" + hashlib.sha256(key_pb).digest()


def provider_key(text):
    """Key of a provider record: an identity multihash."""
    raw = text.encode()
    return b"\x00" + uvarint(len(raw)) + raw


def raw_cid(text):
    """CIDv1(raw) of that key, for APIs that take a CID."""
    return b"\x01\x55" + provider_key(text)


# name: (code, size in bits, or -1 for length-prefixed)
_MA = {
    "ip4": (4, 32), "tcp": (6, 16), "ip6": (41, 128), "dns": (53, -1),
    "dns4": (54, -1), "dns6": (55, -1), "dnsaddr": (56, -1), "udp": (273, 16),
    "p2p-circuit": (290, 0), "unix": (400, -1), "p2p": (421, -1),
    "tls": (448, 0), "sni": (449, -1), "noise": (454, 0), "quic": (460, 0),
    "quic-v1": (461, 0), "webtransport": (465, 0), "certhash": (466, -1),
    "ws": (477, 0), "wss": (478, 0), "webrtc-direct": (280, 0),
}
_MA_BY_CODE = {code: (name, size) for name, (code, size) in _MA.items()}


def ma_encode(text):
    out, parts = b"", text.strip("/").split("/")
    while parts:
        name = parts.pop(0)
        code, size = _MA[name]
        out += uvarint(code)
        if size == 0:
            continue
        if name == "unix":
            arg, parts = ("/" + "/".join(parts)).encode(), []
            out += uvarint(len(arg)) + arg
            continue
        arg = parts.pop(0)
        if name in ("ip4", "ip6"):
            out += ipaddress.ip_address(arg).packed
        elif size == 16:
            out += int(arg).to_bytes(2, "big")
        else:
            raw = b58decode(arg) if name == "p2p" else arg.encode()
            out += uvarint(len(raw)) + raw
    return out


def ma_decode(buf):
    out, pos = "", 0
    while pos < len(buf):
        code, pos = read_uvarint(buf, pos)
        if code not in _MA_BY_CODE:
            return out + f"/unknown-{code}/" + buf[pos:].hex()
        name, size = _MA_BY_CODE[code]
        out += "/" + name
        if size == 0:
            continue
        if size < 0:
            length, pos = read_uvarint(buf, pos)
        else:
            length = size // 8
        raw, pos = bytes(buf[pos : pos + length]), pos + length
        if name in ("ip4", "ip6"):
            out += "/" + str(ipaddress.ip_address(raw))
        elif size == 16:
            out += "/" + str(int.from_bytes(raw, "big"))
        elif name == "p2p":
            out += "/" + b58encode(raw)
        elif name == "certhash":
            out += "/0x" + raw.hex()
        else:
            out += "/" + raw.decode(errors="replace").lstrip("/")
    return out


def split_p2p(addr):
    """'/ip4/../tcp/../p2p/ID' -> (transport address, ID)."""
    head, sep, tail = addr.rpartition("/p2p/")
    if not sep:
        raise ValueError(f"no /p2p/ peer id in {addr}")
    return head, tail.split("/")[0]


def check_signed_record(envelope):
    """What a signed peer record says, and whether its signature holds (Ed25519 keys only)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    f = unpb(envelope)
    key, kind, payload, signature = f[1][-1], f[2][-1], f[3][-1], f[5][-1]
    record = unpb(payload)
    signed = b"".join(uvarint(len(part)) + part for part in (b"libp2p-peer-record", kind, payload))
    try:
        Ed25519PublicKey.from_public_bytes(unpb(key)[2][-1]).verify(signature, signed)
        is_valid = kind == b"\x03\x01" and record[1][-1] == peer_id_from_public_key(key)
    except InvalidSignature:
        is_valid = False
    return {"valid": is_valid, "peer_id": b58encode(record[1][-1]), "seq": record.get(2, [0])[-1],
            "addrs": [ma_decode(unpb(a)[1][-1]) for a in record.get(3, [])]}


def decode_identify(buf):
    f = unpb(buf)
    text = lambda n: f[n][-1].decode(errors="replace") if n in f else None
    return {
        "agent": text(6),
        "protocol_version": text(5),
        "protocols": sorted(p.decode() for p in f.get(3, [])),
        "listen_addrs": [ma_decode(a) for a in f.get(2, [])],
        "observed_addr": ma_decode(f[4][-1]) if f.get(4) else None,
        "peer_id": b58encode(peer_id_from_public_key(f[1][-1])) if 1 in f else None,
        "signed_record": check_signed_record(f[8][-1]) if 8 in f else None,
    }


# ------------------------------------------------------------------ numbers


def stats(seconds):
    """Summary of a list of durations, in microseconds."""
    s = sorted(seconds)
    if not s:
        return {"n": 0}
    pick = lambda q: round(s[min(len(s) - 1, int(q * len(s)))] * 1e6, 1)
    return {"n": len(s), "min_us": round(s[0] * 1e6, 1), "median_us": pick(0.5),
            "p90_us": pick(0.9), "p99_us": pick(0.99), "max_us": round(s[-1] * 1e6, 1)}


def pattern(n, seed=7):
    """n reproducible, non-repeating bytes."""
    return hashlib.shake_256(b"%d" % seed).digest(n)


def proc_usage(pid):
    """(resident KiB, CPU seconds) of a process."""
    with open(f"/proc/{pid}/status") as fh:
        rss = next(int(l.split()[1]) for l in fh if l.startswith("VmRSS"))
    with open(f"/proc/{pid}/stat") as fh:
        parts = fh.read().rsplit(")", 1)[1].split()
    return rss, (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def die_with_parent():
    """preexec_fn: have the kernel end a child whose driver was killed (Linux)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


# ------------------------------------------------------------- our own nodes

PATIENCE = 60  # seconds that a command, or anything that is waited for, may take


class Refused(Exception):
    """What the tool or a node told when it did not do what it was asked."""

    def __init__(self, talk):
        super().__init__(talk.strip()[-800:])
        lines = [line for line in talk.splitlines() if '"error"' in line]
        self.error = json.loads(lines[-1]).get("error") if lines else None


class Tool:
    """A command of our tool that runs until it is stopped, and its first line of output."""

    def __init__(self, *words):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(words, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, preexec_fn=die_with_parent)
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.log.seek(0)
            raise Refused(self.log.read())
        self.ready = json.loads(line)

    def ask(self, command):
        """Its answer to a line of input."""
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        """Asks it to end, and makes it end; whether it did as asked."""
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
                return False
        return True

    def kill(self):
        self.process.kill()
        self.process.wait()


class Node:
    """One `starling up`, whose home outlives its process."""

    def __init__(self, tool, home, *flags, command=lambda *words: words):
        """`command` makes of the words of a command those that run it where the node is to be."""
        self.tool, self.home, self.flags, self.command = tool, home, flags, command
        self.running = None

    def start(self, bootstrap=None):
        more = ["--bootstrap", bootstrap.address] if bootstrap else []
        self.running = Tool(*self.command(self.tool, "up", "--home", self.home, "--json", *self.flags, *more))
        self.ready_at = time.monotonic()
        self.id, self.address = self.running.ready["peer_id"], self.running.ready["addrs"][0]
        return self

    def call(self, *words):
        """The tool's answer; raises Refused with the error that it tells."""
        done = subprocess.run([self.tool, *words, "--home", self.home, "--json"], text=True, capture_output=True,
                              timeout=PATIENCE)
        if done.returncode != 0:
            raise Refused(done.stderr)
        return json.loads(done.stdout)

    def stop(self):
        check(not self.running or self.running.stop(), "the node did not stop when asked to")

    def kill(self):
        if self.running:
            self.running.kill()


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def wait(what, condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, f"{what}: not within {seconds} s")
        time.sleep(0.02)


# ------------------------------------------------------- the driver's session


def emit(**obj):
    print(json.dumps(obj, default=str), flush=True)


def base_parser(description):
    p = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=COMMANDS,
    )
    p.add_argument("--connect", metavar="MULTIADDR", action="append", default=[],
                   help="dial this peer first (its address with /p2p/ID); it becomes peer '-'")
    p.add_argument("--do", metavar="CMD", action="append", default=[],
                   help="run a command (see below); repeatable, in order")
    p.add_argument("--serve", action="store_true",
                   help="then stay up, taking commands from standard input until 'quit' or EOF")
    p.add_argument("--stay", type=float, metavar="S", default=0,
                   help="then stay up for S seconds, reading no input")
    p.add_argument("--listen", metavar="ADDRS", default="/ip4/127.0.0.1/tcp/0",
                   help="comma-separated listen multiaddrs, or 'none'")
    p.add_argument("--echo-protocol", default=ECHO, help="protocol id echoed back to callers")
    p.add_argument("--pubsub", action="store_true", help="start gossipsub")
    p.add_argument("--dht", choices=["off", "client", "server"], default="off")
    p.add_argument("--relay-service", action="store_true", help="serve circuit v2 to others")
    p.add_argument("--relay", metavar="MULTIADDR", help="reserve a slot on this relay and be reachable through it")
    p.add_argument("--command-timeout", dest="timeout", type=float, default=30, help="per command, seconds")
    return p


COMMANDS = """\
commands ('-' or nothing for PEER: the last peer connected to; PEER may be an id):
  connect MULTIADDR            dial
  disconnect [PEER]
  peers                        list connected peers
  identify [PEER]              ask /ipfs/id/1.0.0 and print everything it says
  ping N [PEER]                N round trips of /ipfs/ping/1.0.0 on one stream
  echo PROTO BYTES [PEER]      send BYTES while reading them back, compare, close
  half-close PROTO BYTES [PEER]  send BYTES, close for writing, then read them all back and the end
  reset PROTO BYTES [PEER]     send BYTES, read them back, reset the stream
  expect-reset PROTO [PEER]    send one byte and wait until the far side resets the stream
  handle PROTO                 echo PROTO too, and tell the connected peers (identify push)
  expect-push PROTO [PEER] [S] wait until that peer is known to speak PROTO, without asking it
  concurrent N MULTIADDR       N connections, each from an identity of its own, each pinged once; held until
  release                      ... this
  perf UP DOWN [PEER]          /perf/1.0.0 upload and download
  sub TOPIC                    subscribe; each message is printed as {"event":"message"}
  pub TOPIC TEXT [N]           publish N (default 1) messages 'TEXT' or 'TEXT #i'
  expect TOPIC N [TEXT]        wait until N messages (starting with TEXT) came in
  put-pk [PEER_ID]             DHT put of the one record every implementation accepts:
                               /pk/<own id> -> own public key
  get-pk PEER_ID               DHT get of /pk/<id>, checked against the id
  put KEY VALUE | get KEY [EXPECTED]    DHT value under an arbitrary key
  provide TEXT | providers TEXT [ID]    provider record for CIDv1(raw, identity(TEXT)); [ID] must be among them
  find-peer ID                 DHT peer routing
  wait-peer ID [S]             wait until connected to (or told by mDNS of) ID
  sleep S
exit status: 0 when every command succeeded, 1 otherwise, 2 when the peer failed to start."""

ECHO = "/echo/1.0.0"
# Every driver resets an inbound stream of this protocol at its first byte.
RESET = "/reset/1.0.0"
# A listener meets this many dials of `concurrent` at a time: go-libp2p limits its half-open connections.
DIALS_AT_ONCE = 8


class CommandError(Exception):
    pass


def parse_line(line):
    words = shlex.split(line)
    return (words[0], words[1:]) if words else (None, [])


def report(cmd, args, started, result=None, error=None):
    obj = {"cmd": cmd, "args": args, "ok": error is None,
           "ms": round((time.perf_counter() - started) * 1e3, 3)}
    if result:
        obj.update(result)
    if error is not None:
        obj["error"] = error
    emit(**obj)


if __name__ == "__main__":  # self-test
    a = "/ip4/127.0.0.1/udp/4001/quic-v1/p2p/12D3KooWJaL9ghGau2RSf1m7oYZxHWCNQD4JFviLsbdYqZQPnvhA"
    assert ma_decode(ma_encode(a)) == a, ma_decode(ma_encode(a))
    assert ma_decode(ma_encode("/ip4/1.2.3.4/tcp/1/ws/p2p-circuit")) == "/ip4/1.2.3.4/tcp/1/ws/p2p-circuit"
    assert unpb(pb((1, 300), (2, "x"), (3, [b"a", b"b"]))) == {1: [300], 2: [b"x"], 3: [b"a", b"b"]}
    print("ok", file=sys.stderr)
