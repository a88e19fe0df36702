import StarlingCore
import StarlingProtocols
import StarlingSimulator
import StarlingTransports
import StarlingWorld
import Testing

@Suite struct PriorityTests {
    /// 10 Mbit/s.
    private static let slow = LinkProfile(latency: .milliseconds(5), bytesPerSecond: 1_250_000)
    private static let probeByteCount = 1024

    /// What the kernel takes beyond what the link carries at once, as where unsent bytes are bounded.
    private static var boundedKernel: NetworkLimits {
        var limits = NetworkLimits()
        limits.streamByteCountMax = 131_072
        limits.segmentByteCountMax = 8192
        return limits
    }

    /// Writes on new streams until the task is cancelled.
    private static func flood(
        _ connection: any Connection,
        _ priority: StreamPriority,
        count: Int
    ) async throws -> [Task<Void, any Error>] {
        var tasks: [Task<Void, any Error>] = []
        for _ in 0..<count {
            let stream = try await connection.openStream(["/sink"], priority: priority)
            tasks.append(
                connection.loop.startTask(returning: Void.self) {
                    while true { try await stream.write([UInt8](repeating: 7, count: 1_000_000)) }
                }
            )
        }
        return tasks
    }

    /// The longest of some round trips of 1 KiB.
    private static func slowest(_ stream: Stream, count: Int) async throws -> Duration {
        let loop = stream.connection.loop
        var slowest = Duration.zero
        for round in 0..<count {
            let probe = Pattern.bytes(round, 0..<probeByteCount)
            let start = loop.now
            try await stream.write(probe)
            #expect(try await stream.read(exactly: probeByteCount) == probe)
            slowest = max(slowest, start.duration(to: loop.now))
            try await loop.sleep(for: .milliseconds(37))
        }
        return slowest
    }

    /// Serves a sink that counts what comes.
    private static func serveSink(_ party: Party) -> Counter {
        let counter = Counter()
        party.owner.serve("/sink") { stream in
            while let bytes = try? await stream.read() { counter.add(bytes.count) }
        }
        return counter
    }

    @Test(arguments: [1, 8, 64]) func anUrgentWriteOvertakesFloodsOnASlowLink(floodCount: Int) async throws {
        try await Place.virtual.run(link: Self.slow, network: Self.boundedKernel) { meeting in
            meeting.bob.serveEcho()
            let flooded = Self.serveSink(meeting.bob)
            let connection = try await meeting.connect()
            let urgent = try await connection.openStream(["/echo"], priority: .urgent)
            let idle = try await Self.slowest(urgent, count: 20)
            let tasks = try await Self.flood(connection, .low, count: floodCount)
            try await meeting.alice.loop.sleep(for: .seconds(2))
            let before = flooded.value
            let start = meeting.alice.loop.now
            let loaded = try await Self.slowest(urgent, count: 50)
            let seconds = start.duration(to: meeting.alice.loop.now).inSeconds
            #expect(loaded - idle <= .milliseconds(200), "\(idle) idle, \(loaded) under the flood")
            #expect(Double(flooded.value - before) / seconds > 1_000_000, "the link stays busy")
            for task in tasks { task.cancel() }
        }
    }

    @Test func aSmallWriteOfTheFloodsOwnClassWaitsForOneTurnOfEach() async throws {
        try await Place.virtual.run(link: Self.slow, network: Self.boundedKernel) { meeting in
            meeting.bob.serveEcho()
            _ = Self.serveSink(meeting.bob)
            let connection = try await meeting.connect()
            let probe = try await connection.openStream(["/echo"])
            let idle = try await Self.slowest(probe, count: 20)
            let tasks = try await Self.flood(connection, .normal, count: 4)
            try await meeting.alice.loop.sleep(for: .seconds(2))
            let loaded = try await Self.slowest(probe, count: 50)
            // What is on its way, and 32 KiB of each flood.
            #expect(loaded - idle <= .milliseconds(400), "\(idle) idle, \(loaded) under the floods")
            for task in tasks { task.cancel() }
        }
    }

    @Test func floodsOfTwoClassesShareTheLinkByWeight() async throws {
        try await Place.virtual.run(link: Self.slow, network: Self.boundedKernel) { meeting in
            let (high, low) = (Counter(), Counter())
            for (name, counter) in [("/high", high), ("/low", low)] {
                meeting.bob.owner.serve(name) { stream in
                    while let bytes = try? await stream.read() { counter.add(bytes.count) }
                }
            }
            let connection = try await meeting.connect()
            var tasks: [Task<Void, any Error>] = []
            for (name, priority) in [("/high", StreamPriority.high), ("/low", .low)] {
                let stream = try await connection.openStream([name], priority: priority)
                tasks.append(
                    connection.loop.startTask(returning: Void.self) {
                        while true { try await stream.write([UInt8](repeating: 7, count: 1_000_000)) }
                    }
                )
            }
            try await meeting.alice.loop.sleep(for: .seconds(20))
            let share = Double(high.value) / Double(high.value + low.value)
            #expect((0.75...0.85).contains(share), "\(share)")
            for task in tasks { task.cancel() }
        }
    }

    @Test func aWaitingWriteCanBecomeUrgent() async throws {
        try await Place.virtual.run(link: Self.slow, network: Self.boundedKernel) { meeting in
            let late = Counter()
            meeting.bob.owner.serve("/late") { stream in
                while let bytes = try? await stream.read() { late.add(bytes.count) }
            }
            _ = Self.serveSink(meeting.bob)
            let connection = try await meeting.connect()
            let stream = try await connection.openStream(["/late"], priority: .low)
            let tasks = try await Self.flood(connection, .high, count: 40)
            try await meeting.alice.loop.sleep(for: .seconds(2))
            let loop = meeting.alice.loop
            let writing = loop.startTask(returning: Void.self) {
                try await stream.write([UInt8](repeating: 1, count: 65_536))
            }
            try await loop.sleep(for: .milliseconds(100))
            #expect(late.value == 0, "the floods are before it")
            let start = loop.now
            await stream.setPriority(.urgent)
            try await writing.value
            #expect(start.duration(to: loop.now) <= .milliseconds(200))
            for task in tasks { task.cancel() }
        }
    }

    @Test(arguments: StreamPriority.allCases) func aTurnThatEndsJustWhereTheWindowDoesIsNotTheLast(
        priority: StreamPriority
    ) async throws {
        // Nothing but the windows and the length of a turn holds the writers up.
        var network = NetworkLimits()
        network.streamByteCountMax = 16 << 20
        try await Place.virtual.run(network: network) { meeting in
            let (shelf, arrived) = (meeting.bob.serveAndKeep("/late"), Counter())
            let connection = try await meeting.connect()
            // What negotiation takes of the window is made up to a whole quantum: windows are whole ones too.
            var dialer = MultistreamDialer(protocols: ["/late"], pace: .lazy)
            var first = WriterQueue.quantumByteCount
            while let bytes = dialer.nextOutput() { first -= bytes.count }
            let (offset, byteCount) = (first, 1 << 20)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        let stream = try await connection.openStream(["/late"], priority: priority)
                        try await stream.write([UInt8](repeating: 1, count: offset))
                        try await stream.write([UInt8](repeating: 1, count: byteCount))
                        try await stream.closeWrite()
                    }
                }
                // Nobody reads until all windows are used up.
                try await meeting.alice.loop.sleep(for: .seconds(5))
                for _ in 0..<8 {
                    let stream = try await shelf.next(meeting.alice)
                    group.addTask {
                        while let bytes = try await stream.read() { arrived.add(bytes.count) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(arrived.value == 8 * (offset + byteCount))
        }
    }

    @Test(arguments: Place.both) func everyPriorityCarriesItsBytes(place: Place) async throws {
        try await place.run { meeting in
            meeting.bob.serveEcho()
            let connection = try await meeting.connect()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<12 {
                    let priority = StreamPriority.allCases[index % 4]
                    group.addTask {
                        let stream = try await connection.openStream(["/echo"], priority: priority)
                        async let written: Void = {
                            try await Pattern.write(index, 400_000, to: stream, pieceByteCount: 90_000)
                            await stream.setPriority(StreamPriority.allCases[(index + 1) % 4])
                            try await stream.closeWrite()
                        }()
                        let result = try await Pattern.check(index, stream)
                        try await written
                        #expect(result.byteCount == 400_000)
                        #expect(result.wrongAt == nil)
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
