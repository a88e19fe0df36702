#!/usr/bin/env python3
"""go-libp2p peer: drives the libp2p daemon (p2pd) over its control socket.

Every stream that the daemon opens for us is a plain byte pipe, so identify and ping below run over go-libp2p's own
transport, security, muxer and protocol negotiation, with the daemon's local socket as overhead.

The daemon ends both directions of a stream as soon as one ends, on either side. So it cannot read after it closed for
writing, cannot answer after it read to the end, and cannot tell a reset from an end: see README.md.
"""
import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import time

from common import (DIALS_AT_ONCE, ECHO, RESET, CommandError, b58decode, b58encode, base_parser, decode_identify, emit,
                    die_with_parent, free_port, ma_decode, ma_encode, parse_line, pattern, pb, proc_usage, raw_cid,
                    read_uvarint, report, split_p2p, stats, unpb, uvarint)

# control protocol request types
(IDENTIFY, CONNECT, STREAM_OPEN, STREAM_HANDLER, DHT, LIST_PEERS, CONNMANAGER,
 DISCONNECT, PUBSUB) = range(9)
DHT_TYPES = {"find_peer": 0, "find_providers": 2, "closest": 3, "get_public_key": 4,
             "get": 5, "search": 6, "put": 7, "provide": 8}


async def read_delimited(reader):
    buf = b""
    while not buf or buf[-1] & 0x80:
        buf += await reader.readexactly(1)
    return await reader.readexactly(read_uvarint(buf)[0])


async def take(sock, count):
    """Exactly `count` bytes of a raw socket: the rest stays in it, where a closing socket's peer notices it."""
    out = b""
    while len(out) < count:
        chunk = await asyncio.get_running_loop().sock_recv(sock, count - len(out))
        if not chunk:
            raise CommandError(f"stream ended after {len(out)} of {count} bytes")
        out += chunk
    return out


async def take_delimited(sock):
    head = b""
    while not head or head[-1] & 0x80:
        head += await take(sock, 1)
    return await take(sock, read_uvarint(head)[0])


async def readable(sock):
    """Waits until the socket holds a byte to read."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(sock, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sock)


class GoPeer:
    """One p2pd process and the commands the session language needs."""

    def __init__(self, p2pd, listen="/ip4/127.0.0.1/tcp/0", pubsub=False, dht="off",
                 relay_service=False, relay=None, security="any", muxer=None,
                 echo_protocol=ECHO, extra=(), on_message=None):
        self.dir = tempfile.mkdtemp(prefix="gopeer")
        self.sock = os.path.join(self.dir, "ctl")
        self.echo_protocol = echo_protocol
        self.on_message = on_message or (lambda m: None)
        self.messages = {}
        self.subscriptions = []
        self.servers = []
        self.crowd = []
        self.p2pd = p2pd
        self.security = security
        self.last = None
        listen = listen.replace("/tcp/0/ws", f"/tcp/{free_port()}/ws")
        self.argv = [p2pd, "-listen", "/unix" + self.sock, "-bootstrapPeers", ""]
        self.argv += ["-noListenAddrs"] if listen == "none" else ["-hostAddrs", listen]
        if pubsub:
            self.argv += ["-pubsub"]
        if relay and dht == "off":
            dht = "client"  # p2pd refuses autorelay without a DHT
        if dht != "off":
            self.argv += ["-dhtServer" if dht == "server" else "-dhtClient"]
        self.argv += [f"-relayService={'true' if relay_service else 'false'}"]
        if relay:
            self.argv += ["-autoRelay", "-trustedRelays", relay, "-forceReachabilityPrivate"]
        elif relay_service:
            self.argv += ["-forceReachabilityPublic"]
        if security == "noise":
            self.argv += ["-tls=false"]
        elif security == "tls":
            self.argv += ["-noise=false"]
        if muxer:
            self.argv += ["-muxer", muxer]
        self.argv += list(extra)

    async def start(self):
        self.log = open(os.path.join(self.dir, "log"), "wb")
        self.proc = await asyncio.create_subprocess_exec(
            *self.argv, stdout=self.log, stderr=self.log, preexec_fn=die_with_parent)
        for _ in range(200):
            if os.path.exists(self.sock):
                try:
                    await self.refresh()
                    break
                except OSError:
                    pass
            if self.proc.returncode is not None:
                break
            await asyncio.sleep(0.05)
        else:
            raise CommandError("p2pd did not open its control socket")
        if self.proc.returncode is not None:
            with open(self.log.name) as fh:
                raise CommandError("p2pd exited: " + fh.read()[-800:])
        await self.serve(self.echo_protocol, self._echo)
        await self.serve_resets()
        return self

    async def refresh(self):
        ident = unpb((await self.request(pb((1, IDENTIFY))))[4][0])
        self.id = b58encode(ident[1][0])
        self.addrs = [f"{ma_decode(a)}/p2p/{self.id}" for a in ident.get(2, [])]

    async def stop(self):
        await self.cmd_release()
        if self.proc.returncode is None:
            self.proc.terminate()
            try:
                await asyncio.wait_for(self.proc.wait(), 5)
            except asyncio.TimeoutError:
                self.proc.kill()
                await self.proc.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    # -- control plumbing

    async def open_request(self, body):
        reader, writer = await asyncio.open_unix_connection(self.sock)
        writer.write(uvarint(len(body)) + body)
        resp = unpb(await read_delimited(reader))
        if resp[1][0] != 0:
            writer.close()
            raise CommandError(unpb(resp[2][0])[1][0].decode(errors="replace") if 2 in resp else "error")
        return resp, reader, writer

    async def request(self, body):
        resp, _, writer = await self.open_request(body)
        writer.close()
        return resp

    async def handle(self, proto, unix_path):
        """Have the daemon hand every inbound stream of `proto` to a unix socket."""
        await self.request(pb((1, STREAM_HANDLER), (4, pb(
            (1, ma_encode("/unix" + unix_path)), (2, proto), (3, 0)))))

    async def open_stream(self, peer, proto):
        body = pb((1, STREAM_OPEN), (3, pb((1, b58decode(peer)), (2, proto), (3, 20))))
        _, reader, writer = await self.open_request(body)
        return reader, writer

    async def dht(self, kind, peer=None, cid=None, key=None, value=None, count=None, timeout=20, many=False):
        body = pb((1, DHT), (5, pb((1, DHT_TYPES[kind]), (2, peer), (3, cid), (4, key),
                                  (5, value), (6, count), (7, timeout))))
        resp, reader, writer = await self.open_request(body)
        try:
            if not many:
                return unpb(resp[5][0]) if 5 in resp else {}
            out = []
            while True:
                item = unpb(await read_delimited(reader))
                if item[1][0] == 2:
                    return out
                out.append(item)
        finally:
            writer.close()

    async def serve(self, proto, answer):
        """Answer every inbound stream of `proto` with `answer(proto, peer, reader, writer)`."""
        path = os.path.join(self.dir, f"handler{len(self.servers)}")

        async def inbound(reader, writer):
            try:
                info = unpb(await read_delimited(reader))
                peer = b58encode(info[1][0])
                emit(event="opened", proto=proto, peer=peer)
                await answer(proto, peer, reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        self.servers.append(await asyncio.start_unix_server(inbound, path))
        await self.handle(proto, path)

    async def _echo(self, proto, peer, reader, writer):
        total = 0
        try:
            while chunk := await reader.read(1 << 16):
                total += len(chunk)
                writer.write(chunk)
                await writer.drain()
        finally:
            emit(event="echoed", proto=proto, peer=peer, bytes=total, end="any")

    async def serve_resets(self):
        """Resets every inbound stream of the reset protocol: the daemon does so when its client's socket breaks, and a
        socket that is closed with unread bytes is broken."""
        path, loop = os.path.join(self.dir, "resets"), asyncio.get_running_loop()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()
        listener.setblocking(False)

        async def serve():
            while True:
                sock, _ = await loop.sock_accept(listener)
                with sock:
                    sock.setblocking(False)
                    emit(event="opened", proto=RESET, peer=b58encode(unpb(await take_delimited(sock))[1][0]))
                    await readable(sock)

        self.resets = loop.create_task(serve())
        await self.handle(RESET, path)

    async def _subscription(self, topic, reader):
        try:
            while True:
                m = unpb(await read_delimited(reader))
                data = m.get(2, [b""])[0]
                self.messages.setdefault(topic, []).append(data)
                self.on_message({"topic": topic, "from": b58encode(m[1][0]) if 1 in m else None,
                                 "bytes": len(data), "text": data[:64].decode(errors="replace")})
        except (asyncio.IncompleteReadError, OSError):
            pass

    # -- commands

    def peer(self, args, index=0):
        name = args[index] if len(args) > index else "-"
        if name != "-":
            return split_p2p(name)[1] if name.startswith("/") else name
        if not self.last:
            raise CommandError("no peer connected yet")
        return self.last

    async def cmd_connect(self, addr):
        head, peer = split_p2p(addr)
        await self.request(pb((1, CONNECT), (2, pb((1, b58decode(peer)), (2, ma_encode(head)), (3, 20)))))
        self.last = peer
        return {"peer": peer}

    async def cmd_disconnect(self, *args):
        await self.request(pb((1, DISCONNECT), (7, pb((1, b58decode(self.peer(args)))))))

    async def cmd_peers(self):
        resp = await self.request(pb((1, LIST_PEERS)))
        return {"peers": [{"id": b58encode(p[1][0]), "addrs": [ma_decode(a) for a in p.get(2, [])]}
                          for p in map(unpb, resp.get(6, []))]}

    async def cmd_addrs(self):
        await self.refresh()
        return {"id": self.id, "addrs": self.addrs}

    async def cmd_usage(self):
        rss, cpu = proc_usage(self.proc.pid)
        return {"rss_kib": rss, "cpu_s": cpu}

    async def cmd_identify(self, *args):
        peer = self.peer(args)
        reader, writer = await self.open_stream(peer, "/ipfs/id/1.0.0")
        raw = await reader.read()
        writer.close()
        merged = b""
        while raw:  # an identify answer may come as several messages, to be merged
            size, pos = read_uvarint(raw)
            merged, raw = merged + raw[pos : pos + size], raw[pos + size :]
        return decode_identify(merged)

    async def cmd_ping(self, count="10", *args):
        reader, writer = await self.open_stream(self.peer(args), "/ipfs/ping/1.0.0")
        times = []
        for i in range(int(count)):
            probe = pattern(32, i)
            start = time.perf_counter()
            writer.write(probe)
            if await reader.readexactly(32) != probe:
                raise CommandError("ping bytes differ")
            times.append(time.perf_counter() - start)
        writer.close()
        return stats(times)

    async def cmd_echo(self, proto, size, *args):
        reader, writer = await self.open_stream(self.peer(args), proto)
        data = pattern(int(size))

        async def send():
            for at in range(0, len(data), 1 << 16):
                writer.write(data[at : at + (1 << 16)])
                await writer.drain()
            # no half-close here: p2pd would close the reading side too

        start = time.perf_counter()
        sender = asyncio.create_task(send())
        back = bytearray()
        while len(back) < len(data):
            chunk = await reader.read(1 << 16)
            if not chunk:
                break
            back += chunk
        took = time.perf_counter() - start
        sender.cancel()
        writer.close()
        if back != data:
            raise CommandError(f"echo differs: sent {len(data)}, got {len(back)} bytes")
        return {"bytes": len(data), "MBps": round(len(data) / took / 1e6, 1)}

    async def cmd_half_close(self, proto, size, *args):
        reader, writer = await self.open_stream(self.peer(args), proto)
        data = pattern(int(size))
        writer.write(data)
        if await reader.readexactly(len(data)) != data:
            raise CommandError("echo differs")
        writer.write_eof()
        if await reader.read():
            raise CommandError("bytes after the end")
        writer.close()
        return {"bytes": len(data), "read_after_close": False}

    async def cmd_reset(self, proto, size, *args):
        body = pb((1, STREAM_OPEN), (3, pb((1, b58decode(self.peer(args))), (2, proto), (3, 20))))
        data, loop = pattern(int(size)), asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, self.sock)
            await loop.sock_sendall(sock, uvarint(len(body)) + body)
            answer = unpb(await take_delimited(sock))
            if answer[1][0] != 0:
                raise CommandError(unpb(answer[2][0])[1][0].decode(errors="replace"))
            await loop.sock_sendall(sock, data)
            if await take(sock, len(data) - 1) != data[:-1]:
                raise CommandError("echo differs")
            await readable(sock)  # closed with a byte unread: see serve_resets
        return {"bytes": len(data)}

    async def cmd_expect_reset(self, proto, *args):
        reader, writer = await self.open_stream(self.peer(args), proto)
        writer.write(b"x")
        got = await reader.read()
        writer.close()
        if got:
            raise CommandError(f"{len(got)} bytes instead of a reset")
        return {"end": "any"}

    async def cmd_handle(self, proto):
        await self.serve(proto, self._echo)

    async def cmd_concurrent(self, count, addr):
        crowd = [GoPeer(self.p2pd, "none", security=self.security) for _ in range(int(count))]
        self.crowd += crowd
        gate = asyncio.Semaphore(DIALS_AT_ONCE)

        async def dial(peer):
            async with gate:
                await peer.start()
                await peer.cmd_connect(addr)

        await asyncio.gather(*map(dial, crowd))
        await asyncio.gather(*(peer.cmd_ping("1") for peer in crowd))
        return {"connections": len(crowd)}

    async def cmd_release(self):
        crowd, self.crowd = self.crowd, []
        await asyncio.gather(*(peer.stop() for peer in crowd))

    async def cmd_perf(self, *args):
        raise CommandError("p2pd cannot half-close a stream (it closes both ways), which "
                           "/perf/1.0.0 needs; use echo here and perf from py_peer.py")

    async def cmd_sub(self, topic):
        _, reader, writer = await self.open_request(pb((1, PUBSUB), (8, pb((1, 3), (2, topic)))))
        self.messages.setdefault(topic, [])
        task = asyncio.get_running_loop().create_task(self._subscription(topic, reader))
        self.subscriptions.append((task, writer))  # both must stay referenced

    async def cmd_pub(self, topic, text, count="1"):
        for i in range(int(count)):
            data = text if count == "1" else f"{text} #{i}"
            await self.request(pb((1, PUBSUB), (8, pb((1, 2), (2, topic), (3, data)))))

    async def cmd_topic_peers(self, topic):
        resp = await self.request(pb((1, PUBSUB), (8, pb((1, 1), (2, topic)))))
        return {"peers": [b58encode(p) for p in unpb(resp[7][0]).get(2, [])] if 7 in resp else []}

    async def cmd_expect(self, topic, count, text=""):
        hits = lambda: sum(m.startswith(text.encode()) for m in self.messages.get(topic, []))
        while hits() < int(count):
            await asyncio.sleep(0.005)
        return {"got": hits()}

    async def cmd_put_pk(self, peer=None):
        ident = b58decode(peer or self.id)  # an Ed25519 id embeds its public key
        await self.dht("put", key=b"/pk/" + ident, value=ident[2:])
        return {"peer": b58encode(ident)}

    async def cmd_get_pk(self, peer):
        ident = b58decode(peer)
        got = (await self.dht("get", key=b"/pk/" + ident)).get(3, [b""])[0]
        if got != ident[2:]:
            raise CommandError(f"value {got.hex()} is not the key in the id")

    async def cmd_put(self, key, value):
        await self.dht("put", key=key.encode(), value=value.encode())

    async def cmd_get(self, key, expected=None):
        got = (await self.dht("get", key=key.encode()))[3][0].decode(errors="replace")
        if expected is not None and got != expected:
            raise CommandError(f"got {got!r}")
        return {"value": got}

    async def cmd_provide(self, text):
        await self.dht("provide", cid=raw_cid(text))

    async def cmd_providers(self, text, wanted=None):
        found = [unpb(i[2][0]) for i in await self.dht("find_providers", cid=raw_cid(text), count=20, many=True)]
        ids = [b58encode(p[1][0]) for p in found]
        if not ids or (wanted and wanted not in ids):
            raise CommandError(f"providers: {ids}")
        return {"providers": ids}

    async def cmd_find_peer(self, peer):
        info = unpb((await self.dht("find_peer", peer=b58decode(peer)))[2][0])
        return {"id": b58encode(info[1][0]), "addrs": [ma_decode(a) for a in info.get(2, [])]}

    async def cmd_wait_peer(self, peer, seconds="20"):
        deadline = time.monotonic() + float(seconds)
        while time.monotonic() < deadline:
            if any(p["id"] == peer for p in (await self.cmd_peers())["peers"]):
                self.last = peer
                return
            await asyncio.sleep(0.1)
        raise CommandError("not connected")

    async def cmd_sleep(self, seconds):
        await asyncio.sleep(float(seconds))

    async def run(self, line, timeout):
        name, args = parse_line(line)
        if not name:
            return True
        start = time.perf_counter()
        try:
            method = getattr(self, "cmd_" + name.replace("-", "_"), None)
            if method is None:
                raise CommandError("unknown command")
            report(name, args, start, await asyncio.wait_for(method(*args), timeout))
            return True
        except (CommandError, OSError, asyncio.IncompleteReadError, asyncio.TimeoutError,
                KeyError, ValueError, TypeError) as err:
            report(name, args, start, error=str(err) or type(err).__name__)
            return False


async def main():
    p = base_parser(__doc__)
    p.add_argument("--p2pd", default=os.environ.get("P2PD", "p2pd"), help="daemon binary ($P2PD)")
    p.add_argument("--security", choices=["any", "noise", "tls"], default="any")
    p.add_argument("--muxer", help="daemon -muxer value, e.g. yamux or mplex")
    p.add_argument("--extra", default="", help="more p2pd flags, space-separated")
    a = p.parse_args()
    peer = GoPeer(a.p2pd, a.listen, a.pubsub, a.dht, a.relay_service, a.relay, a.security, a.muxer,
                  a.echo_protocol, a.extra.split(), lambda m: emit(event="message", **m))
    ok = True
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    try:
        try:
            await peer.start()
        except (CommandError, OSError) as err:
            emit(event="failed", error=str(err))
            return 2
        emit(event="ready", impl="go", id=peer.id, addrs=peer.addrs, pid=peer.proc.pid)
        for line in [f"connect {c}" for c in a.connect] + a.do:
            ok = await peer.run(line, a.timeout) and ok
        if a.serve:
            read = lambda: asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
            while (line := await read()) and line.strip() != "quit":
                ok = await peer.run(line, a.timeout) and ok
        await asyncio.sleep(a.stay)
    finally:
        await peer.stop()
    return 0 if ok else 1


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except (asyncio.CancelledError, KeyboardInterrupt):
        sys.exit(143)
