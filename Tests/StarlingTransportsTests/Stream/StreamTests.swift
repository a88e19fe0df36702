import StarlingCore
import StarlingTransports
import StarlingWorld
import Testing

@Suite struct StreamTests {
    // MARK: Negotiation

    @Test(arguments: Place.all) func aLazyStreamsProposalTravelsWithItsFirstBytes(place: Place) async throws {
        try await place.run { meeting in
            meeting.bob.serveEcho()
            let connection = try await meeting.connect()
            let stream = try await connection.openStream(["/echo"])
            try await stream.write([1, 2, 3])
            #expect(try await stream.read(exactly: 3) == [1, 2, 3])
        }
    }

    @Test(arguments: Place.all) func aLazyStreamThatOnlyReadsIsAnnounced(place: Place) async throws {
        try await place.run { meeting in
            meeting.bob.owner.serve("/greet") { stream in
                try? await stream.write([9, 8, 7])
                try? await stream.closeWrite()
            }
            let connection = try await meeting.connect()
            let stream = try await connection.openStream(["/greet"])
            #expect(try await stream.read(exactly: 3) == [9, 8, 7])
            #expect(try await stream.read() == nil)
        }
    }

    @Test(arguments: Place.all) func aPatientStreamTakesTheFirstThatThePeerSpeaks(place: Place) async throws {
        try await place.run { meeting in
            meeting.bob.serveEcho("/echo/1")
            let connection = try await meeting.connect()
            let stream = try await connection.openStream(["/echo/3", "/echo/2", "/echo/1"])
            #expect(stream.protocolID == "/echo/1")
            try await stream.write([1, 2, 3])
            #expect(try await stream.read(exactly: 3) == [1, 2, 3])
        }
    }

    @Test(arguments: Place.all) func aPatientOpenFailsWhereThePeerSpeaksNone(place: Place) async throws {
        try await place.run { meeting in
            let connection = try await meeting.connect()
            await #expect(throws: StreamError.protocolNotSupported) {
                _ = try await connection.openStream(["/a", "/b"])
            }
            #expect(await connection.streamCount == 0)
        }
    }

    @Test(arguments: Place.all) func aLazyStreamsFirstReadSaysThatThePeerDoesNotSpeakIt(
        place: Place
    ) async throws {
        try await place.run { meeting in
            let connection = try await meeting.connect()
            let stream = try await connection.openStream(["/unknown"])
            await #expect(throws: StreamError.protocolNotSupported) { _ = try await stream.read() }
        }
    }

    @Test func theReasonIsKeptForAReaderThatComesLate() async throws {
        try await Place.virtual.run { meeting in
            let connection = try await meeting.connect()
            let stream = try await connection.openStream(["/unknown"])
            try await stream.write([1])
            try await meeting.alice.loop.sleep(for: .seconds(1))
            await #expect(throws: StreamError.protocolNotSupported) { _ = try await stream.read() }
            await #expect(throws: StreamError.protocolNotSupported) { try await stream.write([1]) }
            withExtendedLifetime(stream) {}
        }
    }

    @Test func aPatientOpenThatNobodyAnswersEnds() async throws {
        try await Place.virtual.run { meeting in
            let peer = try NoisePeer(meeting.bob.world)
            let listener = try await RawListener(peer.raw, on: meeting)
            async let answered: Void = peer.answer()
            let connection = try await meeting.alice.transport.dial(listener.address, expecting: nil)
            try await answered
            await #expect(throws: StreamError.negotiationFailed) {
                _ = try await connection.openStream(["/a", "/b"])
            }
            #expect(await connection.streamCount == 0)
            await listener.close()
        }
    }

    @Test func anInboundStreamThatNeverNamesItsProtocolIsReset() async throws {
        try await Place.virtual.run { meeting in
            let peer = try NoisePeer(meeting.alice.world)
            try await peer.dial(try meeting.socketAddress)
            try await meeting.alice.until { !meeting.bob.owner.connections.isEmpty }
            try await peer.write(YamuxFrame(1, YamuxFrame.syn, 1).wire)
            let connection = try #require(meeting.bob.owner.connections.first)
            try await meeting.alice.until { await connection.streamCount == 1 }
            try await meeting.alice.until { await connection.streamCount == 0 }
            var frame = try await peer.frameOfMuxer().header
            while frame.flags & YamuxFrame.rst == 0 { frame = try await peer.frameOfMuxer().header }
            #expect(frame.stream == 1)
        }
    }

    // MARK: Ends

    @Test(arguments: Place.all) func theDialersHalfMayEndFirst(place: Place) async throws {
        try await place.run { meeting in
            let shelf = meeting.bob.serveAndKeep("/x")
            let connection = try await meeting.connect()
            let mine = try await connection.openStream(["/x"])
            try await mine.write([1])
            try await mine.closeWrite()
            let theirs = try await shelf.next(meeting.alice)
            #expect(try await theirs.read(exactly: 1) == [1])
            #expect(try await theirs.read() == nil)
            await #expect(throws: StreamError.closed) { try await mine.write([2]) }
            try await theirs.write([3])
            #expect(try await mine.read(exactly: 1) == [3])
            try await theirs.closeWrite()
            #expect(try await mine.read() == nil)
            #expect(try await mine.read() == nil, "the end can be read again")
        }
    }

    @Test(arguments: Place.all) func theListenersHalfMayEndFirst(place: Place) async throws {
        try await place.run { meeting in
            let shelf = meeting.bob.serveAndKeep("/x")
            let connection = try await meeting.connect()
            let mine = try await connection.openStream(["/x"])
            try await mine.write([1])
            let theirs = try await shelf.next(meeting.alice)
            try await theirs.closeWrite()
            #expect(try await mine.read() == nil)
            try await mine.write([2])
            try await mine.closeWrite()
            #expect(try await theirs.read(exactly: 2) == [1, 2])
            #expect(try await theirs.read() == nil)
        }
    }

    @Test(arguments: Place.all, [true, false]) func aResetFailsTheOtherSide(
        place: Place,
        dialerResets: Bool
    ) async throws {
        try await place.run { meeting in
            let shelf = meeting.bob.serveAndKeep("/x")
            let connection = try await meeting.connect()
            let mine = try await connection.openStream(["/x"])
            try await mine.write([1])
            let theirs = try await shelf.next(meeting.alice)
            #expect(try await theirs.read(exactly: 1) == [1])
            let (resetting, other) = dialerResets ? (mine, theirs) : (theirs, mine)
            await resetting.reset()
            await #expect(throws: StreamError.reset) { _ = try await other.read() }
            await #expect(throws: StreamError.reset) { try await other.write([1]) }
            await #expect(throws: StreamError.closed) { _ = try await resetting.read() }
            await #expect(throws: StreamError.closed) { try await resetting.write([1]) }
        }
    }

    @Test(arguments: Place.all) func aStreamThatIsDroppedIsReset(place: Place) async throws {
        try await place.run { meeting in
            let shelf = meeting.bob.serveAndKeep("/x")
            let connection = try await meeting.connect()
            var mine: Stream? = try await connection.openStream(["/x"])
            try await mine?.write([1])
            let theirs = try await shelf.next(meeting.alice)
            #expect(try await theirs.read(exactly: 1) == [1])
            mine = nil
            await #expect(throws: StreamError.reset) { _ = try await theirs.read() }
            #expect(await connection.streamCount == 0)
        }
    }

    @Test(arguments: Place.all) func aStreamDroppedAfterItsEndLingersForThePeers(place: Place) async throws {
        try await place.run { meeting in
            let shelf = meeting.bob.serveAndKeep("/x")
            let connection = try await meeting.connect()
            var mine: Stream? = try await connection.openStream(["/x"])
            try await mine?.write([1])
            try await mine?.closeWrite()
            mine = nil
            let theirs = try await shelf.next(meeting.alice)
            #expect(try await theirs.read(exactly: 1) == [1])
            #expect(try await theirs.read() == nil)
            #expect(await connection.streamCount == 1)
            try await theirs.closeWrite()
            try await meeting.alice.until { await connection.streamCount == 0 }
        }
    }

    @Test func aLingeringStreamWhosePeerNeverEndsIsResetInTime() async throws {
        try await Place.virtual.run(limits: { $0.lingerTimeout = .seconds(5) }) { meeting in
            let shelf = meeting.bob.serveAndKeep("/x")
            let connection = try await meeting.connect()
            var mine: Stream? = try await connection.openStream(["/x"])
            try await mine?.write([1])
            try await mine?.closeWrite()
            mine = nil
            let theirs = try await shelf.next(meeting.alice)
            try await meeting.alice.until { await connection.streamCount == 0 }
            await #expect(throws: StreamError.reset) {
                while true {
                    try await theirs.write([1])
                    try await meeting.alice.loop.sleep(for: .milliseconds(1))
                }
            }
        }
    }

    // MARK: Cancellation

    @Test(arguments: Place.all) func aCancelledReadLosesNothing(place: Place) async throws {
        try await place.run { meeting in
            let shelf = meeting.bob.serveAndKeep("/x")
            let connection = try await meeting.connect()
            let mine = try await connection.openStream(["/x"])
            try await mine.write([1])
            let theirs = try await shelf.next(meeting.alice)
            for round in 0..<20 {
                let reading = meeting.alice.loop.startTask(returning: BufferSlice?.self) {
                    try await mine.read()
                }
                if round % 2 == 0 { try await meeting.alice.loop.sleep(for: .milliseconds(1)) }
                reading.cancel()
                await #expect(throws: StreamError.cancelled) { _ = try await reading.value }
            }
            try await theirs.write([42])
            #expect(try await mine.read(exactly: 1) == [42])
        }
    }

    @Test(arguments: Place.both) func aCancelledWriteLeavesTheStreamUsable(place: Place) async throws {
        try await place.run { meeting in
            let shelf = meeting.bob.serveAndKeep("/x")
            let connection = try await meeting.connect()
            let mine = try await connection.openStream(["/x"])
            let writing = meeting.alice.loop.startTask(returning: Void.self) {
                try await mine.write([UInt8](repeating: 7, count: 4_000_000))
            }
            let theirs = try await shelf.next(meeting.alice)
            try await meeting.alice.loop.sleep(for: .milliseconds(50))
            await #expect(throws: StreamError.busy) { try await mine.write([1]) }
            await #expect(throws: StreamError.busy) { try await mine.closeWrite() }
            writing.cancel()
            await #expect(throws: StreamError.cancelled) { try await writing.value }
            // What was taken before arrives; the end follows it.
            try await mine.closeWrite()
            var byteCount = 0
            while let bytes = try await theirs.read() { byteCount += bytes.count }
            #expect(byteCount > 250_000 && byteCount < 4_000_000)
        }
    }

    @Test(arguments: Place.both) func aCancelledOpenResetsTheStream(place: Place) async throws {
        try await place.run { meeting in
            let peer = try NoisePeer(meeting.bob.world)
            let listener = try await RawListener(peer.raw, on: meeting)
            async let answered: Void = peer.answer()
            let connection = try await meeting.alice.transport.dial(listener.address, expecting: nil)
            try await answered
            let opening = meeting.alice.loop.startTask(returning: Stream.self) {
                try await connection.openStream(["/a", "/b"])
            }
            try await meeting.alice.until { await connection.streamCount == 1 }
            opening.cancel()
            await #expect(throws: StreamError.cancelled) { _ = try await opening.value }
            #expect(await connection.streamCount == 0)
            var flags: UInt16 = 0
            while flags & YamuxFrame.rst == 0 { flags = try await peer.frameOfMuxer().header.flags }
            await listener.close()
        }
    }

    @Test(arguments: Place.both) func oneReaderAndOneWriterAtATime(place: Place) async throws {
        try await place.run { meeting in
            let shelf = meeting.bob.serveAndKeep("/x")
            let connection = try await meeting.connect()
            let mine = try await connection.openStream(["/x"])
            try await mine.write([1])
            let reading = meeting.alice.loop.startTask(returning: [UInt8].self) {
                try await mine.read(exactly: 1)
            }
            let theirs = try await shelf.next(meeting.alice)
            await #expect(throws: StreamError.busy) { _ = try await mine.read() }
            try await theirs.write([5])
            #expect(try await reading.value == [5])
        }
    }

    @Test(arguments: Place.both) func everythingThatWaitsFailsWithTheConnection(place: Place) async throws {
        try await place.run { meeting in
            let shelf = meeting.bob.serveAndKeep("/x")
            let connection = try await meeting.connect()
            let mine = try await connection.openStream(["/x"])
            try await mine.write([1])
            let theirs = try await shelf.next(meeting.alice)
            let reading = meeting.alice.loop.startTask(returning: BufferSlice?.self) { try await mine.read() }
            let writing = meeting.alice.loop.startTask(returning: Void.self) {
                try await mine.write([UInt8](repeating: 7, count: 4_000_000))
            }
            try await meeting.alice.loop.sleep(for: .milliseconds(20))
            await connection.close(.closedLocally)
            let expected = StreamError.connectionClosed(.closedLocally)
            await #expect(throws: expected) { _ = try await reading.value }
            await #expect(throws: expected) { try await writing.value }
            await #expect(throws: expected) { _ = try await connection.openStream(["/x"]) }
            withExtendedLifetime(theirs) {}
        }
    }
}
