import StarlingCore
import StarlingProtocols
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

@Suite struct TransferTests {
    @Test(arguments: Place.all, [SecurityProtocol.noise, .tls])
    func manyStreamsCarryTheirBytesBothWays(place: Place, security: SecurityProtocol) async throws {
        let byteCount =
            switch place {
            case .loopback: 1_000_000
            case .simulated(_, .seeded(byteCountMax: 3)): 2000
            case .simulated: 100_000
            }
        try await place.run(securities: [security]) { meeting in
            meeting.bob.serveEcho()
            let connection = try await meeting.connect()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<16 {
                    group.addTask {
                        // Pieces of every size: below a frame, over a record, over a window.
                        let pieces = [1, 700, 16_383, 65_536, 300_000]
                        let pieceByteCount = pieces[index % pieces.count]
                        // A frame for each byte costs the most: a few hundred show what there is to see.
                        let byteCount = pieceByteCount == 1 ? 500 : byteCount
                        let stream = try await connection.openStream(["/echo"])
                        async let written: Void = {
                            try await Pattern.write(
                                index,
                                byteCount,
                                to: stream,
                                pieceByteCount: pieceByteCount
                            )
                            try await stream.closeWrite()
                        }()
                        let result = try await Pattern.check(index, stream)
                        try await written
                        #expect(result.byteCount == byteCount)
                        #expect(result.wrongAt == nil, "stream \(index)")
                    }
                }
                try await group.waitForAll()
            }
            try await meeting.alice.until { await connection.streamCount == 0 }
        }
    }

    @Test func aTransferOverALossyLinkArrivesWhole() async throws {
        let link = LinkProfile(
            latency: .milliseconds(30),
            jitter: .milliseconds(5),
            bytesPerSecond: 2_000_000,
            lossRatio: 0.01
        )
        for seed in UInt64(1)...5 {
            let place = Place.simulated(seed: seed, .seeded(byteCountMax: 5000))
            try await place.run(link: link) { meeting in
                meeting.bob.serveEcho()
                let connection = try await meeting.connect()
                let stream = try await connection.openStream(["/echo"])
                async let written: Void = {
                    try await Pattern.write(3, 1_000_000, to: stream, pieceByteCount: 100_000)
                    try await stream.closeWrite()
                }()
                let result = try await Pattern.check(3, stream)
                try await written
                #expect(result.byteCount == 1_000_000, "seed \(seed)")
                #expect(result.wrongAt == nil, "seed \(seed)")
            }
        }
    }

    @Test(arguments: Place.both) func aReaderThatNeverReadsHoldsUpItsWriterOnly(place: Place) async throws {
        try await place.run { meeting in
            let shelf = meeting.bob.serveAndKeep("/never")
            meeting.bob.serveEcho()
            let connection = try await meeting.connect()
            let stuck = try await connection.openStream(["/never"])
            let written = Counter()
            let writing = meeting.alice.loop.startTask(returning: Void.self) {
                while true {
                    try await stuck.write([UInt8](repeating: 1, count: 10_000))
                    written.add(10_000)
                }
            }
            let theirs = try await shelf.next(meeting.alice)
            let other = try await connection.openStream(["/echo"])
            for round in 0..<200 {
                let piece = Pattern.bytes(round, 0..<10_000)
                try await other.write(piece)
                #expect(try await other.read(exactly: 10_000) == piece)
            }
            // The window is 256 KiB and does not grow while nobody reads.
            #expect(written.value <= 262_144)
            #expect(written.value > 200_000)
            writing.cancel()
            await #expect(throws: StreamError.cancelled) { try await writing.value }
            withExtendedLifetime(theirs) {}
        }
    }

    @Test(arguments: Place.both) func aSocketThatIsNeverReadHoldsUpWritersWithinABound(
        place: Place
    ) async throws {
        try await place.run(limits: { $0.yamux.keepAliveInterval = nil }) { meeting in
            let peer = try NoisePeer(meeting.bob.world)
            let listener = try await RawListener(peer.raw, on: meeting)
            async let answered: Void = peer.answer()
            let connection = try await meeting.alice.transport.dial(listener.address, expecting: nil)
            try await answered
            await peer.raw.pauseReading()
            let written = Counter()
            // Sixty-four windows are 16 MiB, more than any kernel takes.
            var writers: [Task<Void, any Error>] = []
            for _ in 0..<64 {
                let stream = try await connection.openStream(["/x"])
                writers.append(
                    meeting.alice.loop.startTask(returning: Void.self) {
                        while true {
                            try await stream.write([UInt8](repeating: 1, count: 10_000))
                            written.add(10_000)
                        }
                    }
                )
            }
            var last = -1
            while written.value != last {
                last = written.value
                try await meeting.alice.loop.sleep(for: .milliseconds(200))
            }
            #expect(written.value < 64 * 262_144, "the socket held them up, not the windows")
            await connection.close(.closedLocally)
            for writer in writers { await #expect(throws: StreamError.self) { try await writer.value } }
            await listener.close()
        }
    }

    @Test func unreadBytesInTinyFramesTakeLittleMoreMemoryThanTheyAre() async throws {
        // Each byte in a frame of its own must not cost an object of its own.
        try await Place.virtual.run { meeting in
            let peer = try NoisePeer(meeting.alice.world)
            let shelf = meeting.bob.serveAndKeep("/x")
            try await peer.dial(try meeting.socketAddress)
            let hello = NoisePeer.line("/multistream/1.0.0") + NoisePeer.line("/x")
            try await peer.write(YamuxFrame.data(1, YamuxFrame.syn, hello))
            let stream = try await shelf.next(meeting.alice)
            var bytes: [UInt8] = []
            for index in 0..<20_000 { bytes += YamuxFrame.data(1, 0, [Pattern.byte(5, at: index)]) }
            try await peer.write(bytes)
            try await peer.write(YamuxFrame(1, YamuxFrame.fin, 1).wire)
            try await meeting.alice.loop.sleep(for: .seconds(1))
            var (slices, place) = (0, 0)
            while let slice = try await stream.read() {
                slices += 1
                slice.withSpan { bytes in
                    for index in bytes.indices {
                        #expect(bytes[index] == Pattern.byte(5, at: place + index))
                    }
                }
                place += slice.count
            }
            #expect(place == 20_000)
            #expect(slices <= 20, "\(slices) slices for 20,000 bytes")
        }
    }
}
