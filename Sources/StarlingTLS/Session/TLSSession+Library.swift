internal import CGnuTLS
internal import StarlingCore

/// What a session asks of GnuTLS beyond the one call that each of its methods is about.
extension TLSSession {
    /// A session of GnuTLS with everything set but the references to its owner.
    static func makeHandle(
        _ role: TLSRole,
        _ credentials: TLSCredentials,
        muxers: [String],
        _ limits: Limits
    ) throws(TLSError) -> gnutls_session_t {
        let common =
            GNUTLS_NONBLOCK.rawValue | GNUTLS_NO_TICKETS.rawValue | GNUTLS_NO_AUTO_SEND_TICKET.rawValue
            | GNUTLS_NO_SIGNAL.rawValue
        let flags =
            switch role {
            // The server names no authorities that a certificate could come from, and must get one.
            case .client: GNUTLS_CLIENT.rawValue | GNUTLS_FORCE_CLIENT_CERT.rawValue | common
            case .server: GNUTLS_SERVER.rawValue | common
            }
        var handle: gnutls_session_t?
        try check(unsafe gnutls_init(&handle, flags))
        guard let made = unsafe handle else { throw .gnutlsFailure(code: GNUTLS_E_MEMORY_ERROR) }
        do throws(TLSError) {
            try check(unsafe gnutls_priority_set(made, credentials.priorities))
            let certificate = unsafe UnsafeMutableRawPointer(credentials.handle)
            try check(unsafe gnutls_credentials_set(made, GNUTLS_CRD_CERTIFICATE, certificate))
            try unsafe setProtocols(made, muxers + [plainProtocol])
        } catch {
            unsafe gnutls_deinit(made)
            throw error
        }
        if role == .server { unsafe gnutls_certificate_server_set_request(made, GNUTLS_CERT_REQUIRE) }
        unsafe gnutls_handshake_set_max_packet_length(made, limits.handshakeMessageByteCountMax)
        // The owner's timers end a handshake that stalls; GnuTLS must not look at its clock for that.
        unsafe gnutls_handshake_set_timeout(made, 0)
        return unsafe made
    }

    /// Offers the protocols, or accepts the client's first that is among them.
    private static func setProtocols(
        _ handle: gnutls_session_t,
        _ names: [String]
    ) throws(TLSError) {
        var bytes = names.flatMap { Array($0.utf8) }
        let counts = names.map(\.utf8.count)
        let code = unsafe bytes.withUnsafeMutableBufferPointer { bytes in
            var offset = 0
            var list: [gnutls_datum_t] = unsafe []
            for count in counts {
                unsafe list.append(
                    gnutls_datum_t(data: bytes.baseAddress.map { unsafe $0 + offset }, size: UInt32(count))
                )
                offset += count
            }
            return unsafe gnutls_alpn_set_protocols(
                handle,
                list,
                UInt32(list.count),
                GNUTLS_ALPN_MANDATORY.rawValue
            )
        }
        try check(code)
    }

    /// Connects GnuTLS to the session that its transport pointer refers to.
    static func setCallbacks(_ handle: gnutls_session_t) {
        unsafe gnutls_transport_set_vec_push_function(handle) { reference, parts, count in
            guard let session = unsafe TLSSession.from(reference), let parts = unsafe parts else { return -1 }
            var byteCount = 0
            for index in 0..<Int(count) {
                let part = unsafe parts[index]
                unsafe session.push(UnsafeRawBufferPointer(start: part.iov_base, count: part.iov_len))
                byteCount += unsafe part.iov_len
            }
            return byteCount
        }
        unsafe gnutls_transport_set_pull_function(handle) { reference, memory, byteCount in
            guard let session = unsafe TLSSession.from(reference) else { return -1 }
            let count = unsafe session.pull(UnsafeMutableRawBufferPointer(start: memory, count: byteCount))
            if count > 0 { return count }
            session.setTransportError(isFinal: count < 0)
            return -1
        }
        // Waiting is the owner's business: whether bytes are there, a pull will tell.
        unsafe gnutls_transport_set_pull_timeout_function(handle) { _, _ in 1 }
        unsafe gnutls_session_set_verify_function(handle) { handle in
            guard let handle = unsafe handle,
                let session = unsafe TLSSession.from(gnutls_session_get_ptr(handle))
            else { return GNUTLS_E_CERTIFICATE_ERROR }
            var count: UInt32 = 0
            var chain: [[UInt8]] = []
            if let list = unsafe gnutls_certificate_get_peers(handle, &count) {
                for index in 0..<Int(count) {
                    let datum = unsafe list[index]
                    unsafe chain.append(
                        Array(UnsafeBufferPointer(start: datum.data, count: Int(datum.size)))
                    )
                }
            }
            return session.verify(chain: chain) ? 0 : GNUTLS_E_CERTIFICATE_ERROR
        }
    }

    private static func from(_ reference: UnsafeMutableRawPointer?) -> TLSSession? {
        guard let reference = unsafe reference else { return nil }
        return unsafe Unmanaged<TLSSession>.fromOpaque(reference).takeUnretainedValue()
    }

    /// The protocol that both ends agreed on; `nil` when the peer named none.
    static func chosenProtocol(_ handle: gnutls_session_t) -> String? {
        var datum = unsafe gnutls_datum_t()
        guard unsafe gnutls_alpn_get_selected_protocol(handle, &datum) == GNUTLS_E_SUCCESS else {
            return nil
        }
        let name = unsafe UnsafeBufferPointer(start: datum.data, count: Int(datum.size))
        return unsafe String(decoding: name, as: UTF8.self)
    }

    /// Version, key exchange, signature and cipher.
    static func describe(_ handle: gnutls_session_t) -> String {
        guard let text = unsafe gnutls_session_get_desc(handle) else { return "" }
        defer { unsafe cgnutls_free(text) }
        return unsafe String(cString: text)
    }

    /// The alert that the peer sent last.
    static func lastAlert(_ handle: gnutls_session_t) -> TLSAlert {
        TLSAlert(rawValue: UInt8(clamping: unsafe gnutls_alert_get(handle).rawValue))
    }

    /// Tells the peer why the session ends, where it is for us to tell.
    static func sendAlert(_ handle: gnutls_session_t, for error: TLSError, code: Int32) {
        let alert: gnutls_alert_description_t
        switch error {
        case .refused, .truncated, .closed, .handshakeIncomplete: return
        case .certificate(.expired), .certificate(.notYetValid): alert = GNUTLS_A_CERTIFICATE_EXPIRED
        case .certificate(.unsupportedAlgorithm): alert = GNUTLS_A_UNSUPPORTED_CERTIFICATE
        case .certificate: alert = GNUTLS_A_BAD_CERTIFICATE
        case .wrongPeer: alert = GNUTLS_A_CERTIFICATE_UNKNOWN
        case .noCertificate: alert = GNUTLS_A_CERTIFICATE_REQUIRED
        case .handshakeTooLarge: alert = GNUTLS_A_RECORD_OVERFLOW
        case .noCommonProtocol: alert = GNUTLS_A_NO_APPLICATION_PROTOCOL
        case .notTLS13, .noCommonAlgorithm, .tampered, .malformed, .tooLarge, .tooManyMessages,
            .gnutlsFailure:
            _ = unsafe gnutls_alert_send_appropriate(handle, code)
            return
        }
        _ = unsafe gnutls_alert_send(handle, GNUTLS_AL_FATAL, alert)
    }
}

extension TLSError {
    /// What a code of GnuTLS means for a libp2p peer.
    init(code: Int32, alert: TLSAlert, isHandshaking: Bool) {
        self =
            switch code {
            case GNUTLS_E_FATAL_ALERT_RECEIVED, GNUTLS_E_WARNING_ALERT_RECEIVED: .refused(alert)
            case GNUTLS_E_PREMATURE_TERMINATION, GNUTLS_E_SESSION_EOF: .truncated
            case GNUTLS_E_UNSUPPORTED_VERSION_PACKET: .notTLS13
            case GNUTLS_E_UNEXPECTED_PACKET_LENGTH, GNUTLS_E_UNEXPECTED_PACKET:
                isHandshaking ? .notTLS13 : .malformed(code: code)
            case GNUTLS_E_DECRYPTION_FAILED, GNUTLS_E_MAC_VERIFY_FAILED, GNUTLS_E_PK_SIG_VERIFY_FAILED,
                GNUTLS_E_ERROR_IN_FINISHED_PACKET:
                .tampered
            case GNUTLS_E_NO_CIPHER_SUITES, GNUTLS_E_NO_COMMON_KEY_SHARE, GNUTLS_E_ECC_NO_SUPPORTED_CURVES,
                GNUTLS_E_ECC_UNSUPPORTED_CURVE, GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM,
                GNUTLS_E_INSUFFICIENT_SECURITY:
                .noCommonAlgorithm
            case GNUTLS_E_NO_APPLICATION_PROTOCOL: .noCommonProtocol
            case GNUTLS_E_NO_CERTIFICATE_FOUND, GNUTLS_E_CERTIFICATE_REQUIRED: .noCertificate
            case GNUTLS_E_HANDSHAKE_TOO_LARGE, GNUTLS_E_RECORD_OVERFLOW: .tooLarge
            case GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS, GNUTLS_E_TOO_MANY_EMPTY_PACKETS: .tooManyMessages
            case GNUTLS_E_MEMORY_ERROR, GNUTLS_E_INTERNAL_ERROR, GNUTLS_E_RANDOM_FAILED,
                GNUTLS_E_INSUFFICIENT_CREDENTIALS, GNUTLS_E_INVALID_REQUEST, GNUTLS_E_LIB_IN_ERROR_STATE:
                .gnutlsFailure(code: code)
            default: .malformed(code: code)
            }
    }
}
