internal import StarlingCore
internal import StarlingWorld

extension ConformanceCheck {
    static let ofStreams: [ConformanceCheck] = [
        ConformanceCheck("a connection is made and accepted, and both ends know the addresses") { stage in
            let pair = try await StreamPair.make(on: stage)
            try expect(await pair.dialer.remote == pair.address, "the dialer's remote address is another")
            try expect(await pair.server.local == pair.address, "the accepted local address is another")
            if case .ip = pair.address {
                try expect(
                    await pair.server.remote == pair.dialer.local,
                    "the accepted remote address is not the dialer's local one"
                )
            }
            try expect(await pair.dialer.events == [.connected], "the dialer heard more than its connection")
            try expect(await pair.server.events.isEmpty, "a fresh socket heard something")
            try await pair.close()
        },
        ConformanceCheck("bytes come back from an echo, in order") { stage in
            let pair = try await StreamPair.make(on: stage)
            await pair.server.echo()
            await pair.dialer.resumeReading()
            var expected: [UInt8] = []
            for length in [1, 2, 17, 1000, 70_000, 3] {
                let piece = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ length) }
                expected += piece
                await pair.dialer.write([Array(piece.prefix(1)), Array(piece.dropFirst())])
            }
            let count = expected.count
            try expect(await pair.dialer.wait { $0.byteCount >= count }, "not all bytes came back")
            try expect(await pair.dialer.bytes == expected, "other bytes came back")
            try await pair.close()
        },
        ConformanceCheck(
            "packets are counted that a network carries, and those of one machine's sockets are not"
        ) { stage in
            let pair = try await StreamPair.make(on: stage)
            await pair.server.echo()
            await pair.dialer.resumeReading()
            let byteCount = 200_000
            await pair.dialer.write([[UInt8](repeating: 7, count: byteCount)])
            try expect(await pair.dialer.wait { $0.byteCount >= byteCount }, "not all bytes came back")
            let counts = await pair.dialer.packetCounts
            switch pair.address {
            case .ip:
                try expect(counts.map { $0.sentCount >= 3 } ?? false, "too few packets are counted")
                try expect(counts.map { $0.repeatedCount < $0.sentCount } ?? false, "all are repeated")
            case .unix: try expect(counts == nil, "packets are counted where there are none")
            }
            try await pair.close()
            try expect(await pair.dialer.packetCounts == nil, "packets of a closed socket are counted")
        },
        ConformanceCheck("a large transfer arrives unharmed in both directions at once") { stage in
            let pair = try await StreamPair.make(on: stage)
            let byteCount = stage.bulkByteCount
            await pair.dialer.dropBytes()
            await pair.server.dropBytes()
            await pair.dialer.resumeReading()
            await pair.server.resumeReading()
            async let there = pair.dialer.writePattern(byteCount: byteCount, seed: 1)
            async let back = pair.server.writePattern(byteCount: byteCount, seed: 2)
            let (thereDigest, backDigest) = await (there, back)
            try expect(await pair.server.wait { $0.byteCount >= byteCount }, "bytes are missing there")
            try expect(await pair.dialer.wait { $0.byteCount >= byteCount }, "bytes are missing here")
            try expect(await pair.server.digest == thereDigest, "other bytes arrived there")
            try expect(await pair.dialer.digest == backDigest, "other bytes arrived here")
            try await pair.close()
        },
        ConformanceCheck("the dialer ends its direction and still reads the answer") { stage in
            let pair = try await StreamPair.make(on: stage)
            try await halfClose(first: pair.dialer, second: pair.server)
            try await pair.close()
        },
        ConformanceCheck("the listener's end ends its direction and still reads the answer") { stage in
            let pair = try await StreamPair.make(on: stage)
            try await halfClose(first: pair.server, second: pair.dialer)
            try await pair.close()
        },
        ConformanceCheck("an end comes after every byte, however many wait in the queue") { stage in
            let pair = try await StreamPair.make(on: stage)
            await pair.server.dropBytes()
            let bytes = [UInt8](repeating: 7, count: stage.bulkByteCount)
            await pair.dialer.write(bytes)
            await pair.dialer.closeWrite()
            await pair.server.resumeReading()
            try expect(await pair.server.wait { $0.hasEnded }, "no end came")
            try expect(await pair.server.byteCount == bytes.count, "the end came before the bytes")
            try await pair.close()
        },
        ConformanceCheck("closing a stream that was read to the last byte reads as an end") { stage in
            let pair = try await StreamPair.make(on: stage)
            try await pair.exchange()
            await pair.server.close()
            try expect(
                await pair.dialer.wait { $0.hasEnded || $0.hasFailed },
                "nothing was heard of the close"
            )
            try expect(await pair.dialer.hasEnded, "the close read as a failure")
            try await pair.close()
        },
        ConformanceCheck("closing a stream with unread bytes resets it") { stage in
            // A Unix socket tells its peer of an end in this case, or of a reset: only TCP promises one.
            guard case .ip = stage.streamAddress else { return }
            let pair = try await StreamPair.make(on: stage)
            try await pair.exchange()
            await pair.server.pauseReading()
            await pair.dialer.write([UInt8](repeating: 1, count: 1000))
            // A second connection's round trip shows that the bytes are there.
            let other = try await StreamPair.make(on: stage, listener: pair.listener, address: pair.address)
            try await other.exchange()
            await pair.server.close()
            try expect(await pair.dialer.wait { $0.hasFailed }, "no reset was heard")
            try expect(await pair.dialer.failure == .reset, "the failure is another than a reset")
            try expect(await pair.dialer.count(of: .failed(.reset)) == 1, "the reset was told twice")
            try await other.close()
            try await pair.close()
        },
        ConformanceCheck("a reader that pauses holds its writer back and loses nothing") { stage in
            let pair = try await StreamPair.make(on: stage)
            await pair.server.dropBytes()
            let piece = [UInt8](repeating: 9, count: 65_536)
            var pieceCount = 0
            while await pair.dialer.queuedByteCount == 0 {
                try expect(pieceCount < 2000, "a writer was never held back")
                await pair.dialer.write(piece)
                pieceCount += 1
            }
            await pair.dialer.write(piece)
            await pair.dialer.write(piece)
            pieceCount += 2
            try expect(await pair.server.events.isEmpty, "a socket that does not read heard something")
            let byteCount = pieceCount * piece.count
            try expect(await pair.dialer.queuedByteCount >= 2 * piece.count, "queued bytes are not counted")
            await pair.server.resumeReading()
            try expect(await pair.server.wait { $0.byteCount >= byteCount }, "bytes are missing")
            try expect(await pair.server.byteCount == byteCount, "more bytes came than were written")
            try expect(
                await pair.dialer.wait { $0.count(of: .drained) > 0 },
                "the writer was not told to go on"
            )
            await pair.server.write([1])
            await pair.dialer.resumeReading()
            try expect(await pair.dialer.wait { $0.byteCount == 1 }, "the way back is shut")
            try expect(await pair.dialer.count(of: .drained) == 1, "the writer was told to go on twice")
            try expect(await pair.dialer.queuedByteCount == 0, "drained, yet bytes are queued")
            try await pair.close()
        },
        ConformanceCheck("a write that finishes at once is not followed by a drain") { stage in
            let pair = try await StreamPair.make(on: stage)
            try await pair.exchange()
            try expect(await pair.dialer.queuedByteCount == 0, "one byte was queued")
            try await pair.exchange()
            try expect(await pair.dialer.count(of: .drained) == 0, "a drain came without a queue")
            try await pair.close()
        },
        ConformanceCheck("reading that pauses in a callback stops, and goes on when resumed") { stage in
            let pair = try await StreamPair.make(on: stage)
            await pair.server.pauseAtNextRead()
            await pair.server.resumeReading()
            await pair.dialer.write([1])
            try expect(await pair.server.wait { $0.byteCount == 1 }, "the first byte did not arrive")
            await pair.dialer.write([2])
            let other = try await StreamPair.make(on: stage, listener: pair.listener, address: pair.address)
            try await other.exchange()
            try expect(await pair.server.byteCount == 1, "a paused socket read")
            await pair.server.resumeReading()
            try expect(await pair.server.wait { $0.byteCount == 2 }, "the second byte did not arrive")
            try expect(await pair.server.bytes == [1, 2], "other bytes came")
            try await other.close()
            try await pair.close()
        },
        ConformanceCheck("nothing is heard after a close") { stage in
            let pair = try await StreamPair.make(on: stage)
            try await pair.exchange()
            await pair.server.write([UInt8](repeating: 3, count: 100_000))
            await pair.dialer.close()
            let heard = await pair.dialer.events
            await pair.dialer.write([1])
            await pair.dialer.resumeReading()
            await pair.dialer.closeWrite()
            await pair.dialer.close()
            let other = try await StreamPair.make(on: stage, listener: pair.listener, address: pair.address)
            try await other.exchange()
            try expect(await pair.dialer.events == heard, "a closed socket called its delegate")
            try await other.close()
            try await pair.close()
        },
        ConformanceCheck("a socket that closes itself in a callback hears nothing more") { stage in
            let pair = try await StreamPair.make(on: stage)
            await pair.server.closeAtNextRead()
            await pair.server.resumeReading()
            await pair.dialer.write([[UInt8]](repeating: [UInt8](repeating: 5, count: 60_000), count: 8))
            try expect(await pair.server.wait { $0.byteCount > 0 }, "no bytes arrived")
            let other = try await StreamPair.make(on: stage, listener: pair.listener, address: pair.address)
            try await other.exchange()
            try expect(await pair.server.events == [.read], "it heard more")
            try await other.close()
            try await pair.close()
        },
    ]

    private static func halfClose(first: SocketProbe, second: SocketProbe) async throws {
        await first.resumeReading()
        await second.resumeReading()
        await first.write([1, 2, 3])
        await first.closeWrite()
        try expect(await second.wait { $0.hasEnded }, "the end did not arrive")
        try expect(await second.bytes == [1, 2, 3], "the end came before the bytes")
        await second.write([4, 5])
        try expect(await first.wait { $0.byteCount == 2 }, "the answer to an ended direction did not arrive")
        try expect(await !first.hasEnded, "the other direction ended by itself")
        await second.closeWrite()
        try expect(await first.wait { $0.hasEnded }, "the second end did not arrive")
        for probe in [first, second] {
            try expect(await probe.count(of: .ended) == 1, "an end was told twice")
            try expect(await !probe.hasFailed, "an orderly end failed a socket")
        }
    }
}
