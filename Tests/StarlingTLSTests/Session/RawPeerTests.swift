import CGnuTLS
import StarlingCore
import StarlingCrypto
import Testing

@testable import StarlingTLS

/// Peers that speak TLS, but not as libp2p does.
@Suite struct RawPeerTests {
    @Test func aClientWithoutACertificateIsRefused() throws {
        let session = try TestNode(2).session(.server)
        #expect(throws: TLSError.noCertificate) { try RawPeer(.client).meet(session) }
        #expect(session.peer == nil)
        #expect(throws: TLSError.noCertificate) { try session.opened() }
    }

    @Test(arguments: [TLSRole.client, .server]) func aCertificateWithoutTheExtensionIsRefused(role: TLSRole)
        throws
    {
        let certificate = RawCertificate()
        defer { gnutls_x509_privkey_deinit(certificate.key) }
        let peer = RawPeer(role, certificates: [certificate.bytes], key: certificate.key)
        let session = try TestNode(2).session(role == .client ? .server : .client)
        #expect(throws: TLSError.certificate(.missingExtension)) { try peer.meet(session) }
        #expect(session.peer == nil)
    }

    @Test func aStolenExtensionProvesNothing() throws {
        // The extension of another node's certificate, under a key that the thief has.
        let victim = try TestNode(1).credentials.certificate
        let content = victim.span.array(try #require(try CertificateFields(victim.span).libp2pExtension))
        let certificate = RawCertificate(extension: content)
        defer { gnutls_x509_privkey_deinit(certificate.key) }
        let peer = RawPeer(.client, certificates: [certificate.bytes], key: certificate.key)
        let session = try TestNode(2).session(.server)
        #expect(throws: TLSError.certificate(.hostSignatureInvalid)) { try peer.meet(session) }
    }

    @Test func aStolenCertificateIsUselessWithoutItsKey() throws {
        let victim = try TestNode(1).credentials.certificate
        let thief = RawCertificate()
        defer { gnutls_x509_privkey_deinit(thief.key) }
        let peer = RawPeer(.client, certificates: [victim], key: thief.key)
        let session = try TestNode(2).session(.server)
        #expect(throws: TLSError.self) { try peer.meet(session) }
        #expect(session.peer == nil)
    }

    @Test func aChainOfTwoIsRefused() throws {
        let first = RawCertificate()
        let second = RawCertificate()
        defer {
            gnutls_x509_privkey_deinit(first.key)
            gnutls_x509_privkey_deinit(second.key)
        }
        let peer = RawPeer(.client, certificates: [first.bytes, second.bytes], key: first.key)
        let session = try TestNode(2).session(.server)
        #expect(throws: TLSError.certificate(.notOneCertificate(count: 2))) { try peer.meet(session) }
    }

    @Test func anotherApplicationProtocolIsRefused() throws {
        let session = try TestNode(2).session(.server)
        #expect(throws: TLSError.noCommonProtocol) {
            try RawPeer(.client, protocols: ["h2", "http/1.1"]).meet(session)
        }
        #expect(!session.output().isEmpty)
    }

    @Test(arguments: [TLSRole.client, .server]) func olderVersionsAreRefused(role: TLSRole) throws {
        let session = try TestNode(2).session(role == .client ? .server : .client)
        let certificate = RawCertificate()
        defer { gnutls_x509_privkey_deinit(certificate.key) }
        let peer = RawPeer(
            role,
            certificates: [certificate.bytes],
            key: certificate.key,
            priorities: "NORMAL:-VERS-ALL:+VERS-TLS1.2"
        )
        if role == .client {
            #expect(throws: TLSError.noCommonAlgorithm) { try peer.meet(session) }
        } else {
            // Such a server gives up before it has said anything.
            try peer.meet(session)
            #expect(!peer.handshake())
        }
        #expect(session.peer == nil)
    }

    @Test(arguments: ["AES-256-GCM", "CHACHA20-POLY1305", "AES-128-GCM"])
    func eachCipherOfThePriorityListCarriesContent(cipher: String) throws {
        let node = try TestNode(1)
        let (peer, session) = try meeting(node, RawPeer.tls13 + ":-CIPHER-ALL:+" + cipher)
        #expect(session.peer?.description.contains(cipher) == true)
        peer.receive(try session.sealed([1, 2, 3]))
        #expect(peer.read(3) == [1, 2, 3])
        #expect(peer.send([4, 5]) == 2)
        session.receive(peer.output())
        #expect(try session.opened().content == [4, 5])
    }

    @Test func aPeerThatNamesNoProtocolGetsMultistream() throws {
        let (_, session) = try meeting(try TestNode(1), RawPeer.tls13, protocols: [])
        #expect(session.peer != nil && session.peer?.muxer == nil)
    }

    @Test func keysChangeWhileContentFlows() throws {
        let (peer, session) = try meeting(try TestNode(1), RawPeer.tls13)
        for round in 0..<4 as Range<UInt8> {
            peer.updateKeys()
            #expect(peer.send([round]) == 1)
            session.receive(peer.output())
            #expect(try session.opened() == ([round], .needsInput))
            // The answer carries our own change of keys, in the room that is kept for it.
            let content = [UInt8](repeating: round, count: 65_536)
            var rest = BufferSlice(copying: content.span)
            let block = Buffer(byteCount: 65_664)
            let range = try session.seal(&rest, into: block)
            #expect(rest.isEmpty)
            #expect(range.count == 65_536 + 4 * TLSSession.recordOverhead + 27)
            peer.receive(BufferSlice(block, range).array())
            let isSame = peer.read(content.count) == content
            #expect(isSame)
        }
    }

    @Test func ticketsOfTheServerAreIgnored() throws {
        // A server of GnuTLS's own making sends them after the handshake; ours comes back for content.
        let certificate = try proven(TestNode(1))
        defer { gnutls_x509_privkey_deinit(certificate.key) }
        let peer = RawPeer(.server, certificates: [certificate.bytes], key: certificate.key)
        let session = try TestNode(2).session(.client, expecting: TestNode(1).peerID)
        try peer.meet(session)
        session.receive(peer.output())
        #expect(peer.send([7]) == 1)
        session.receive(peer.output())
        #expect(try session.opened() == ([7], .needsInput))
    }

    // MARK: - Peers that are all right

    /// A certificate that `node` vouches for, under a key that the test has.
    private func proven(_ node: TestNode) throws -> RawCertificate {
        // The extension depends on the key, which a first certificate without it brings.
        let draft = RawCertificate()
        let info = draft.bytes.span.array(try CertificateFields(draft.bytes.span).keyInfo)
        let signature = node.identity.sign(TLSCertificate.signaturePrefix + info)
        let key = node.identity.publicKey.protobuf
        let pair = [0x04, UInt8(key.count)] + key + [0x04, UInt8(signature.count)] + signature
        return RawCertificate(key: draft.key, extension: [0x30, UInt8(pair.count)] + pair)
    }

    private func meeting(
        _ node: TestNode,
        _ priorities: String,
        protocols: [String] = ["libp2p"]
    ) throws -> (RawPeer, TLSSession) {
        let certificate = try proven(node)
        defer { gnutls_x509_privkey_deinit(certificate.key) }
        let peer = RawPeer(
            .client,
            certificates: [certificate.bytes],
            key: certificate.key,
            protocols: protocols,
            priorities: priorities
        )
        let session = try TestNode(2).session(.server, expecting: node.peerID)
        try peer.meet(session)
        #expect(session.peer?.peerID == node.peerID)
        return (peer, session)
    }
}
