internal import StarlingCore

/// A domain name, kept in lower case since names compare without regard to it.
///
/// Spec: RFC 1035, sections 2.3.3, 3.1 and 4.1.4.
package struct DNSName: Hashable, Sendable {
    /// The longest name in its wire form, which every reader enforces.
    package static let byteCountMax = 255
    /// The longest label.
    package static let labelByteCountMax = 63

    /// The labels, each after its length, and the empty label of the root.
    package let wire: [UInt8]

    private init(wire: [UInt8]) {
        self.wire = wire
    }

    /// The name of these labels; `nil` when one is empty or too long, or all together are.
    package init?(labels: [[UInt8]]) {
        var wire: [UInt8] = []
        for label in labels {
            guard !label.isEmpty, label.count <= Self.labelByteCountMax else { return nil }
            wire.append(UInt8(label.count))
            wire += label.map(Self.lowercased)
        }
        wire.append(0)
        guard wire.count <= Self.byteCountMax else { return nil }
        self.wire = wire
    }

    /// The name of a text such as `_p2p._udp.local`, without escapes.
    package init?(_ text: String) {
        self.init(
            labels: text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).map(
                Array.init
            )
        )
    }

    /// The labels, without the root's.
    package var labels: [[UInt8]] {
        var labels: [[UInt8]] = []
        var offset = 0
        while wire[offset] != 0 {
            let end = offset + 1 + Int(wire[offset])
            labels.append(Array(wire[offset + 1..<end]))
            offset = end
        }
        return labels
    }

    /// Whether the name is `parent` with one label before it.
    package func isChild(of parent: DNSName) -> Bool {
        guard wire[0] != 0 else { return false }
        return wire.count == parent.wire.count + 1 + Int(wire[0]) && wire.hasSuffix(parent.wire)
    }

    /// The name with a label before it; `nil` when it gets too long.
    package func prefixed(by label: String) -> DNSName? {
        DNSName(labels: [Array(label.utf8)] + labels)
    }

    /// Reads a name at `offset` and moves `offset` past it, following pointers to earlier places.
    ///
    /// A pointer must lead to before the part that it ends, so that none can loop.
    package static func read(_ message: Span<UInt8>, at offset: inout Int) throws(DNSError) -> DNSName {
        var wire: [UInt8] = []
        var position = offset
        var partStart = offset
        var end: Int?
        while true {
            guard position < message.count else { throw .truncated }
            let length = Int(message[position])
            switch length & 0xc0 {
            case 0x00:
                guard position + 1 + length <= message.count else { throw .truncated }
                // Room for the root's empty label stays.
                guard wire.count + 1 + length < byteCountMax || length == 0 else { throw .nameTooLong }
                wire.append(UInt8(length))
                for index in position + 1..<position + 1 + length { wire.append(lowercased(message[index])) }
                position += 1 + length
                if length == 0 {
                    offset = end ?? position
                    return DNSName(wire: wire)
                }
            case 0xc0:
                guard position + 1 < message.count else { throw .truncated }
                let target = (length & 0x3f) << 8 | Int(message[position + 1])
                guard target < partStart else { throw .invalidPointer }
                if end == nil { end = position + 2 }
                position = target
                partStart = target
            default: throw .invalidLabel
            }
        }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}

extension DNSName: CustomStringConvertible {
    /// The labels with dots; bytes that are not printable, and dots within labels, as `\xNN`.
    package var description: String {
        labels.map { label in
            label.map { byte in
                byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: ".") && byte != UInt8(ascii: "\\")
                    ? String(UnicodeScalar(byte)) : "\\x" + Hex.encode([byte])
            }.joined()
        }.joined(separator: ".")
    }
}

extension [UInt8] {
    fileprivate func hasSuffix(_ suffix: [UInt8]) -> Bool {
        count >= suffix.count && self[(count - suffix.count)...].elementsEqual(suffix)
    }
}
