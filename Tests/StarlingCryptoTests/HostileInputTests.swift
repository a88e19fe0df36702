import StarlingCore
import Testing

@testable import StarlingCrypto

/// Every parser takes bytes at random, and valid messages with random damage, without a trap.
@Suite struct HostileInputTests {
    /// A small generator, so that a printed seed repeats a run.
    private struct Draws {
        var state: UInt64

        mutating func number(below bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }

        mutating func bytes(upTo count: Int) -> [UInt8] {
            (0..<number(below: count + 1)).map { _ in UInt8(number(below: 256)) }
        }

        mutating func damage(_ message: [UInt8]) -> [UInt8] {
            var message = message
            for _ in 0...number(below: 3) where !message.isEmpty {
                let index = number(below: message.count)
                switch number(below: 4) {
                case 0: message[index] = UInt8(number(below: 256))
                case 1: message.remove(at: index)
                case 2: message.insert(UInt8(number(below: 256)), at: index)
                default: message.removeLast(number(below: message.count - index + 1))
                }
            }
            return message
        }
    }

    private func parse(_ bytes: [UInt8]) {
        _ = try? PublicKey(protobuf: bytes)
        _ = try? PublicKey(kind: .ecdsa, data: bytes.span)
        _ = try? PublicKey(kind: .rsa, data: bytes.span)
        _ = try? IdentityKey(protobuf: bytes.span)
        _ = try? NoisePayload(parsing: bytes.span, NoiseHandshake.Limits())
        _ = try? SignedEnvelope(parsing: bytes, domain: "test")
        _ = try? PeerRecord(parsing: bytes)
    }

    @Test func randomBytesNeverTrap() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var draws = Draws(state: seed)
        for _ in 0..<3000 { parse(draws.bytes(upTo: 200)) }
    }

    @Test func damagedMessagesNeverTrap() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var draws = Draws(state: seed)
        let identity = try IdentityKey(seed: [UInt8](0..<32))
        let record = PeerRecord(
            peerID: identity.peerID,
            sequenceNumber: 7,
            addresses: [try Multiaddr("/ip4/192.0.2.1/tcp/4001")]
        )
        var messages = try KeyVector.all.map { try #require(Hex.decode($0.protobuf)) }
        messages += try KeyVector.all.map { try PublicKey(protobuf: #require(Hex.decode($0.protobuf))).data }
        messages.append(record.sealed(with: identity).encoded())
        messages.append(
            NoisePayload(identityKey: [1], identitySignature: [2], muxers: ["/a", "/b"]).encoded()
        )
        messages.append(identity.protobuf().withSpan { $0.array() })
        for step in 0..<3000 { parse(draws.damage(messages[step % messages.count])) }
    }

    @Test func damagedSignaturesNeverTrapAndNeverPass() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("seed \(seed)")
        var draws = Draws(state: seed)
        for vector in KeyVector.all where vector.name != "rsa8192" {
            let key = try PublicKey(protobuf: #require(Hex.decode(vector.protobuf)))
            let signature = try #require(Hex.decode(vector.signature))
            for _ in 0..<100 {
                let changed = draws.damage(signature)
                guard changed != signature else { continue }
                #expect(!key.verify(changed, over: KeyVector.message), "seed \(seed), \(vector.name)")
            }
        }
    }

    @Test func aCipherIsSharedByManyThreads() async throws {
        let cipher = try ChaChaPoly()
        let failureCount = await withTaskGroup(of: Int.self) { group in
            for index in 0..<8 {
                group.addTask {
                    let key = [UInt8](repeating: UInt8(index), count: 32)
                    guard let sender = try? NoiseSide(key: key, peerKey: key),
                        let receiver = try? NoiseSide(key: key, peerKey: key)
                    else { return 1 }
                    return (0..<200).count { step in
                        let content = [UInt8](repeating: UInt8(index), count: step)
                        guard let record = try? sender.seal(content, cipher) else { return true }
                        return (try? receiver.open(record, cipher)) != content
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(failureCount == 0)
    }
}
