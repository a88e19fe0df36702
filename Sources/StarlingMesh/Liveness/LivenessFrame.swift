package import StarlingCore

/// Why bytes are not a frame of the liveness protocol.
package enum LivenessFrameError: Error, Equatable, Sendable {
    /// It is longer than any frame within the limits; the neighbour breaks the protocol.
    case tooLong(byteCountMax: Int)
    /// It is no protobuf message of this form.
    case malformed(ProtobufError)
}

/// What neighbours say to one another about who is alive: questions, answers, and news of members.
///
///     message Liveness { uint32 probe = 1; repeated uint32 acks = 2; repeated Request requests = 3;
///                        repeated Report reports = 4; repeated Claim claims = 5; bool wants_table = 6; }
///     message Request { uint32 number = 1; bytes peer = 2; }
///     message Report { uint32 number = 1; uint32 finding = 2; }
///
/// A frame stands alone: none refers to one before it.
///
/// Spec: docs/specs/liveness.md, "Frame".
package struct LivenessFrame: Equatable, Sendable {
    /// What one frame may hold; more makes it malformed.
    package struct Limits: Sendable {
        /// Answers; a node has one question open with a neighbour, and repeats it under other numbers.
        package var ackCountMax = 16
        /// Questions for another node, and answers to such.
        package var requestCountMax = 16
        /// News: what does not fit goes with the next frame.
        package var claimCountMax = 40
        /// Bytes of the longest frame: what is within the other limits fits, and so does a frame into one of routes.
        package var byteCountMax = 16_384

        package init() {}
    }

    /// "Ask that neighbour of yours whether it is alive".
    package struct Request: Equatable, Sendable {
        package var number: UInt32
        package var peer: PeerID

        package init(_ number: UInt32, _ peer: PeerID) {
            self.number = number
            self.peer = peer
        }
    }

    /// What came out of a request.
    package enum Finding: UInt8, CaseIterable, Sendable {
        /// The peer is alive.
        case reached = 1
        /// The peer has not answered.
        case silent = 2
        /// The peer is not a neighbour, or there is too much to do: nothing is known.
        case unable = 3
    }

    package struct Report: Equatable, Sendable {
        package var number: UInt32
        package var finding: Finding

        package init(_ number: UInt32, _ finding: Finding) {
            self.number = number
            self.finding = finding
        }
    }

    /// The number of a question that the receiver answers at once, from 1 on.
    package var probe: UInt32?
    /// Numbers of the receiver's questions: the sender is alive.
    package var acks: [UInt32] = []
    package var requests: [Request] = []
    package var reports: [Report] = []
    package var claims: [LivenessClaim] = []
    /// Whether the receiver is to tell its whole table once more: the sender could not take all news.
    package var wantsTable = false

    package init() {}

    /// Whether there is nothing to say.
    package var isEmpty: Bool {
        probe == nil && acks.isEmpty && requests.isEmpty && reports.isEmpty && claims.isEmpty
            && !wantsTable
    }

    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        writer.reserveCapacity(32 + claims.count * 64)
        if let probe { writer.varint(1, UInt64(probe)) }
        for ack in acks { writer.varint(2, UInt64(ack)) }
        for request in requests {
            writer.message(3) { inner in
                inner.varint(1, UInt64(request.number))
                inner.name(2, request.peer)
            }
        }
        for report in reports {
            writer.message(4) { inner in
                inner.varint(1, UInt64(report.number))
                inner.varint(2, UInt64(report.finding.rawValue))
            }
        }
        for claim in claims { writer.message(5, claim.write) }
        if wantsTable { writer.varint(6, 1) }
        return writer.bytes
    }

    package init(parsing message: Span<UInt8>, limits: Limits = Limits()) throws(LivenessFrameError) {
        guard message.count <= limits.byteCountMax else { throw .tooLong(byteCountMax: limits.byteCountMax) }
        do throws(ProtobufError) {
            try read(message, limits)
        } catch {
            throw .malformed(error)
        }
    }

    private mutating func read(_ message: Span<UInt8>, _ limits: Limits) throws(ProtobufError) {
        var cursor = ProtobufCursor(message)
        while let field = try cursor.next(in: message) {
            switch field.number {
            case 1: probe = try field.probeNumber()
            case 2:
                guard acks.count < limits.ackCountMax else { throw .tooManyEntries(fieldNumber: 2) }
                acks.append(try field.probeNumber())
            case 3:
                guard requests.count < limits.requestCountMax else { throw .tooManyEntries(fieldNumber: 3) }
                requests.append(try Self.request(message, try field.range()))
            case 4:
                guard reports.count < limits.requestCountMax else { throw .tooManyEntries(fieldNumber: 4) }
                reports.append(try Self.report(message, try field.range()))
            case 5:
                guard claims.count < limits.claimCountMax else { throw .tooManyEntries(fieldNumber: 5) }
                claims.append(try LivenessClaim(message, try field.range()))
            case 6: wantsTable = try field.varint() != 0
            default: break
            }
        }
    }

    private static func request(_ message: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> Request
    {
        var (number, peer): (UInt32?, PeerID?) = (nil, nil)
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: message) {
            switch field.number {
            case 1: number = try field.probeNumber()
            case 2: peer = try field.peerID(in: message)
            default: break
            }
        }
        guard let number else { throw .missingField(fieldNumber: 1) }
        guard let peer else { throw .missingField(fieldNumber: 2) }
        return Request(number, peer)
    }

    private static func report(_ message: Span<UInt8>, _ range: Range<Int>) throws(ProtobufError) -> Report {
        var (number, finding): (UInt32?, Finding?) = (nil, nil)
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: message) {
            switch field.number {
            case 1: number = try field.probeNumber()
            case 2:
                finding = UInt8(exactly: try field.varint()).flatMap(Finding.init)
                // A finding of a later version says as little as none.
                if finding == nil { finding = .unable }
            default: break
            }
        }
        guard let number else { throw .missingField(fieldNumber: 1) }
        guard let finding else { throw .missingField(fieldNumber: 2) }
        return Report(number, finding)
    }
}

extension ProtobufField {
    /// The number of a question; 0 is none.
    fileprivate func probeNumber() throws(ProtobufError) -> UInt32 {
        let value: UInt32 = try number()
        guard value > 0 else { throw .invalidValue(fieldNumber: number) }
        return value
    }
}
