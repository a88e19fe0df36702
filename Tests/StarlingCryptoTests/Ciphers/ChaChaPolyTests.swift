import CSodium
import StarlingCore
import Testing

@testable import StarlingCrypto

/// Who encrypts long messages.
enum CipherImplementation: CaseIterable {
    /// libgcrypt.
    case narrow
    /// libipsec-mb.
    case wide

    /// Those that there are on this machine.
    static var present: [CipherImplementation] {
        if WideChaChaPoly.isAvailable { return allCases }
        print(
            "libipsec-mb is not installed, or this processor has not what it needs: only libgcrypt is tested"
        )
        return [.narrow]
    }
}

/// Encrypts and decrypts whole arrays through a block, for tests.
struct CipherBench {
    let cipher: ChaChaPoly

    init(_ implementation: CipherImplementation = .narrow) throws {
        cipher = try ChaChaPoly(hasWide: implementation == .wide)
    }

    func seal(_ content: [UInt8], key: [UInt8], nonce: CipherNonce, data: [UInt8] = []) throws -> [UInt8] {
        let block = Buffer(byteCount: content.count + 21)
        block.write(content.span, at: 5)
        let range = 5..<5 + content.count
        try cipher.seal(
            block,
            range,
            key: SecretBytes(copying: key.span),
            nonce: nonce,
            authenticating: data.span
        )
        return block.withSpan(5..<range.upperBound + 16) { $0.array() }
    }

    func open(_ sealed: [UInt8], key: [UInt8], nonce: CipherNonce, data: [UInt8] = []) throws -> [UInt8] {
        let block = Buffer(byteCount: sealed.count + 5)
        block.write(sealed.span, at: 5)
        do {
            let range = try cipher.open(
                block,
                5..<5 + sealed.count,
                key: SecretBytes(copying: key.span),
                nonce: nonce,
                authenticating: data.span
            )
            return block.withSpan(range) { $0.array() }
        } catch {
            let rest = block.withSpan(5..<5 + sealed.count) { $0.array() }
            if sealed.count >= 16 { #expect(rest.allSatisfy { $0 == 0 }) }
            throw error
        }
    }
}

@Suite struct ChaChaPolyTests {
    private let bench: CipherBench

    init() throws { bench = try CipherBench() }

    /// RFC 8439, section 2.8.2.
    ///
    /// The nonce is 07 00 00 00, then 40 to 47.
    @Test func sealsTheExampleOfTheRFC() throws {
        let text = """
            Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
            sunscreen would be it.
            """
        let nonce = CipherNonce(prefix: 7, counter: 0x4746_4544_4342_4140)
        let data = try #require(Hex.decode("50515253c0c1c2c3c4c5c6c7"))
        let sealed = try bench.seal(Array(text.utf8), key: [UInt8](0x80...0x9f), nonce: nonce, data: data)
        #expect(
            Hex.encode(sealed) == """
                d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da\
                92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585\
                808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691
                """
        )
        let opened = try bench.open(sealed, key: [UInt8](0x80...0x9f), nonce: nonce, data: data)
        #expect(opened == Array(text.utf8))
    }

    /// RFC 8439, appendix A.5: the length of the data is no multiple of 16.
    @Test func opensTheExampleOfTheRFC() throws {
        let key = try #require(
            Hex.decode("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0")
        )
        let sealed = try #require(
            Hex.decode(
                """
                64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e38\
                2d26b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f9\
                82b1ff37c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d\
                46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04\
                b3564eea1b422273f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049\
                e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709beead9d6789\
                0cbb22392336fea1851f38
                """
            )
        )
        let nonce = CipherNonce(prefix: 0, counter: 0x0807_0605_0403_0201)
        let data = try #require(Hex.decode("f33388860000000000004e91"))
        let opened = try bench.open(sealed, key: key, nonce: nonce, data: data)
        #expect(String(decoding: opened, as: UTF8.self).hasPrefix("Internet-Drafts are draft documents"))
    }

    @Test(arguments: CipherImplementation.present)
    func agreesWithAnotherLibraryAtEveryLengthAroundItsBlocks(_ implementation: CipherImplementation) throws {
        let bench = try CipherBench(implementation)
        let lengths = Array(0...130) + [255, 256, 257, 511, 512, 513, 1023, 1024, 1025]
        // The wide one works on sixteen blocks of 64 bytes at once.
        let edges = (65...81).flatMap { blocks -> [Int] in [-1, 0, 1, 33].map { blocks * 64 + $0 } }
        let longLengths = Array(4090...4130) + edges + [8191, 16400, 32767, 65519, 131_072]
        let pattern = (0..<131_072 + 256).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }
        for length in lengths + longLengths {
            let content = Array(pattern[(length % 256)...].prefix(length))
            let data = (0..<length % 40).map { UInt8($0) }
            let key = (0..<32).map { UInt8(truncatingIfNeeded: $0 &* 5 &+ length) }
            let nonce = CipherNonce(prefix: UInt32(length), counter: UInt64(length) << 33 | 1)
            var nonceBytes: [UInt8] = []
            withUnsafeBytes(of: nonce.prefix.littleEndian) { nonceBytes += $0 }
            withUnsafeBytes(of: nonce.counter.littleEndian) { nonceBytes += $0 }
            var expected = [UInt8](repeating: 0, count: length + 16)
            crypto_aead_chacha20poly1305_ietf_encrypt(
                &expected,
                nil,
                content,
                UInt64(length),
                data,
                UInt64(data.count),
                nil,
                nonceBytes,
                key
            )
            let sealed = try bench.seal(content, key: key, nonce: nonce, data: data)
            #expect(sealed == expected, "length \(length)")
            let opened = try bench.open(sealed, key: key, nonce: nonce, data: data)
            #expect(opened == content)
        }
    }

    @Test func everyChangedBitIsSeenAndTheOutputWiped() throws {
        let key = [UInt8](1...32)
        let nonce = CipherNonce(counter: 9)
        let sealed = try bench.seal([UInt8](0..<40), key: key, nonce: nonce, data: [1, 2])
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 1 << UInt8(index % 8)
            #expect(throws: CipherError.authenticationFailed) {
                try bench.open(changed, key: key, nonce: nonce, data: [1, 2])
            }
        }
        for count in 0..<sealed.count {
            #expect(throws: CipherError.authenticationFailed) {
                try bench.open(Array(sealed.prefix(count)), key: key, nonce: nonce, data: [1, 2])
            }
        }
        #expect(throws: CipherError.authenticationFailed) {
            try bench.open(sealed, key: key, nonce: nonce, data: [1, 3])
        }
        #expect(throws: CipherError.authenticationFailed) { try bench.open(sealed, key: key, nonce: nonce) }
        #expect(throws: CipherError.authenticationFailed) {
            try bench.open(sealed, key: key, nonce: CipherNonce(counter: 10), data: [1, 2])
        }
        #expect(throws: CipherError.authenticationFailed) {
            try bench.open(sealed, key: [UInt8](0...31), nonce: nonce, data: [1, 2])
        }
        #expect(try bench.open(sealed, key: key, nonce: nonce, data: [1, 2]) == [UInt8](0..<40))
    }

    @Test(arguments: CipherImplementation.present)
    func aChangedBitOfALongMessageIsSeenAndTheOutputWiped(_ implementation: CipherImplementation) throws {
        let bench = try CipherBench(implementation)
        let key = [UInt8](1...32)
        let nonce = CipherNonce(counter: 9)
        let content = (0..<9000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let sealed = try bench.seal(content, key: key, nonce: nonce, data: [1, 2])
        for index in [0, 1, 4095, 4096, 8999] + Array(9000..<9016) {
            var changed = sealed
            changed[index] ^= 1 << UInt8(index % 8)
            #expect(throws: CipherError.authenticationFailed) {
                try bench.open(changed, key: key, nonce: nonce, data: [1, 2])
            }
        }
        #expect(throws: CipherError.authenticationFailed) {
            try bench.open(Array(sealed.dropLast()), key: key, nonce: nonce, data: [1, 2])
        }
        #expect(throws: CipherError.authenticationFailed) {
            try bench.open(sealed, key: key, nonce: nonce, data: [1, 3])
        }
        #expect(throws: CipherError.authenticationFailed) {
            try bench.open(sealed, key: key, nonce: CipherNonce(counter: 10), data: [1, 2])
        }
        #expect(throws: CipherError.authenticationFailed) {
            try bench.open(sealed, key: [UInt8](0...31), nonce: nonce, data: [1, 2])
        }
        #expect(try bench.open(sealed, key: key, nonce: nonce, data: [1, 2]) == content)
    }

    @Test func keysThatTakeTurnsDoNotMix() throws {
        let fresh = try (0..<4).map { index in
            try CipherBench().seal(
                [UInt8](repeating: 7, count: 100),
                key: [UInt8](repeating: UInt8(index), count: 32),
                nonce: CipherNonce(counter: 3)
            )
        }
        for index in [0, 1, 1, 0, 2, 3, 3, 3, 0, 2, 1] {
            let key = [UInt8](repeating: UInt8(index), count: 32)
            let sealed = try bench.seal(
                [UInt8](repeating: 7, count: 100),
                key: key,
                nonce: CipherNonce(counter: 3)
            )
            #expect(sealed == fresh[index])
            #expect(try bench.open(sealed, key: key, nonce: CipherNonce(counter: 3)).count == 100)
        }
    }

    @Test(arguments: [20, 5000], CipherImplementation.present)
    func leavesTheBytesAroundTheRecordAlone(
        _ contentByteCount: Int,
        _ implementation: CipherImplementation
    ) throws {
        let bench = try CipherBench(implementation)
        let block = Buffer(byteCount: contentByteCount + 44)
        block.write([UInt8](repeating: 0xee, count: block.byteCount).span, at: 0)
        let key = SecretBytes(copying: [UInt8](0..<32).span)
        let end = 10 + contentByteCount + 16
        try bench.cipher.seal(block, 10..<10 + contentByteCount, key: key, nonce: CipherNonce(counter: 0))
        _ = try bench.cipher.open(block, 10..<end, key: key, nonce: CipherNonce(counter: 0))
        let isIntact =
            (0..<10).allSatisfy { block[$0] == 0xee }
            && (end..<block.byteCount).allSatisfy { block[$0] == 0xee }
        #expect(isIntact)
    }
}
