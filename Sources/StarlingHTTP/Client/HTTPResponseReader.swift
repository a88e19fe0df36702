/// Reads one answer of HTTP/1.1 from bytes as they come, however they are cut.
///
/// Interim answers (`100 Continue`) are skipped. Names of headers are lowered, values trimmed.
///
/// Spec: RFC 9112, sections 4 to 7. Deviation: a body that ends with the connection is taken only where no
/// length is given, as the RFC says, and trailers are read and dropped.
package struct HTTPResponseReader: Sendable {
    private enum Phase: Sendable {
        case head
        case fixedBody(remaining: Int)
        case bodyToEnd
        case chunkSize
        case chunk(remaining: Int)
        case chunkEnd
        case trailers
        case done
    }

    private let limits: HTTPResponseLimits
    private var phase = Phase.head
    private var pending: [UInt8] = []
    private var offset = 0
    private var headByteCount = 0
    private var status = 0
    private var headers: [(name: String, value: String)] = []
    private var body: [UInt8] = []

    package init(limits: HTTPResponseLimits = HTTPResponseLimits()) { self.limits = limits }

    /// Takes bytes as they came.
    ///
    /// The answer, once it is whole; bytes behind it are ignored.
    package mutating func read(_ bytes: [UInt8]) throws(HTTPResponseError) -> HTTPResponse? {
        pending.append(contentsOf: bytes)
        while try step() {}
        pending.removeFirst(offset)
        offset = 0
        guard case .done = phase else { return nil }
        return HTTPResponse(status: status, headers: headers, body: body)
    }

    /// The connection has ended: the answer, if that is how its body ends.
    package mutating func end() throws(HTTPResponseError) -> HTTPResponse {
        guard case .bodyToEnd = phase else { throw .endedEarly }
        return HTTPResponse(status: status, headers: headers, body: body)
    }

    /// Reads one line or one piece of body.
    ///
    /// False where more bytes are needed, or none.
    private mutating func step() throws(HTTPResponseError) -> Bool {
        switch phase {
        case .head, .trailers, .chunkSize, .chunkEnd:
            guard let line = try takeLine() else { return false }
            try take(line)
            return true
        case .fixedBody(let remaining):
            let left = try takeBody(atMost: remaining)
            phase = left == 0 ? .done : .fixedBody(remaining: left)
            return false
        case .bodyToEnd:
            _ = try takeBody(atMost: .max)
            return false
        case .chunk(let remaining):
            let left = try takeBody(atMost: remaining)
            phase = left == 0 ? .chunkEnd : .chunk(remaining: left)
            return left == 0
        case .done: return false
        }
    }

    private mutating func take(_ line: [UInt8]) throws(HTTPResponseError) {
        switch phase {
        case .head where status == 0: status = try Self.status(line)
        case .head where line.isEmpty: try headDidEnd()
        case .head: headers.append(try Self.header(line))
        case .trailers:
            if line.isEmpty { phase = .done } else { _ = try Self.header(line) }
        case .chunkSize:
            let size = try Self.chunkSize(line)
            guard size <= limits.bodyByteCountMax - body.count else { throw .bodyTooLarge }
            phase = size == 0 ? .trailers : .chunk(remaining: size)
        case .chunkEnd:
            guard line.isEmpty else { throw .invalidChunk }
            phase = .chunkSize
        case .fixedBody, .bodyToEnd, .chunk, .done: break
        }
    }

    private mutating func headDidEnd() throws(HTTPResponseError) {
        if (100..<200).contains(status) {
            (status, headers) = (0, [])
            return
        }
        let lengths = headers.filter { $0.name == "content-length" }.map(\.value)
        let codings = headers.filter { $0.name == "transfer-encoding" }.map { $0.value.lowercased() }
        if status == 204 || status == 304 {
            phase = .done
        } else if let coding = codings.first {
            guard codings.count == 1, coding == "chunked" else { throw .unsupportedTransferCoding }
            guard lengths.isEmpty else { throw .invalidLength }
            phase = .chunkSize
        } else if let text = lengths.first {
            guard lengths.allSatisfy({ $0 == text }), let length = Self.number(Array(text.utf8), radix: 10)
            else {
                throw .invalidLength
            }
            guard length <= limits.bodyByteCountMax else { throw .bodyTooLarge }
            phase = length == 0 ? .done : .fixedBody(remaining: length)
        } else {
            phase = .bodyToEnd
        }
    }

    /// Moves up to `count` bytes into the body; how many of `count` are still to come.
    private mutating func takeBody(atMost count: Int) throws(HTTPResponseError) -> Int {
        let taken = min(count, pending.count - offset)
        guard taken <= limits.bodyByteCountMax - body.count else { throw .bodyTooLarge }
        body.append(contentsOf: pending[offset..<offset + taken])
        offset += taken
        return count - taken
    }

    /// The next line without its end, CRLF or a bare LF; nil until it is whole.
    private mutating func takeLine() throws(HTTPResponseError) -> [UInt8]? {
        guard let end = pending[offset...].firstIndex(of: 0x0A) else {
            guard headByteCount + pending.count - offset <= limits.headByteCountMax else {
                throw .headTooLarge
            }
            return nil
        }
        headByteCount += end + 1 - offset
        // A chunk's size line is no part of the head, but many tiny chunks must not be free either.
        guard headByteCount <= limits.headByteCountMax + body.count * 8 else { throw .headTooLarge }
        var line = pending[offset..<end]
        offset = end + 1
        if line.last == 0x0D { line.removeLast() }
        return Array(line)
    }

    private static func status(_ line: [UInt8]) throws(HTTPResponseError) -> Int {
        let isVersion =
            line.starts(with: Array("HTTP/1.1 ".utf8)) || line.starts(with: Array("HTTP/1.0 ".utf8))
        guard isVersion, line.count == 12 || line.count > 12 && line[12] == 0x20,
            let status = number(Array(line[9..<12]), radix: 10), (100...599).contains(status)
        else { throw .invalidStatusLine }
        return status
    }

    private static func header(_ line: [UInt8]) throws(HTTPResponseError) -> (name: String, value: String) {
        guard let colon = line.firstIndex(of: 0x3A), colon > 0,
            line[..<colon].allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { throw .invalidHeader }
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        let value = line[(colon + 1)...].drop(while: isBlank)
        let end = value.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? value.startIndex
        return (
            String(decoding: line[..<colon], as: UTF8.self).lowercased(),
            String(decoding: value[..<end], as: UTF8.self)
        )
    }

    private static func chunkSize(_ line: [UInt8]) throws(HTTPResponseError) -> Int {
        let digits = line.prefix { $0 != 0x3B && $0 != 0x20 && $0 != 0x09 }
        guard let size = number(Array(digits), radix: 16) else { throw .invalidChunk }
        return size
    }

    /// Digits only, with no sign: what `Int.init` would let pass.
    private static func number(_ digits: [UInt8], radix: Int) -> Int? {
        guard !digits.isEmpty, digits.count <= 15, digits.allSatisfy(\.isHexDigit) else { return nil }
        return Int(String(decoding: digits, as: UTF8.self), radix: radix)
    }
}

extension UInt8 {
    fileprivate var isHexDigit: Bool {
        (0x30...0x39).contains(self) || (0x41...0x46).contains(self) || (0x61...0x66).contains(self)
    }
}
