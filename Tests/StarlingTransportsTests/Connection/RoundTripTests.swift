import StarlingCore
import StarlingTransports
import StarlingWorld
import Testing

/// How long the way to a peer takes, as it is asked of a connection.
@Suite struct RoundTripTests {
    @Test(arguments: Place.all) func theAnswerIsWaitedFor(place: Place) async throws {
        try await place.run { meeting in
            let connection = try await meeting.connect()
            async let another = connection.measureRoundTrip()
            let roundTrip = try #require(await connection.measureRoundTrip())
            #expect(roundTrip > .zero)
            #expect(await another == roundTrip)
            #expect(await connection.roundTrip == roundTrip)
        }
    }

    @Test func nobodyWaitsForAnEndedConnectionOrInACancelledTask() async throws {
        try await Place.virtual.run { meeting in
            let peer = try NoisePeer(meeting.alice.world)
            try await peer.dial(try meeting.socketAddress)
            try await meeting.alice.until { !meeting.bob.owner.connections.isEmpty }
            let theirs = try #require(meeting.bob.owner.connections.first)
            // The peer answers no ping.
            let cancelled = meeting.alice.loop.startTask(returning: Duration?.self) {
                await theirs.measureRoundTrip()
            }
            let left = meeting.alice.loop.startTask(returning: Duration?.self) {
                await theirs.measureRoundTrip()
            }
            try await meeting.alice.loop.sleep(for: .seconds(1))
            cancelled.cancel()
            #expect(try await cancelled.value == nil)
            await theirs.close(.closedLocally)
            #expect(try await left.value == nil)
            #expect(await theirs.measureRoundTrip() == nil)
        }
    }
}
