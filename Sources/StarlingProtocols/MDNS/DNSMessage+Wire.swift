internal import StarlingCore

extension DNSMessage {
    /// Parses a message that fills `bytes`.
    package init(parsing bytes: Span<UInt8>) throws(DNSError) {
        guard bytes.count <= Self.byteCountMax else { throw .tooLong }
        var reader = DNSReader()
        id = try reader.number16(bytes)
        let flags = try reader.number16(bytes)
        isResponse = flags & 0x8000 != 0
        operation = UInt8(flags >> 11 & 0xf)
        isAuthoritative = flags & 0x0400 != 0
        isTruncated = flags & 0x0200 != 0
        responseCode = UInt8(flags & 0xf)
        let questionCount = Int(try reader.number16(bytes))
        let answerCount = Int(try reader.number16(bytes))
        let authorityCount = Int(try reader.number16(bytes))
        let additionalCount = Int(try reader.number16(bytes))
        guard questionCount <= Self.questionCountMax,
            answerCount + authorityCount + additionalCount <= Self.recordCountMax
        else { throw .tooManyEntries }
        for _ in 0..<questionCount { questions.append(try reader.question(bytes)) }
        for _ in 0..<answerCount { answers.append(try reader.record(bytes)) }
        for _ in 0..<authorityCount { authorities.append(try reader.record(bytes)) }
        for _ in 0..<additionalCount { additionals.append(try reader.record(bytes)) }
        guard reader.offset == bytes.count else { throw .trailingBytes }
    }

    /// The message in bytes, names compressed.
    ///
    /// - Precondition: each section has fewer than 65,536 entries and each text at most 255 bytes.
    package var bytes: [UInt8] {
        var writer = DNSWriter()
        var flags: UInt16 = isResponse ? 0x8000 : 0
        flags |= UInt16(operation & 0xf) << 11
        if isAuthoritative { flags |= 0x0400 }
        if isTruncated { flags |= 0x0200 }
        flags |= UInt16(responseCode & 0xf)
        writer.append(id)
        writer.append(flags)
        for count in [questions.count, answers.count, authorities.count, additionals.count] {
            writer.append(UInt16(count))
        }
        for question in questions {
            writer.append(question.name)
            writer.append(question.type)
            writer.append(question.recordClass | (question.wantsUnicast ? DNSWriter.topBit : 0))
        }
        for record in answers + authorities + additionals { writer.append(record) }
        return writer.bytes
    }
}

/// Walks a message that is passed to each call.
private struct DNSReader {
    private(set) var offset = 0

    mutating func number16(_ message: Span<UInt8>) throws(DNSError) -> UInt16 {
        guard message.count - offset >= 2 else { throw .truncated }
        defer { offset += 2 }
        return UInt16(message[offset]) << 8 | UInt16(message[offset + 1])
    }

    mutating func question(_ message: Span<UInt8>) throws(DNSError) -> DNSQuestion {
        let name = try DNSName.read(message, at: &offset)
        let type = try number16(message)
        let recordClass = try number16(message)
        return DNSQuestion(
            name,
            type,
            wantsUnicast: recordClass & DNSWriter.topBit != 0,
            recordClass: recordClass & ~DNSWriter.topBit
        )
    }

    mutating func record(_ message: Span<UInt8>) throws(DNSError) -> DNSRecord {
        let name = try DNSName.read(message, at: &offset)
        let type = try number16(message)
        let recordClass = try number16(message)
        let ttlHigh = try number16(message)
        let ttlLow = try number16(message)
        let byteCount = Int(try number16(message))
        guard message.count - offset >= byteCount else { throw .truncated }
        let end = offset + byteCount
        let content = try content(message, type: type, end: end)
        offset = end
        return DNSRecord(
            name,
            content,
            ttlSeconds: UInt32(ttlHigh) << 16 | UInt32(ttlLow),
            replacesOthers: recordClass & DNSWriter.topBit != 0,
            recordClass: recordClass & ~DNSWriter.topBit
        )
    }

    private mutating func content(
        _ message: Span<UInt8>,
        type: UInt16,
        end: Int
    ) throws(DNSError) -> DNSRecord.Content {
        let start = offset
        switch type {
        case DNSType.a, DNSType.aaaa:
            guard end - start == (type == DNSType.a ? 4 : 16),
                let address = IPAddress(octets: message.array(start..<end))
            else { throw .invalidData(type: type) }
            return .address(address)
        case DNSType.ptr: return .pointer(try name(message, type: type, end: end))
        case DNSType.txt: return .text(try texts(message, end: end))
        case DNSType.srv:
            guard end - start > 6 else { throw .invalidData(type: type) }
            let priority = try number16(message)
            let weight = try number16(message)
            let port = try number16(message)
            let target = try name(message, type: type, end: end)
            return .service(priority: priority, weight: weight, port: port, target: target)
        default: return .other(type: type, message.array(start..<end))
        }
    }

    /// A name that ends a record's data.
    private mutating func name(_ message: Span<UInt8>, type: UInt16, end: Int) throws(DNSError) -> DNSName {
        let name = try DNSName.read(message, at: &offset)
        guard offset == end else { throw .invalidData(type: type) }
        return name
    }

    private mutating func texts(_ message: Span<UInt8>, end: Int) throws(DNSError) -> [[UInt8]] {
        var texts: [[UInt8]] = []
        while offset < end {
            let textEnd = offset + 1 + Int(message[offset])
            guard textEnd <= end else { throw .invalidData(type: DNSType.txt) }
            texts.append(message.array(offset + 1..<textEnd))
            offset = textEnd
        }
        return texts
    }
}

/// Appends to a message and remembers where each name stands.
private struct DNSWriter {
    /// Beside a class: a unicast answer is wanted, or the record replaces others.
    static let topBit: UInt16 = 0x8000
    /// The places that a pointer can name.
    private static let pointerOffsetMax = 0x3fff

    private(set) var bytes: [UInt8] = []
    private var offsets: [ArraySlice<UInt8>: Int] = [:]

    mutating func append(_ number: UInt16) {
        bytes.append(UInt8(truncatingIfNeeded: number >> 8))
        bytes.append(UInt8(truncatingIfNeeded: number))
    }

    /// Writes a name up to where the rest of it already stands, and a pointer there.
    mutating func append(_ name: DNSName) {
        var rest = name.wire[...]
        while let length = rest.first, length != 0 {
            if let offset = offsets[rest] {
                append(UInt16(0xc000 | offset))
                return
            }
            if bytes.count <= Self.pointerOffsetMax { offsets[rest] = bytes.count }
            bytes += rest.prefix(1 + Int(length))
            rest = rest.dropFirst(1 + Int(length))
        }
        bytes.append(0)
    }

    mutating func append(_ record: DNSRecord) {
        append(record.name)
        append(record.type)
        append(record.recordClass | (record.replacesOthers ? Self.topBit : 0))
        append(UInt16(truncatingIfNeeded: record.ttlSeconds >> 16))
        append(UInt16(truncatingIfNeeded: record.ttlSeconds))
        let lengthOffset = bytes.count
        append(0 as UInt16)
        append(record.content)
        let byteCount = bytes.count - lengthOffset - 2
        precondition(byteCount <= UInt16.max)
        bytes[lengthOffset] = UInt8(byteCount >> 8)
        bytes[lengthOffset + 1] = UInt8(byteCount & 0xff)
    }

    private mutating func append(_ content: DNSRecord.Content) {
        switch content {
        case .address(let address): bytes += address.octets
        case .pointer(let name): append(name)
        case .text(let texts):
            // A record without text has one empty text. Spec: RFC 6763, section 6.1.
            for text in texts.isEmpty ? [[]] : texts {
                precondition(text.count <= 255)
                bytes.append(UInt8(text.count))
                bytes += text
            }
        case .service(let priority, let weight, let port, let target):
            append(priority)
            append(weight)
            append(port)
            // Whole, since resolvers that know no multicast DNS may read it. Spec: RFC 2782, "Target".
            bytes += target.wire
        case .other(_, let data): bytes += data
        }
    }
}
