import StarlingCore
import StarlingIO
import StarlingWorld
import Testing

@Suite struct SystemResolverTests {
    @Test func localhostIsTheLoopbackAddress() async throws {
        try await withLoop { loop in
            let resolver = SystemResolver(loop: loop)
            let v4 = try await resolver.addresses(of: "localhost", family: .ipv4)
            #expect(v4 == [.v4(0x7f00_0001)])
            let all = try await resolver.addresses(of: "localhost", family: .any)
            #expect(all.contains(.v4(0x7f00_0001)))
            #expect(loop.isCurrent)
        }
    }

    @Test func numbersAreTheirOwnAnswer() async throws {
        try await withLoop { loop in
            let resolver = SystemResolver(loop: loop)
            let v4 = try await resolver.addresses(of: "10.1.2.3", family: .any)
            #expect(v4 == [.v4(0x0a01_0203)])
            let v6 = try await resolver.addresses(of: "::1", family: .ipv6)
            #expect(v6 == [.v6(high: 0, low: 1)])
        }
    }

    @Test(arguments: ["", "two words", "a\0b", "line\nbreak", String(repeating: "a", count: 254)])
    func namesThatCannotBeAskedForAreRefused(name: String) async throws {
        try await withLoop { loop in
            let resolver = SystemResolver(loop: loop)
            await #expect(throws: ResolverError.invalidName) {
                try await resolver.addresses(of: name, family: .any)
            }
            await #expect(throws: ResolverError.invalidName) { try await resolver.texts(of: name) }
        }
    }

    @Test func aCancelledLookupReturnsAtOnce() async throws {
        try await withLoop { loop in
            let resolver = SystemResolver(loop: loop)
            let lookup = loop.startTask(returning: [IPAddress].self) {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await resolver.addresses(of: "localhost", family: .any)
            }
            await #expect(throws: ResolverError.cancelled) { try await lookup.value }
        }
    }

    @Test func aStoppedLoopAnswersWhatItCannotLookUp() async throws {
        let loop = try UVLoop(name: "test", log: Log(sink: SilentLog()))
        let resolver = SystemResolver(loop: loop)
        let lookups = (0..<20).map { _ in
            loop.startTask(returning: Void.self) {
                _ = try? await resolver.addresses(of: "localhost", family: .any)
            }
        }
        for lookup in lookups { try await lookup.value }
        loop.stop()
    }

    // MARK: TXT answers

    /// A DNS answer with one question and the given records' bodies, each preceded by a pointer to the name.
    private func answer(_ records: [(type: UInt16, data: [UInt8])], claimedCount: Int? = nil) -> [UInt8] {
        let count = claimedCount ?? records.count
        var bytes: [UInt8] = [0, 1, 0x81, 0x80, 0, 1, UInt8(count >> 8), UInt8(count & 255), 0, 0, 0, 0]
        bytes += [1, UInt8(ascii: "a"), 0, 0, 16, 0, 1]
        for (type, data) in records {
            bytes += [0xc0, 12, UInt8(type >> 8), UInt8(type & 255), 0, 1, 0, 0, 0, 60]
            bytes += [UInt8(data.count >> 8), UInt8(data.count & 255)] + data
        }
        return bytes
    }

    @Test func stringsOfARecordAreJoinedAndOtherRecordsSkipped() throws {
        let bytes = answer([
            (16, [2] + Array("ab".utf8) + [1] + Array("c".utf8)),
            (1, [10, 0, 0, 1]),
            (16, [3] + Array("xyz".utf8)),
            (16, [0]),
        ])
        #expect(try SystemResolver.texts(inAnswer: bytes) == ["abc", "xyz", ""])
    }

    @Test func atMostTheLimitOfRecordsIsTaken() throws {
        for count in [63, 64, 65] {
            let bytes = answer((0..<count).map { _ in (16, [1, 65]) })
            #expect(try SystemResolver.texts(inAnswer: bytes).count == min(count, 64))
        }
    }

    @Test func brokenAnswersAreErrorsAndNothingWorse() throws {
        let whole = answer([(16, [2] + Array("ab".utf8)), (16, [1, 99])])
        for end in 0..<whole.count {
            #expect(throws: ResolverError.self, "cut at \(end)") {
                try SystemResolver.texts(inAnswer: Array(whole[..<end]))
            }
        }
        // A string that claims more than its record holds.
        #expect(throws: ResolverError.self) {
            try SystemResolver.texts(inAnswer: answer([(16, [200, 1, 2])]))
        }
        #expect(throws: ResolverError.self) {
            try SystemResolver.texts(inAnswer: answer([(16, [1, 65])], claimedCount: 2))
        }
        var state: UInt64 = 42
        for round in 0..<20_000 {
            var bytes = whole
            for _ in 0..<3 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 25)
            }
            let texts = (try? SystemResolver.texts(inAnswer: bytes)) ?? []
            #expect(texts.count <= 64, "round \(round)")
        }
    }
}
