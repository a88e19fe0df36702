import StarlingCore
import StarlingProtocols
import StarlingTransports
import StarlingWorld
import Synchronization
import Testing

@Suite struct FrameStreamTests {
    private static let messages: [[UInt8]] = (1...5).map { [UInt8](repeating: $0, count: 100) }

    /// Checks the batches of this size that a stream holds whose messages were written at once.
    private func read(
        byteCount: Int,
        frameByteCountMax: Int = 1000,
        cutAt end: Int = .max,
        place: Place = .virtual,
        mayHold: @escaping @Sendable (Int) -> Bool = { _ in true },
        check: @escaping @Sendable ([[[UInt8]]], FrameError?) -> Void
    ) async throws {
        let wire = Self.messages.flatMap { VarintFrame.encode($0) }
        try await place.run { meeting in
            meeting.bob.owner.serve("/messages") { stream in
                try? await stream.write(Array(wire.prefix(end)))
                try? await stream.closeWrite()
            }
            let stream = try await meeting.connect().openStream(["/messages"])
            try await stream.closeWrite()
            var frames = FrameStream(stream, frameByteCountMax: frameByteCountMax, mayHold: mayHold)
            var batches: [[[UInt8]]] = []
            do throws(FrameError) {
                while let batch = try await frames.nextBatch(byteCount: byteCount) { batches.append(batch) }
                check(batches, nil)
            } catch {
                check(batches, error)
            }
        }
    }

    @Test(arguments: Place.all) func allMessagesComeInTheirOrder(place: Place) async throws {
        try await read(byteCount: 10_000, place: place) { batches, error in
            #expect(error == nil)
            #expect(batches.flatMap { $0 } == Self.messages)
        }
    }

    @Test(arguments: [(500, [5]), (201, [3, 2]), (200, [2, 2, 1]), (1, [1, 1, 1, 1, 1])])
    func whatIsThereComesInOneBatchUpToItsSize(byteCount: Int, counts: [Int]) async throws {
        try await read(byteCount: byteCount) { batches, _ in #expect(batches.map(\.count) == counts) }
    }

    @Test func aBatchIsHeldUntilTheNextOneIsAskedFor() async throws {
        let held = Mutex<[Int]>([])
        try await read(
            byteCount: 200,
            mayHold: { byteCount in
                held.withLock { $0.append(byteCount) }
                return true
            },
            check: { batches, _ in #expect(batches.map(\.count) == [2, 2, 1]) }
        )
        // The fifth is there with the second two; nothing is held while the end is waited for.
        #expect(held.withLock { $0 } == [200, 100, 0])
    }

    @Test func aBatchThatMayNotBeHeldEndsTheReading() async throws {
        try await read(byteCount: 200, mayHold: { $0 < 200 }) { batches, error in
            #expect(batches.isEmpty && error == .stream(.unreadLimit))
        }
    }

    @Test func aStreamThatEndsInsideAMessageFails() async throws {
        try await read(byteCount: 1, cutAt: 150) { batches, error in
            #expect(batches == [[Self.messages[0]]])
            #expect(error == .stream(.ended))
        }
    }

    @Test func aMessageBeyondTheLimitFails() async throws {
        try await read(byteCount: 1, frameByteCountMax: 99) { batches, error in
            #expect(batches.isEmpty)
            #expect(error == .invalid(.tooLong))
        }
    }
}
