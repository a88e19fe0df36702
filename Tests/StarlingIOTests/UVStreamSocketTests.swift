import Foundation
import StarlingCore
import StarlingIO
import StarlingWorld
import Testing

@Suite struct UVStreamSocketTests {
    private static let addresses: [SocketAddress] = [
        loopback4, loopback6, .unix(path: temporaryPath("stream") + ".sock"),
    ]

    /// Runs `body` with a connected pair over each kind of address that the machine has.
    private func withPairs(
        _ body: @escaping @Sendable (UVLoop, _ dialer: Wire, _ listener: Wire) async throws -> Void
    ) async throws {
        let hasIPv6 = await hasIPv6
        for address in Self.addresses where address != loopback6 || hasIPv6 {
            try await withLoop { loop in
                var local = address
                if case .unix = address { local = .unix(path: temporaryPath("pair") + ".sock") }
                let harbour = try Harbour(on: loop, local)
                let dialer = try await Wire.connected(on: loop, to: harbour.address)
                let accepted = await harbour.wire(0)
                try await body(loop, dialer, accepted)
                dialer.socket?.close()
                harbour.close()
            }
        }
    }

    @Test func bytesArriveInBothDirections() async throws {
        try await withPairs { loop, dialer, listener in
            dialer.write([1, 2, 3])
            await listener.gate.until { listener.received == [1, 2, 3] }
            listener.write([4, 5])
            await dialer.gate.until { dialer.received == [4, 5] }
        }
    }

    @Test func bothEndsKnowTheirAddresses() async throws {
        try await withLoop { loop in
            let harbour = try Harbour(on: loop, loopback4)
            let dialer = try await Wire.connected(on: loop, to: harbour.address)
            let listener = await harbour.wire(0)
            #expect(dialer.socket?.remote == harbour.address)
            #expect(listener.socket?.local == harbour.address)
            #expect(listener.socket?.remote == dialer.socket?.local)
            guard case .ip(_, let port, _) = harbour.address else { return #expect(Bool(false)) }
            #expect(port != 0)
        }
    }

    @Test func largeTransfersArriveUnharmedInBothDirectionsAtOnce() async throws {
        try await withPairs { loop, dialer, listener in
            let (there, back) = (pattern(4_000_000), pattern(4_000_000, seed: 7))
            for (wire, bytes) in [(dialer, there), (listener, back)] {
                var slices = RingQueue<BufferSlice>()
                let whole = BufferSlice(copying: bytes.span)
                var rest = whole
                var length = 1
                while !rest.isEmpty {
                    slices.append(rest.removePrefix(min(length, rest.count)))
                    length = length * 7 % 70_001 + 1
                }
                wire.socket?.write(&slices)
                #expect(slices.isEmpty)
            }
            await listener.gate.until { listener.received.count >= there.count }
            await dialer.gate.until { dialer.received.count >= back.count }
            #expect(listener.received == there)
            #expect(dialer.received == back)
            await dialer.gate.until { dialer.drainCount == 1 && dialer.socket?.queuedByteCount == 0 }
        }
    }

    @Test func aPausedPeerHoldsTheBytesBackAndLosesNone() async throws {
        try await withPairs { loop, dialer, listener in
            listener.socket?.pauseReading()
            let bytes = pattern(1_000_000)
            var writtenByteCount = 0
            // Until the kernel's buffers are full, the queue stays empty.
            while dialer.socket?.queuedByteCount == 0 {
                dialer.write(bytes)
                writtenByteCount += bytes.count
            }
            let queued = dialer.socket?.queuedByteCount ?? 0
            #expect(queued > 0 && queued <= bytes.count)
            #expect(dialer.drainCount == 0)
            try await loop.sleep(for: .milliseconds(20))
            #expect(listener.received.isEmpty)
            listener.socket?.resumeReading()
            await dialer.gate.until { dialer.drainCount == 1 }
            #expect(dialer.socket?.queuedByteCount == 0)
            let total = writtenByteCount
            await listener.gate.until { listener.received.count == total }
            #expect(listener.received.suffix(bytes.count).elementsEqual(bytes))
        }
    }

    @Test func anEndedDirectionLeavesTheOtherOpen() async throws {
        try await withPairs { loop, dialer, listener in
            let bytes = pattern(2_000_000)
            dialer.write(bytes)
            dialer.socket?.closeWrite()
            await listener.gate.until { listener.endCount == 1 }
            #expect(listener.received == bytes)
            listener.write([9, 9])
            listener.socket?.closeWrite()
            await dialer.gate.until { dialer.endCount == 1 }
            #expect(dialer.received == [9, 9])
            #expect(dialer.failures.isEmpty && listener.failures.isEmpty)
        }
    }

    @Test func aResetIsSeenAsOne() async throws {
        try await withLoop { loop in
            let harbour = try Harbour(on: loop, loopback4)
            let dialer = try await Wire.connected(on: loop, to: harbour.address)
            let listener = await harbour.wire(0)
            // Closing with unread bytes makes the kernel reset the connection.
            listener.socket?.pauseReading()
            dialer.write([1, 2, 3])
            try await loop.sleep(for: .milliseconds(20))
            listener.socket?.close()
            await dialer.gate.until { !dialer.failures.isEmpty }
            #expect(dialer.failures == [.reset])
            #expect(dialer.endCount == 0)
        }
    }

    @Test func writingToAPeerThatIsGoneFailsOnceAfterItsLastWords() async throws {
        try await withPairs { loop, dialer, listener in
            dialer.write([1])
            await listener.gate.until { listener.received == [1] }
            listener.write([7, 8, 9])
            listener.socket?.close()
            // Written within this turn, before the last words are read.
            for _ in 0..<100 { dialer.write(pattern(1000)) }
            for _ in 0..<100 where dialer.failures.isEmpty && dialer.endCount == 0 {
                try await loop.sleep(for: .milliseconds(1))
            }
            for _ in 0..<100 where dialer.failures.isEmpty {
                dialer.write([1])
                try await loop.sleep(for: .milliseconds(1))
            }
            #expect(dialer.failures == [.reset])
            #expect(dialer.received == [7, 8, 9])
        }
    }

    @Test func aPausedReaderHearsOfABrokenWrite() async throws {
        try await withPairs { loop, dialer, listener in
            dialer.socket?.pauseReading()
            listener.socket?.close()
            for _ in 0..<500 where dialer.failures.isEmpty {
                dialer.write([1])
                try await loop.sleep(for: .milliseconds(1))
            }
            #expect(dialer.failures == [.reset])
        }
    }

    @Test func aClosedSocketSaysNothingMore() async throws {
        try await withPairs { loop, dialer, listener in
            listener.write(pattern(100_000))
            let bytes = pattern(1_000_000)
            for _ in 0..<10 { dialer.write(bytes) }
            dialer.socket?.close()
            dialer.socket?.close()
            dialer.write([1])
            dialer.socket?.resumeReading()
            let count = dialer.received.count
            try await loop.sleep(for: .milliseconds(10))
            #expect(dialer.received.count == count)
            #expect(dialer.failures.isEmpty && dialer.endCount == 0 && dialer.drainCount == 0)
        }
    }

    @Test func closingLetsGoOfTheDelegate() async throws {
        try await withLoop { loop in
            let harbour = try Harbour(on: loop, loopback4)
            weak var weakWire: Wire?
            do {
                let wire = try await Wire.connected(on: loop, to: harbour.address)
                weakWire = wire
                wire.socket?.close()
                wire.socket = nil
            }
            try await loop.sleep(for: .milliseconds(1))
            #expect(weakWire == nil)
        }
    }

    @Test func nobodyListeningIsARefusal() async throws {
        try await withLoop { loop in
            let listener = try loop.listen(on: loopback4) { _ in }
            let address = listener.local
            listener.close()
            await #expect(throws: SocketError.refused) { try await Wire.connected(on: loop, to: address) }
            await #expect(throws: SocketError.refused) {
                try await Wire.connected(on: loop, to: .unix(path: temporaryPath("none")))
            }
        }
    }

    @Test func closingWhileConnectingIsSilent() async throws {
        try await withLoop { loop in
            let harbour = try Harbour(on: loop, loopback4)
            let wire = Wire(loop: loop)
            wire.socket = try loop.connect(to: harbour.address, delegate: wire)
            wire.socket?.close()
            try await loop.sleep(for: .milliseconds(10))
            #expect(!wire.isConnected && wire.failures.isEmpty)
        }
    }

    @Test func whatIsWrittenWhileConnectingFollowsTheConnection() async throws {
        try await withLoop { loop in
            let harbour = try Harbour(on: loop, loopback4)
            let wire = Wire(loop: loop)
            wire.socket = try loop.connect(to: harbour.address, delegate: wire)
            wire.write([1, 2])
            wire.socket?.closeWrite()
            #expect(wire.socket?.queuedByteCount == 2)
            let listener = await harbour.wire(0)
            await listener.gate.until { listener.endCount == 1 }
            #expect(listener.received == [1, 2])
        }
    }

    @Test func aThousandConnectionsEchoAndClose() async throws {
        DescriptorLimit.raise(to: 8192)
        try await withLoop { loop in
            let harbour = try Harbour(on: loop, loopback4) { $0.echoes = true }
            var wires: [Wire] = []
            for _ in 0..<1000 { wires.append(try await Wire.connected(on: loop, to: harbour.address)) }
            for (index, wire) in wires.enumerated() { wire.write([UInt8(index & 255), UInt8(index >> 8)]) }
            for (index, wire) in wires.enumerated() {
                await wire.gate.until { wire.received.count == 2 }
                #expect(wire.received == [UInt8(index & 255), UInt8(index >> 8)])
                wire.socket?.close()
            }
            for wire in harbour.wires { await wire.gate.until { wire.endCount == 1 } }
            harbour.close()
        }
    }

    @Test func anAcceptedConnectionMayLiveOnAnotherLoop() async throws {
        let other = try UVLoop(name: "other", log: Log(sink: SilentLog()))
        try await withLoop { loop in
            let listener = try loop.listen(on: loopback4) { accepted in
                other.startTask {
                    let wire = Wire(loop: other)
                    wire.echoes = true
                    wire.socket = try? other.adopt(accepted, delegate: wire)
                    wire.socket?.resumeReading()
                }
            }
            let wire = try await Wire.connected(on: loop, to: listener.local)
            wire.write([1, 2, 3])
            await wire.gate.until { wire.received == [1, 2, 3] }
            wire.socket?.close()
            listener.close()
        }
        other.stop()
    }

    @Test func heldSlicesKeepTheirBytes() async throws {
        try await withLoop { loop in
            let keeper = SliceKeeper()
            let harbour = try loop.listen(on: loopback4) { accepted in
                keeper.socket = try? loop.adopt(accepted, delegate: keeper)
                keeper.socket?.resumeReading()
            }
            let wire = try await Wire.connected(on: loop, to: harbour.local)
            let bytes = pattern(3_000_000)
            wire.write(bytes)
            await keeper.gate.until { keeper.slices.reduce(0) { $0 + $1.count } == bytes.count }
            #expect(keeper.slices.flatMap { $0.array() } == bytes)
            wire.socket?.close()
            keeper.socket?.close()
            harbour.close()
        }
    }

    private final class SliceKeeper: StreamSocketDelegate, @unchecked Sendable {
        let gate = Gate()
        var socket: (any StreamSocket)?
        var slices: [BufferSlice] = []
        func socketDidConnect() {}
        func socketDidRead(_ bytes: BufferSlice) {
            slices.append(bytes)
            gate.check()
        }
        func socketDidEnd() {}
        func socketDidDrain() {}
        func socketDidFail(_ error: SocketError) {}
    }
}
