#!/usr/bin/env python3
"""py-libp2p peer (PyPI `libp2p`): the same command language as go_peer.py.

Run it with the Python of a venv that has `libp2p` (setup.sh makes one).
Transports follow the listen addresses, for dialling too, so --listen should
name every transport a dial will need.
"""
import contextlib
import logging
import os
import socket
import struct
import sys
import time

import trio
from libp2p.network.stream.exceptions import StreamEOF, StreamError, StreamReset
from multiaddr import Multiaddr

from common import (DIALS_AT_ONCE, ECHO, RESET, CommandError, b58decode, b58encode, base_parser, decode_identify, emit,
                    free_port, parse_line, pattern, proc_usage, provider_key, read_uvarint, report,
                    split_p2p, stats)

ALL = "/ip4/127.0.0.1/tcp/0,/ip4/127.0.0.1/udp/0/quic-v1,/ip4/127.0.0.1/tcp/0/ws"


async def read_exactly(stream, count):
    buf = b""
    while len(buf) < count:
        chunk = await stream.read(count - len(buf))
        if not chunk:
            raise CommandError(f"stream ended after {len(buf)} of {count} bytes")
        buf += chunk
    return buf


async def read_to_end(stream):
    buf = b""
    with contextlib.suppress(Exception):
        while chunk := await stream.read(1 << 16):
            buf += chunk
    return buf


def was_reset(stream, err):
    """Whether a stream ended by reset: once py-libp2p has forgotten a reset stream, it reports an end of it."""
    return isinstance(err, StreamReset) or getattr(stream.muxed_stream, "reset_received", False)


class PyPeer:
    def __init__(self, listen=ALL, pubsub=False, dht="off", relay_service=False, relay=None,
                 security="any", muxer="YAMUX", echo_protocol=ECHO, mdns=False,
                 rendezvous=False, on_message=None):
        self.options = dict(pubsub=pubsub, dht=dht, relay_service=relay_service, relay=relay,
                            rendezvous=rendezvous)
        self.echo_protocol = echo_protocol
        self.on_message = on_message or (lambda m: None)
        self.messages = {}
        self.last = None
        self.security, self.muxer = security, muxer
        self.crowd = []
        from libp2p import new_host
        from libp2p.crypto.ed25519 import create_new_key_pair
        from libp2p.crypto.x25519 import create_new_key_pair as x25519
        from libp2p.security.noise.transport import PROTOCOL_ID as NOISE, Transport as Noise
        from libp2p.security.tls.transport import PROTOCOL_ID as TLS, TLSTransport
        keys = create_new_key_pair()
        secure = {"noise": {NOISE: Noise(keys, noise_privkey=x25519().private_key)},
                  "tls": {TLS: TLSTransport(keys)}}
        secure["any"] = {**secure["noise"], **secure["tls"]}
        self.listen = [] if listen == "none" else [
            Multiaddr(a.replace("/tcp/0", f"/tcp/{free_port()}")
                      .replace("/udp/0", f"/udp/{free_port(socket.SOCK_DGRAM)}"))
            for a in listen.split(",")]
        self.host = new_host(key_pair=keys, sec_opt=secure[security], muxer_preference=muxer,
                             listen_addrs=self.listen or None, enable_mDNS=mdns)
        self.id = str(self.host.get_id())

    @contextlib.asynccontextmanager
    async def running(self):
        from libp2p.tools.anyio_service import background_trio_service
        o = self.options
        async with contextlib.AsyncExitStack() as stack:
            self.nursery = await stack.enter_async_context(trio.open_nursery())
            stack.callback(self.nursery.cancel_scope.cancel)
            await stack.enter_async_context(self.host.run(listen_addrs=self.listen))
            service = lambda s: stack.enter_async_context(background_trio_service(s))
            self.host.set_stream_handler(self.echo_protocol, lambda s: self._echo(self.echo_protocol, s))
            self.host.set_stream_handler(RESET, self._reset)
            from libp2p.host.ping import ID as PING, handle_ping
            self.host.set_stream_handler(PING, handle_ping)
            from libp2p.perf import PerfService
            self.perf_service = PerfService(self.host)
            await self.perf_service.start()
            if o["pubsub"]:
                from libp2p.pubsub import gossipsub as g
                from libp2p.pubsub.pubsub import Pubsub
                self.router = g.GossipSub(
                    [g.PROTOCOL_ID_V12, g.PROTOCOL_ID_V11, g.PROTOCOL_ID], 6, 5, 12,
                    heartbeat_initial_delay=0.1, heartbeat_interval=1,
                    spam_protection_enabled=False, eclipse_protection_enabled=False)
                self.pubsub = Pubsub(self.host, self.router, strict_signing=True)
                await service(self.pubsub)
                await service(self.router)
                await self.pubsub.wait_until_ready()
            if o["dht"] != "off":
                from libp2p.kad_dht.kad_dht import DHTMode, KadDHT
                self.dht = KadDHT(self.host, DHTMode[o["dht"].upper()])
                await service(self.dht)
            if o["relay_service"] or o["relay"]:
                from libp2p.relay.circuit_v2 import protocol as c
                from libp2p.relay.circuit_v2.config import RelayConfig, RelayRole
                from libp2p.relay.circuit_v2.resources import RelayLimits
                from libp2p.relay.circuit_v2.transport import CircuitV2Transport
                limits = RelayLimits(duration=3600, data=1 << 30, max_circuit_conns=64, max_reservations=64)
                roles = RelayRole.STOP | RelayRole.CLIENT | (RelayRole.HOP if o["relay_service"] else RelayRole.STOP)
                proto = c.CircuitV2Protocol(self.host, limits=limits, allow_hop=o["relay_service"])
                self.host.set_stream_handler(c.STOP_PROTOCOL_ID, proto._handle_stop_stream)
                if o["relay_service"]:
                    self.host.set_stream_handler(c.PROTOCOL_ID, proto._handle_hop_stream)
                await service(proto)
                self.circuit = CircuitV2Transport(self.host, proto, RelayConfig(roles=roles, limits=limits))
            if o["rendezvous"]:
                from libp2p.discovery.rendezvous.service import RendezvousService
                self.rendezvous = RendezvousService(self.host)
            yield self

    @property
    def addrs(self):
        return [str(a) if "/p2p/" in str(a) else f"{a}/p2p/{self.id}" for a in self.host.get_addrs()]

    async def _echo(self, proto, stream):
        total, peer = 0, str(stream.muxed_conn.peer_id)
        emit(event="opened", proto=proto, peer=peer)
        try:
            while True:
                chunk = await stream.read(1 << 16)
                total += len(chunk)
                await stream.write(chunk)
        except (StreamEOF, StreamReset) as err:
            end = "reset" if was_reset(stream, err) else "eof"
        except StreamError as err:
            end = f"{type(err).__name__}: {err}"
        emit(event="echoed", proto=proto, peer=peer, bytes=total, end=end)
        with contextlib.suppress(Exception):
            await stream.close()

    async def _reset(self, stream):
        emit(event="opened", proto=RESET, peer=str(stream.muxed_conn.peer_id))
        await stream.read(1)
        await stream.reset()

    async def _subscription(self, topic, sub):
        while True:
            m = await sub.get()
            self.messages.setdefault(topic, []).append(m.data)
            self.on_message({"topic": topic, "from": b58encode(m.from_id), "bytes": len(m.data),
                             "text": m.data[:64].decode(errors="replace")})

    # -- commands

    def peer_id(self, text):
        from libp2p.peer.id import ID
        return ID(b58decode(text))

    def peer(self, args, index=0):
        name = args[index] if len(args) > index else "-"
        if name != "-":
            return self.peer_id(split_p2p(name)[1] if name.startswith("/") else name)
        if not self.last:
            raise CommandError("no peer connected yet")
        return self.last

    async def cmd_connect(self, addr):
        from libp2p.peer.peerinfo import info_from_p2p_addr
        if "/p2p-circuit" in addr:
            await self.circuit.dial(Multiaddr(addr))
            self.last = self.peer_id(addr.rpartition("/p2p/")[2])
        else:
            info = info_from_p2p_addr(Multiaddr(addr))
            await self.host.connect(info)
            self.last = info.peer_id
        if self.options["dht"] != "off":
            await self.dht.add_peer(self.last)
        return {"peer": str(self.last)}

    async def cmd_reserve(self, addr):
        await self.cmd_connect(addr)
        finder = self.circuit.discovery
        await finder._add_relay(self.last)  # there is no public way to name one relay
        info = finder.get_relay_info(self.last)
        if not (info and info.has_reservation) and not await finder.make_reservation(self.last):
            raise CommandError("reservation refused")

    async def cmd_disconnect(self, *args):
        await self.host.disconnect(self.peer(args))

    async def cmd_peers(self):
        return {"peers": [str(p) for p in self.host.get_connected_peers()]}

    async def cmd_addrs(self):
        return {"id": self.id, "addrs": self.addrs}

    async def cmd_usage(self):
        rss, cpu = proc_usage(os.getpid())
        return {"rss_kib": rss, "cpu_s": cpu}

    async def open(self, peer, proto):
        return await self.host.new_stream(peer, [proto])

    async def cmd_identify(self, *args):
        stream = await self.open(self.peer(args), "/ipfs/id/1.0.0")
        raw, merged = await read_to_end(stream), b""
        await stream.close()
        while raw:
            size, pos = read_uvarint(raw)
            merged, raw = merged + raw[pos : pos + size], raw[pos + size :]
        return decode_identify(merged)

    async def cmd_ping(self, count="10", *args):
        stream = await self.open(self.peer(args), "/ipfs/ping/1.0.0")
        times = []
        for i in range(int(count)):
            probe = pattern(32, i)
            start = time.perf_counter()
            await stream.write(probe)
            if await read_exactly(stream, 32) != probe:
                raise CommandError("ping bytes differ")
            times.append(time.perf_counter() - start)
        await stream.close()
        return stats(times)

    async def cmd_echo(self, proto, size, *args):
        stream = await self.open(self.peer(args), proto)
        data, back = pattern(int(size)), bytearray()

        async def send():
            for at in range(0, len(data), 1 << 16):
                await stream.write(data[at : at + (1 << 16)])

        start = time.perf_counter()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            while len(back) < len(data):
                chunk = await stream.read(1 << 16)
                if not chunk:
                    break
                back += chunk
            nursery.cancel_scope.cancel()
        took = time.perf_counter() - start
        with contextlib.suppress(Exception):
            await stream.close()
        if back != data:
            raise CommandError(f"echo differs: sent {len(data)}, got {len(back)} bytes")
        return {"bytes": len(data), "MBps": round(len(data) / took / 1e6, 1)}

    async def cmd_half_close(self, proto, size, *args):
        stream = await self.open(self.peer(args), proto)
        data, back = pattern(int(size)), b""
        await stream.write(data)
        await stream.close_write()
        while True:
            try:
                back += await stream.read(1 << 16)
            except StreamEOF:
                break
        await stream.close()
        if back != data:
            raise CommandError(f"sent {len(data)}, got {len(back)} bytes after closing for writing")
        return {"bytes": len(data), "read_after_close": True}

    async def cmd_reset(self, proto, size, *args):
        stream = await self.open(self.peer(args), proto)
        data = pattern(int(size))
        await stream.write(data)
        if await read_exactly(stream, len(data)) != data:
            raise CommandError("echo differs")
        await stream.reset()
        return {"bytes": len(data)}

    async def cmd_expect_reset(self, proto, *args):
        stream = await self.open(self.peer(args), proto)
        await stream.write(b"x")
        try:
            got = await stream.read(1)
        except (StreamEOF, StreamReset) as err:
            if was_reset(stream, err):
                return {"end": "reset"}
            raise CommandError("an orderly end instead of a reset")
        raise CommandError(f"{len(got)} bytes instead of a reset")

    async def cmd_handle(self, proto):
        from libp2p.identity.identify_push.identify_push import push_identify_to_peers
        self.host.set_stream_handler(proto, lambda s: self._echo(proto, s))
        await push_identify_to_peers(self.host)

    async def cmd_expect_push(self, proto, *args):
        peer = self.peer(args)
        while proto not in self.host.get_peerstore().get_protocols(peer):
            await trio.sleep(0.02)

    async def cmd_concurrent(self, count, addr):
        gate, release, made = trio.Semaphore(DIALS_AT_ONCE), trio.Event(), []

        async def hold(task_status):
            peer = PyPeer("none", security=self.security, muxer=self.muxer, echo_protocol=self.echo_protocol)
            async with peer.running():
                async with gate:
                    await peer.cmd_connect(addr)
                await peer.cmd_ping("1")
                made.append(peer)
                task_status.started()
                await release.wait()

        self.crowd.append(release)
        async with trio.open_nursery() as starting:
            for _ in range(int(count)):
                starting.start_soon(self.nursery.start, hold)
        return {"connections": len(made)}

    async def cmd_release(self):
        while self.crowd:
            self.crowd.pop().set()

    async def cmd_perf(self, up, down, *args):
        up, down = int(up), int(down)
        stream = await self.open(self.peer(args), "/perf/1.0.0")
        start = time.perf_counter()
        await stream.write(struct.pack(">Q", down))
        block, left = bytes(1 << 16), up
        while left:
            await stream.write(block[: min(left, len(block))])
            left -= min(left, len(block))
        await stream.close_write()
        got, first = 0, None
        while got < down:
            chunk = await stream.read(1 << 18)
            if not chunk:
                break
            first = first or time.perf_counter()
            got += len(chunk)
        end = time.perf_counter()
        with contextlib.suppress(Exception):
            await stream.close()
        if got != down:
            raise CommandError(f"perf: asked for {down}, got {got} bytes")
        return {"up_MBps": round(up / ((first or end) - start) / 1e6, 1),
                "down_MBps": round(down / (end - (first or start)) / 1e6, 1) if down else None}

    async def cmd_sub(self, topic):
        sub = await self.pubsub.subscribe(topic)
        self.messages.setdefault(topic, [])
        self.nursery.start_soon(self._subscription, topic, sub)

    async def cmd_pub(self, topic, text, count="1"):
        for i in range(int(count)):
            await self.pubsub.publish(topic, (text if count == "1" else f"{text} #{i}").encode())

    async def cmd_topic_peers(self, topic):
        return {"peers": [str(p) for p in self.pubsub.peer_topics.get(topic, [])],
                "mesh": [str(p) for p in self.router.mesh.get(topic, [])],
                "protocol": {str(p): str(v) for p, v in self.router.peer_protocol.items()}}

    async def cmd_expect(self, topic, count, text=""):
        hits = lambda: sum(m.startswith(text.encode()) for m in self.messages.get(topic, []))
        while hits() < int(count):
            await trio.sleep(0.005)
        return {"got": hits()}

    async def cmd_put_pk(self, peer=None):
        # NB py-libp2p spells this key in hex; others use the raw id bytes
        ident = b58decode(peer or self.id)
        await self.dht.put_value("/pk/" + ident.hex(), ident[2:])

    async def cmd_get_pk(self, peer):
        ident = b58decode(peer)
        got = await self.dht.get_value("/pk/" + ident.hex())
        if got != ident[2:]:
            raise CommandError(f"value {got!r} is not the key in the id")

    async def cmd_put(self, key, value):
        await self.dht.put_value(key, value.encode())

    async def cmd_get(self, key, expected=None):
        got = await self.dht.get_value(key)
        text = got.decode(errors="replace") if got is not None else None
        if got is None or (expected is not None and text != expected):
            raise CommandError(f"got {text!r}")
        return {"value": text}

    async def cmd_provide(self, text):
        if not await self.dht.provide(provider_key(text).hex()):
            raise CommandError("no peer took the provider record")

    async def cmd_providers(self, text, wanted=None):
        ids = [str(p.peer_id) for p in await self.dht.find_providers(provider_key(text).hex())]
        if not ids or (wanted and wanted not in ids):
            raise CommandError(f"providers: {ids}")
        return {"providers": ids}

    async def cmd_find_peer(self, peer):
        info = await self.dht.find_peer(self.peer_id(peer))
        if info is None:
            raise CommandError("not found")
        return {"id": str(info.peer_id), "addrs": [str(a) for a in info.addrs]}

    async def cmd_wait_peer(self, peer, seconds="20"):
        ident, deadline = self.peer_id(peer), time.monotonic() + float(seconds)
        while time.monotonic() < deadline:
            addrs = []
            with contextlib.suppress(Exception):
                addrs = [str(a) for a in self.host.get_peerstore().addrs(ident)]
            if addrs or ident in self.host.get_connected_peers():
                self.last = ident
                return {"addrs": addrs}
            await trio.sleep(0.1)
        raise CommandError("not seen")

    async def cmd_sleep(self, seconds):
        await trio.sleep(float(seconds))

    async def run(self, line, timeout):
        name, args = parse_line(line)
        if not name:
            return True
        start = time.perf_counter()
        try:
            method = getattr(self, "cmd_" + name.replace("-", "_"), None)
            if method is None:
                raise CommandError("unknown command")
            with trio.fail_after(timeout):
                result = await method(*args)
            report(name, args, start, result)
            return True
        except Exception as err:
            while isinstance(err, BaseExceptionGroup) and err.exceptions:
                err = err.exceptions[0]
            report(name, args, start, error=f"{type(err).__name__}: {err}"[:400])
            return False


def options(description):
    p = base_parser(description)
    p.set_defaults(listen=ALL)
    p.add_argument("--security", choices=["any", "noise", "tls"], default="any")
    p.add_argument("--muxer", choices=["YAMUX", "MPLEX"], default="YAMUX")
    p.add_argument("--mdns", action="store_true", help="announce and discover over mDNS")
    p.add_argument("--rendezvous", action="store_true", help="serve /rendezvous/1.0.0")
    p.add_argument("--identify-version", help="protocolVersion that identify announces")
    p.add_argument("--log", default="ERROR", help="py-libp2p log level")
    return p


async def main():
    a = options(__doc__).parse_args()
    if a.identify_version:
        from libp2p.identity.identify import identify
        identify.PROTOCOL_VERSION = a.identify_version
    logging.basicConfig(level=a.log, stream=sys.stderr)
    logging.getLogger("libp2p").setLevel(a.log)
    peer = PyPeer(a.listen, a.pubsub, a.dht, a.relay_service, a.relay, a.security, a.muxer,
                  a.echo_protocol, a.mdns, a.rendezvous, lambda m: emit(event="message", **m))
    ok = True
    async with peer.running():
        emit(event="ready", impl="py", id=peer.id, addrs=peer.addrs, pid=os.getpid())
        if a.relay:
            ok = await peer.run(f"reserve {a.relay}", a.timeout)
        for line in [f"connect {c}" for c in a.connect] + a.do:
            ok = await peer.run(line, a.timeout) and ok
        if a.serve:
            stdin = trio.wrap_file(sys.stdin)
            while (line := await stdin.readline()) and line.strip() != "quit":
                ok = await peer.run(line, a.timeout) and ok
        await trio.sleep(a.stay)
        emit(event="end", ok=ok)
        os._exit(0 if ok else 1)  # py-libp2p's own shutdown can hang


if __name__ == "__main__":
    trio.run(main)
