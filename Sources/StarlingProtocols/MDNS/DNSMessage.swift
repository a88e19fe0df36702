package import StarlingCore

/// Why bytes are not a DNS message that is of use here.
package enum DNSError: Error, Equatable, Sendable {
    /// The message ends inside a field.
    case truncated
    /// The message is longer than ``DNSMessage/byteCountMax``.
    case tooLong
    /// A label has a length that is neither a label's nor a pointer.
    case invalidLabel
    /// A pointer does not lead backwards.
    case invalidPointer
    /// A name is longer than ``DNSName/byteCountMax``.
    case nameTooLong
    /// A record's data does not have the length that its type has.
    case invalidData(type: UInt16)
    /// More entries than ``DNSMessage/questionCountMax`` or ``DNSMessage/recordCountMax``.
    case tooManyEntries
    /// Something follows the last record.
    case trailingBytes
}

/// A DNS message: a query or a response.
///
/// Spec: RFC 1035, section 4; RFC 6762, section 18, for what multicast DNS changes.
package struct DNSMessage: Equatable, Sendable {
    /// The longest message in bytes; a longer one is refused unread.
    ///
    /// Spec: RFC 6762, section 17.
    package static let byteCountMax = 9000
    /// The most questions; a message with more is refused.
    package static let questionCountMax = 64
    /// The most records over all sections; a message with more is refused.
    package static let recordCountMax = 256

    /// 0 in multicast; what legacy queries are answered with.
    package var id: UInt16 = 0
    package var isResponse = false
    /// 0 for queries, of which multicast DNS knows no other kind.
    package var operation: UInt8 = 0
    package var isAuthoritative = false
    /// Further known answers follow in other messages.
    package var isTruncated = false
    /// 0 in multicast.
    package var responseCode: UInt8 = 0

    package var questions: [DNSQuestion] = []
    package var answers: [DNSRecord] = []
    package var authorities: [DNSRecord] = []
    package var additionals: [DNSRecord] = []

    package init() {}
}

/// What a query asks for.
package struct DNSQuestion: Hashable, Sendable {
    package var name: DNSName
    package var type: UInt16
    /// Whether the answer may come to the asker alone: the top bit of the class.
    package var wantsUnicast: Bool
    package var recordClass: UInt16

    package init(
        _ name: DNSName,
        _ type: UInt16,
        wantsUnicast: Bool = false,
        recordClass: UInt16 = DNSRecord.internetClass
    ) {
        self.name = name
        self.type = type
        self.wantsUnicast = wantsUnicast
        self.recordClass = recordClass
    }
}

/// One resource record.
package struct DNSRecord: Hashable, Sendable {
    /// What a record says, by its type.
    package enum Content: Hashable, Sendable {
        case address(IPAddress)
        case pointer(DNSName)
        case text([[UInt8]])
        case service(priority: UInt16, weight: UInt16, port: UInt16, target: DNSName)
        /// A type that nothing here reads.
        case other(type: UInt16, [UInt8])
    }

    package static let internetClass: UInt16 = 1
    package static let anyClass: UInt16 = 255

    package var name: DNSName
    package var content: Content
    package var ttlSeconds: UInt32
    /// Whether the record replaces all others of its name and type: the top bit of the class.
    package var replacesOthers: Bool
    package var recordClass: UInt16

    package init(
        _ name: DNSName,
        _ content: Content,
        ttlSeconds: UInt32,
        replacesOthers: Bool = false,
        recordClass: UInt16 = DNSRecord.internetClass
    ) {
        self.name = name
        self.content = content
        self.ttlSeconds = ttlSeconds
        self.replacesOthers = replacesOthers
        self.recordClass = recordClass
    }

    package var type: UInt16 {
        switch content {
        case .address(let address): address.isIPv4 ? DNSType.a : DNSType.aaaa
        case .pointer: DNSType.ptr
        case .text: DNSType.txt
        case .service: DNSType.srv
        case .other(let type, _): type
        }
    }
}

/// The record types that are read here.
package enum DNSType {
    package static let a: UInt16 = 1
    package static let ptr: UInt16 = 12
    package static let txt: UInt16 = 16
    package static let aaaa: UInt16 = 28
    package static let srv: UInt16 = 33
    /// In a question: all records of the name.
    package static let any: UInt16 = 255
}
