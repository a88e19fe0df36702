internal import StarlingCore

/// The names and records under which this node is found.
struct MDNSRecords: Sendable {
    /// What a question can ask this node for.
    struct Kinds: OptionSet, Hashable, Sendable {
        let rawValue: UInt8
        /// That this node is here: the service's PTR, and all that belongs to it.
        static let peer = Kinds(rawValue: 1)
        /// The peer's own SRV and TXT.
        static let instance = Kinds(rawValue: 2)
        /// The addresses of the peer's host name.
        static let host = Kinds(rawValue: 4)
        /// That the service exists on this link.
        static let service = Kinds(rawValue: 8)

        /// What a message that answers these kinds has told all who hear it.
        var told: Kinds { contains(.peer) ? union([.instance, .host]) : self }
    }

    /// How a message reaches its readers, which decides what its records look like.
    enum Style: Equatable {
        case multicast
        /// To one asker that knows multicast DNS.
        case unicast
        /// To a plain resolver: its id and questions come back, and it is not told of caches.
        case legacy(id: UInt16, questions: [DNSQuestion])
        /// The records are gone.
        case goodbye
    }

    /// The most bytes of text that are announced; addresses beyond it are left out.
    ///
    /// With all other records a message stays below 1,440 bytes, one packet on any link.
    static let textByteCountMax = 900
    /// The most addresses of the host name that are told, by the same count.
    static let hostCountMax = 8
    /// Plain resolvers keep records no longer.
    ///
    /// Spec: RFC 6762, section 6.7.
    static let legacyTTLSecondsMax: UInt32 = 10

    let service: DNSName
    let instance: DNSName
    private let host: DNSName
    private let meta: DNSName
    private let ttlSeconds: UInt32
    private let peerID: PeerID

    init(_ names: MDNSNames, peerID: PeerID, ttlSeconds: UInt32) {
        service = names.service
        instance = names.instance
        host = names.host
        meta = names.meta
        self.peerID = peerID
        self.ttlSeconds = ttlSeconds
    }

    /// What of this node a question asks for.
    func kinds(for question: DNSQuestion) -> Kinds {
        guard question.recordClass == DNSRecord.internetClass || question.recordClass == DNSRecord.anyClass
        else { return [] }
        let (types, kinds): ([UInt16], Kinds) =
            switch question.name {
            case service: ([DNSType.ptr], .peer)
            case meta: ([DNSType.ptr], .service)
            case instance: ([DNSType.txt, DNSType.srv], .instance)
            case host: ([DNSType.a, DNSType.aaaa], .host)
            default: ([], [])
            }
        return types.contains(question.type) || question.type == DNSType.any ? kinds : []
    }

    /// What of this node an asker already knows, for at least half of its time.
    func kinds(known answers: [DNSRecord]) -> Kinds {
        var kinds: Kinds = []
        for record in answers where UInt64(record.ttlSeconds) * 2 >= UInt64(ttlSeconds) {
            if record.name == service, record.content == .pointer(instance) { kinds.insert(.peer) }
            if record.name == meta, record.content == .pointer(service) { kinds.insert(.service) }
        }
        return kinds
    }

    /// The message that tells these kinds on an interface.
    func response(_ kinds: Kinds, on interface: MDNSInterface, _ style: Style) -> [UInt8] {
        var message = DNSMessage()
        message.isResponse = true
        message.isAuthoritative = true
        var ttl = ttlSeconds
        switch style {
        case .multicast, .unicast: break
        case .legacy(let id, let questions):
            message.id = id
            message.questions = questions
            ttl = min(ttl, Self.legacyTTLSecondsMax)
        case .goodbye: ttl = 0
        }
        func record(_ name: DNSName, _ content: DNSRecord.Content, isShared: Bool = false) -> DNSRecord {
            let isForCaches = style == .multicast || style == .unicast || style == .goodbye
            return DNSRecord(name, content, ttlSeconds: ttl, replacesOthers: !isShared && isForCaches)
        }
        let instanceRecords = instanceContents(interface).map { record(instance, $0) }
        let hostRecords = hostContents(interface).map { record(host, $0) }
        if kinds.contains(.peer) {
            message.answers.append(record(service, .pointer(instance), isShared: true))
        }
        if kinds.contains(.service) {
            message.answers.append(record(meta, .pointer(service), isShared: true))
        }
        if kinds.contains(.instance) {
            message.answers += instanceRecords
        } else if kinds.contains(.peer) {
            message.additionals += instanceRecords
        }
        if kinds.contains(.host) {
            message.answers += hostRecords
        } else if kinds.contains(.peer) || kinds.contains(.instance) {
            message.additionals += hostRecords
        }
        return message.bytes
    }

    /// The texts that announce the interface's addresses, and the port for those that look for one.
    private func instanceContents(_ interface: MDNSInterface) -> [DNSRecord.Content] {
        var texts: [[UInt8]] = []
        var byteCount = 0
        for address in interface.addresses {
            let text = MDNSNames.addressKey + Array(address.with(peerID: peerID).description.utf8)
            // A text holds 255 bytes, and an address that is cut in two is none to its reader.
            guard text.count <= 255, byteCount + 1 + text.count <= Self.textByteCountMax else { continue }
            texts.append(text)
            byteCount += 1 + text.count
        }
        let text = DNSRecord.Content.text(texts)
        guard let port = interface.addresses.lazy.compactMap(\.port).first else { return [text] }
        return [text, .service(priority: 0, weight: 0, port: port, target: host)]
    }

    private func hostContents(_ interface: MDNSInterface) -> [DNSRecord.Content] {
        guard interface.addresses.contains(where: { $0.port != nil }) else { return [] }
        return interface.hosts.prefix(Self.hostCountMax).map { .address($0) }
    }
}

/// The names of a service and of one peer of it.
struct MDNSNames: Sendable {
    /// What a text that holds an address begins with.
    static let addressKey = Array("dnsaddr=".utf8)

    let service: DNSName
    let instance: DNSName
    let host: DNSName
    let meta: DNSName

    /// `nil` when the service or the peer's label makes no valid name.
    init?(service serviceText: String, peerLabel: String) {
        guard let service = DNSName(serviceText), let instance = service.prefixed(by: peerLabel),
            let host = DNSName("p2p.local")?.prefixed(by: peerLabel),
            let meta = DNSName("_services._dns-sd._udp.local")
        else { return nil }
        self.service = service
        self.instance = instance
        self.host = host
        self.meta = meta
    }
}
