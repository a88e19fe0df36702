import CGnuTLS
import StarlingCore
import StarlingCrypto

@testable import StarlingTLS

/// A TLS peer that breaks libp2p's rules as it is told, straight on GnuTLS.
final class RawPeer {
    static let tls13 = "NORMAL:-VERS-ALL:+VERS-TLS1.3"

    private var session: gnutls_session_t?
    private var credentials: gnutls_certificate_credentials_t?
    private var input: [UInt8] = []
    private var sent: [UInt8] = []

    init(
        _ role: TLSRole,
        certificates: [[UInt8]] = [],
        key: gnutls_x509_privkey_t? = nil,
        protocols: [String] = ["libp2p"],
        priorities: String = RawPeer.tls13
    ) {
        gnutls_certificate_allocate_credentials(&credentials)
        if let key, !certificates.isEmpty {
            var list = certificates.map { bytes in
                var certificate = gnutls_pcert_st()
                _ = bytes.span.withDatum {
                    gnutls_pcert_import_x509_raw(&certificate, &$0, GNUTLS_X509_FMT_DER, 0)
                }
                return certificate
            }
            // Owned by the credentials from here on, and not checked to be a chain.
            var copy: gnutls_privkey_t?
            gnutls_privkey_init(&copy)
            gnutls_privkey_import_x509(copy, key, GNUTLS_PRIVKEY_IMPORT_COPY.rawValue)
            gnutls_certificate_set_flags(credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH.rawValue)
            gnutls_certificate_set_key(credentials, nil, 0, &list, Int32(list.count), copy)
        }
        let flags: gnutls_init_flags_t = role == .client ? GNUTLS_CLIENT : GNUTLS_SERVER
        gnutls_init(&session, flags.rawValue | GNUTLS_NONBLOCK.rawValue)
        gnutls_priority_set_direct(session, priorities, nil)
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(credentials))
        if role == .server { gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST) }
        // The names are copied by the call; until then they need memory that does not move.
        var names = protocols.map { name in
            let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: name.utf8.count)
            _ = bytes.initialize(from: name.utf8)
            return gnutls_datum_t(data: bytes.baseAddress, size: UInt32(bytes.count))
        }
        if !names.isEmpty { gnutls_alpn_set_protocols(session, &names, UInt32(names.count), 0) }
        for name in names { name.data.deallocate() }
        gnutls_transport_set_ptr(session, Unmanaged.passUnretained(self).toOpaque())
        gnutls_transport_set_vec_push_function(session) { reference, parts, count in
            guard let peer = RawPeer.from(reference), let parts else { return -1 }
            var total = 0
            for index in 0..<Int(count) {
                let part = UnsafeRawBufferPointer(start: parts[index].iov_base, count: parts[index].iov_len)
                peer.sent.append(contentsOf: part)
                total += part.count
            }
            return total
        }
        gnutls_transport_set_pull_function(session) { reference, memory, byteCount in
            guard let peer = RawPeer.from(reference), let memory else { return -1 }
            guard !peer.input.isEmpty else {
                gnutls_transport_set_errno(peer.session, Int32(CGNUTLS_WOULD_BLOCK.rawValue))
                return -1
            }
            let count = min(byteCount, peer.input.count)
            memory.copyMemory(from: Array(peer.input.prefix(count)), byteCount: count)
            peer.input.removeFirst(count)
            return count
        }
        gnutls_transport_set_pull_timeout_function(session) { _, _ in 1 }
    }

    deinit {
        gnutls_deinit(session)
        gnutls_certificate_free_credentials(credentials)
    }

    private static func from(_ reference: UnsafeMutableRawPointer?) -> RawPeer? {
        reference.map { Unmanaged<RawPeer>.fromOpaque($0).takeUnretainedValue() }
    }

    func receive(_ bytes: [UInt8]) { input += bytes }

    func output() -> [UInt8] {
        defer { sent = [] }
        return sent
    }

    /// Whether the handshake is over.
    func handshake() -> Bool { gnutls_handshake(session) == GNUTLS_E_SUCCESS }

    func send(_ content: [UInt8]) -> Int { gnutls_record_send(session, content, content.count) }

    /// The content of what was received, up to `byteCount`.
    func read(_ byteCount: Int) -> [UInt8] {
        var content: [UInt8] = []
        // A change of keys interrupts once.
        for _ in 0..<byteCount / 16_384 + 3 where content.count < byteCount { content += read() ?? [] }
        return content
    }

    private func read() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16_384)
        let count = gnutls_record_recv(session, &bytes, bytes.count)
        return count < 0 ? nil : Array(bytes.prefix(count))
    }

    /// Changes our keys, and asks the other end to change its own.
    func updateKeys() { gnutls_session_key_update(session, UInt32(GNUTLS_KU_PEER)) }

    /// Runs a handshake against one of ours, until it is over there or failed.
    func meet(_ session: TLSSession) throws {
        for _ in 0..<6 {
            _ = handshake()
            session.receive(output())
            let peer = try session.handshake()
            receive(session.output())
            if peer != nil, handshake() { return }
        }
    }
}

/// A key on P-256 and a self-signed certificate, with a libp2p extension if its content is given.
struct RawCertificate {
    let key: gnutls_x509_privkey_t?
    let bytes: [UInt8]

    /// With a fresh key, or with the given one, which then belongs to this value.
    init(key given: gnutls_x509_privkey_t? = nil, extension content: [UInt8]? = nil) {
        var key = given
        if key == nil {
            gnutls_x509_privkey_init(&key)
            gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, UInt32(CGNUTLS_P256.rawValue), 0)
        }
        var certificate: gnutls_x509_crt_t?
        gnutls_x509_crt_init(&certificate)
        gnutls_x509_crt_set_version(certificate, 3)
        gnutls_x509_crt_set_serial(certificate, [1, 2, 3], 3)
        gnutls_x509_crt_set_activation_time(certificate, 1_700_000_000)
        gnutls_x509_crt_set_expiration_time(certificate, 1_900_000_000)
        gnutls_x509_crt_set_key(certificate, key)
        if let content {
            gnutls_x509_crt_set_extension_by_oid(
                certificate,
                "1.3.6.1.4.1.53594.1.1",
                content,
                content.count,
                0
            )
        }
        gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0)
        var datum = gnutls_datum_t()
        gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_DER, &datum)
        bytes = Array(UnsafeBufferPointer(start: datum.data, count: Int(datum.size)))
        cgnutls_free(datum.data)
        gnutls_x509_crt_deinit(certificate)
        self.key = key
    }
}
