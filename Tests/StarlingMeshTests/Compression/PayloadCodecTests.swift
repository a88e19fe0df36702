import Testing

@testable import StarlingMesh

@Suite struct PayloadCodecTests {
    private static let text = "text/plain"
    private static let binary = "application/octet-stream"

    /// Text that any method makes smaller.
    private func prose(_ byteCount: Int) -> [UInt8] {
        let line = Array("nothing that send accepted is lost; ".utf8)
        return (0..<byteCount).map { line[$0 % line.count] }
    }

    private func noise(_ byteCount: Int, seed: UInt64) -> [UInt8] {
        var draws = Draws(state: seed)
        return (0..<byteCount).map { _ in UInt8(draws.number(below: 256)) }
    }

    /// A small generator, so that a printed seed repeats a run.
    private struct Draws {
        var state: UInt64

        mutating func number(below bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
    }

    private func error(_ payload: CompressedPayload, limits: PayloadCodec.Limits = .init())
        -> CompressionError?
    {
        var codec = PayloadCodec(limits: limits)
        do {
            _ = try codec.decompress(payload)
            return nil
        } catch {
            return error
        }
    }

    private func travelling(_ payload: [UInt8], _ contentType: String) throws -> CompressedPayload {
        var codec = PayloadCodec()
        let travelling = codec.compress(payload, contentType: contentType)
        try #require(travelling.method != .none)
        return travelling
    }

    @Test func afterARestItCompressesAndDecompressesAsBefore() throws {
        var codec = PayloadCodec()
        let payload = prose(20_000)
        let first = codec.compress(payload, contentType: Self.text)
        #expect(first.method == .zstd)
        let read = try codec.decompress(first)
        #expect(read == payload)
        codec.rest()
        codec.rest()
        let readAgain = try codec.decompress(first)
        let second = codec.compress(payload, contentType: Self.text)
        #expect(readAgain == payload)
        #expect(second == first)
    }

    @Test(arguments: [(text, CompressionMethod.zstd), (binary, .lz4), ("", .lz4)])
    func whatWasCompressedComesBack(contentType: String, method: CompressionMethod) throws {
        var codec = PayloadCodec()
        for byteCount in [1024, 1025, 4096, 65_536, 1_048_576] {
            let payload = prose(byteCount)
            let travelling = codec.compress(payload, contentType: contentType)
            #expect(travelling.method == method)
            #expect(travelling.byteCount == byteCount)
            #expect(travelling.bytes.count < byteCount / 4)
            let again = try codec.decompress(travelling)
            #expect(again == payload)
        }
    }

    @Test func compressionBeginsAtOneKibibyte() {
        var codec = PayloadCodec()
        for byteCount in [0, 1, 1023] {
            let payload = prose(byteCount)
            let travelling = codec.compress(payload, contentType: Self.text)
            #expect(travelling == CompressedPayload(payload))
        }
        let travelling = codec.compress(prose(1024), contentType: Self.text)
        #expect(travelling.method == .zstd)
    }

    @Test func theLargestPayloadIsCompressedAndTheNextOneIsNot() throws {
        var limits = PayloadCodec.Limits()
        limits.payloadByteCountMax = 4096
        var codec = PayloadCodec(limits: limits)
        for contentType in [Self.text, Self.binary] {
            let largest = codec.compress(prose(4096), contentType: contentType)
            #expect(largest.method != .none)
            let again = try codec.decompress(largest)
            #expect(again.count == 4096)
            let larger = codec.compress(prose(4097), contentType: contentType)
            #expect(larger.method == .none)
            #expect(error(larger, limits: limits) == .tooLarge(byteCountMax: 4096))
        }
    }

    @Test func aPayloadNeverGrows() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var codec = PayloadCodec()
        for byteCount in [1024, 1500, 65_536] {
            let payload = noise(byteCount, seed: seed)
            for contentType in [Self.text, Self.binary] {
                let travelling = codec.compress(payload, contentType: contentType)
                #expect(travelling == CompressedPayload(payload), "seed \(seed)")
                let again = try codec.decompress(travelling)
                #expect(again == payload)
            }
        }
    }

    /// Noise with a repetition that saves a little: about as much as has to be saved.
    @Test func aGainBelowTheLeastOneIsNotTaken() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var codec = PayloadCodec()
        var methods: Set<CompressionMethod> = []
        for repeated in 0..<128 {
            let head = noise(2048 - repeated, seed: seed &+ UInt64(repeated))
            let payload = head + head.prefix(repeated)
            for contentType in [Self.text, Self.binary] {
                let travelling = codec.compress(payload, contentType: contentType)
                methods.insert(travelling.method)
                let saved = payload.count - travelling.bytes.count
                #expect(travelling.method == .none ? saved == 0 : saved >= 16, "seed \(seed)")
            }
        }
        #expect(methods == [.none, .lz4, .zstd], "seed \(seed)")
    }

    @Test func typesThatAreCompressedAreLeftAlone() {
        var codec = PayloadCodec()
        let payload = prose(4096)
        for contentType in ["image/jpeg", "application/zip", "video/mp4"] {
            let travelling = codec.compress(payload, contentType: contentType)
            #expect(travelling == CompressedPayload(payload))
        }
    }

    @Test func aContextThatIsUsedAgainGivesTheSameBytes() throws {
        var used = PayloadCodec()
        for byteCount in [65_536, 1024, 200_000] {
            _ = used.compress(prose(byteCount), contentType: Self.text)
            let again = used.compress(prose(3000), contentType: Self.text)
            #expect(again == (try travelling(prose(3000), Self.text)))
        }
    }

    @Test func whatSaysThatItIsTooLargeIsNotDecompressed() throws {
        for contentType in [Self.text, Self.binary] {
            let honest = try travelling(prose(2000), contentType)
            for byteCount in [1_048_577, Int.max] {
                let bomb = CompressedPayload(method: honest.method, byteCount: byteCount, bytes: honest.bytes)
                #expect(error(bomb) == .tooLarge(byteCountMax: 1_048_576))
            }
        }
    }

    /// 64 MiB of zeros in a few kilobytes, with and without a lie about it.
    @Test func aBombIsRefusedHoweverItIsDeclared() throws {
        var limits = PayloadCodec.Limits()
        limits.payloadByteCountMax = 1 << 26
        for contentType in [Self.text, Self.binary] {
            var bomber = PayloadCodec(limits: limits)
            let bomb = bomber.compress([UInt8](repeating: 0, count: 1 << 26), contentType: contentType)
            #expect(bomb.bytes.count < 1 << 19)
            #expect(error(bomb) == .tooLarge(byteCountMax: 1_048_576))
            let lie = CompressedPayload(method: bomb.method, byteCount: 1_048_576, bytes: bomb.bytes)
            #expect(error(lie) == (bomb.method == .zstd ? .sizeDiffers : .malformed))
        }
    }

    @Test func anotherSizeThanTheDeclaredOneIsRefused() throws {
        for contentType in [Self.text, Self.binary] {
            let honest = try travelling(prose(2000), contentType)
            for byteCount in [0, 1, 1999, 2001, 1_048_576] {
                let lie = CompressedPayload(method: honest.method, byteCount: byteCount, bytes: honest.bytes)
                let found = try #require(error(lie))
                #expect([.sizeDiffers, .malformed].contains(found))
                if byteCount > 2000 { #expect(found == .sizeDiffers) }
            }
        }
        let plain = CompressedPayload(method: .none, byteCount: 4, bytes: [1, 2, 3])
        #expect(error(plain) == .sizeDiffers)
        #expect(error(CompressedPayload([])) == nil)
    }

    @Test func whatIsCutShortOrHasMoreBehindItIsRefused() throws {
        for contentType in [Self.text, Self.binary] {
            let honest = try travelling(prose(2000), contentType)
            for count in 0..<honest.bytes.count {
                let cut = CompressedPayload(
                    method: honest.method,
                    byteCount: 2000,
                    bytes: Array(honest.bytes.prefix(count))
                )
                #expect(error(cut) != nil, "\(contentType), \(count) bytes")
            }
            let longer = CompressedPayload(method: honest.method, byteCount: 2000, bytes: honest.bytes + [0])
            #expect(error(longer) == .malformed)
            let twice = CompressedPayload(
                method: honest.method,
                byteCount: 4000,
                bytes: honest.bytes + honest.bytes
            )
            #expect(error(twice) == .malformed)
        }
    }

    /// Frames of old versions, without content, and without a word about their size.
    @Test func otherFramesOfZstandardAreRefused() {
        let frames: [[UInt8]] = [
            // Version 0.7.
            [0x27, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0],
            // To be skipped: four bytes of anything.
            [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4],
            [0x28, 0xb5, 0x2f],
            [],
        ]
        for frame in frames {
            #expect(error(CompressedPayload(method: .zstd, byteCount: 2000, bytes: frame)) == .malformed)
        }
        // A window of 1 KiB, no size, and one last block that repeats a byte 100 times.
        let unsized: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x00, 0x23, 0x03, 0x00, 0x61]
        #expect(error(CompressedPayload(method: .zstd, byteCount: 100, bytes: unsized)) == .sizeDiffers)
    }

    @Test func damagedBytesNeverTrap() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var draws = Draws(state: seed)
        var codec = PayloadCodec()
        for contentType in [Self.text, Self.binary] {
            let honest = try travelling(prose(1500) + noise(1500, seed: seed), contentType)
            for _ in 0..<2000 {
                var bytes = honest.bytes
                for _ in 0...draws.number(below: 4) {
                    bytes[draws.number(below: bytes.count)] = UInt8(draws.number(below: 256))
                }
                let damaged = CompressedPayload(method: honest.method, byteCount: 3000, bytes: bytes)
                if let payload = try? codec.decompress(damaged) {
                    #expect(payload.count == 3000, "seed \(seed)")
                }
            }
            // The codec is as good as before.
            let again = try codec.decompress(honest)
            #expect(again.count == 3000)
        }
    }
}
