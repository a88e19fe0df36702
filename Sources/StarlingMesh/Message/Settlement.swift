package import StarlingCore
package import StarlingCrypto

/// The sender's signed word on which of its messages are settled.
///
///     message Settlement { bytes body = 1; bytes signature = 2; uint32 hop_count = 8; }
///     message Body { bytes from = 1; bytes to = 2; uint64 created_ms = 3; repeated Series series = 4; }
///     message Series { fixed64 series = 1; uint64 floor = 2; repeated Range ranges = 3; }
///     message Range { uint64 first = 1; uint64 last = 2; }
///
/// A number is settled when the sender has the recipient's receipt for it, or has given it up. It is never sent again
/// then: the recipient need not keep the receipt, and counts on from the floor.
///
/// Spec: docs/specs/message.md, "Settlement".
package struct Settlement: SignedStatement, Equatable, Sendable {
    package struct Limits: StatementLimits {
        /// Series that one settlement may name: one for each priority, and those of earlier stores.
        package var seriesCountMax = 16
        /// Ranges of one series.
        package var rangeCountMax = 64

        package init() {}

        /// The most bytes that a settlement within these limits takes.
        package var settlementByteCountMax: Int { seriesCountMax * (rangeCountMax * 24 + 32) + 512 }
    }

    /// What is settled of one series.
    package struct Series: Equatable, Sendable {
        package var series: UInt64
        /// All numbers below it are settled.
        package var floor: UInt64
        /// Settled numbers above the floor, in order, none next to another.
        package var ranges: [ClosedRange<UInt64>]

        package init(series: UInt64, floor: UInt64, ranges: [ClosedRange<UInt64>] = []) {
            self.series = series
            self.floor = floor
            self.ranges = ranges
        }
    }

    /// The sender of the messages, who signs.
    package let from: PeerID
    /// The recipient of the messages.
    package let to: PeerID
    package let created: WallTime
    package let series: [Series]
    package let bodyBytes: [UInt8]
    package let signature: [UInt8]
    /// How many links it has crossed, by the word of those who carried it.
    package var hopCount: UInt32 = 0

    package static let signatureDomain = Array("starling-settlement-1:".utf8)

    /// Signs a settlement.
    ///
    /// - Precondition: there is a series.
    package init(of series: [Series], to recipient: PeerID, created: WallTime, from sender: IdentityKey) {
        precondition(!series.isEmpty)
        from = sender.peerID
        to = recipient
        self.created = created
        self.series = series
        var writer = StatementHead.begin(from: sender.peerID, to: recipient, created: created)
        for entry in series {
            writer.message(StatementHead.entryFieldNumber) { inner in
                inner.fixed64(1, entry.series)
                inner.varint(2, entry.floor)
                for range in entry.ranges {
                    inner.message(3) { bounds in
                        bounds.varint(1, range.lowerBound)
                        bounds.varint(2, range.upperBound)
                    }
                }
            }
        }
        bodyBytes = writer.bytes
        signature = sender.sign(Self.signatureDomain + bodyBytes)
    }

    package init(parsing message: Span<UInt8>, limits: Limits = Limits()) throws(EnvelopeError) {
        do throws(ProtobufError) {
            let signed = try SignedBody(message)
            var series: [Series] = []
            let head = try StatementHead(signed.body.span) { body, range throws(ProtobufError) in
                guard series.count < limits.seriesCountMax else {
                    throw .tooManyEntries(fieldNumber: StatementHead.entryFieldNumber)
                }
                series.append(try Self.series(body, range, limits))
            }
            (bodyBytes, signature, hopCount) = (signed.body, signed.signature, signed.hopCount)
            (from, to, created, self.series) = (head.from, head.to, head.created, series)
        } catch {
            throw .malformed(error)
        }
    }

    private static func series(
        _ body: Span<UInt8>,
        _ range: Range<Int>,
        _ limits: Limits
    ) throws(ProtobufError) -> Series {
        var (series, floor, ranges): (UInt64?, UInt64?, [ClosedRange<UInt64>]) = (nil, nil, [])
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: body) {
            switch field.number {
            case 1: series = try field.fixed64()
            case 2: floor = try field.varint()
            case 3:
                guard ranges.count < limits.rangeCountMax else { throw .tooManyEntries(fieldNumber: 3) }
                ranges.append(try numbers(body, try field.range()))
            default: break
            }
        }
        guard let series else { throw .missingField(fieldNumber: 1) }
        guard let floor else { throw .missingField(fieldNumber: 2) }
        guard floor >= 1, floor <= MessageHeader.Place.numberMax else { throw .invalidValue(fieldNumber: 2) }
        var end = floor
        for range in ranges {
            // The floor itself is not settled, and ranges that touch are one.
            guard range.lowerBound > end, range.upperBound <= MessageHeader.Place.numberMax else {
                throw .invalidValue(fieldNumber: 3)
            }
            end = range.upperBound + 1
        }
        return Series(series: series, floor: floor, ranges: ranges)
    }

    private static func numbers(
        _ body: Span<UInt8>,
        _ range: Range<Int>
    ) throws(ProtobufError) -> ClosedRange<UInt64> {
        var (first, last): (UInt64?, UInt64?) = (nil, nil)
        var cursor = ProtobufCursor(range: range)
        while let field = try cursor.next(in: body) {
            switch field.number {
            case 1: first = try field.varint()
            case 2: last = try field.varint()
            default: break
            }
        }
        guard let first else { throw .missingField(fieldNumber: 1) }
        guard let last else { throw .missingField(fieldNumber: 2) }
        guard first <= last else { throw .invalidValue(fieldNumber: 2) }
        return first...last
    }
}
