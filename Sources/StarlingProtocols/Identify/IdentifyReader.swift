internal import StarlingCore

/// Reads what a peer says of itself, from an identify or a push stream, to the end of the stream.
///
/// Feed what arrives to ``receive(_:)``; ``receiveEnd()`` gives the message. The writer's side needs no machine: it
/// writes ``IdentifyMessage/frames()`` and ends the stream.
///
/// Spec: libp2p/specs `identify/README.md` r1. The text has one message; go-libp2p sends a second one when the
/// first would be large, and they are merged.
package struct IdentifyReader: Sendable {
    private let limits: IdentifyMessage.Limits
    private var reader: VarintFrameReader
    private var message = IdentifyMessage()
    private var messageCount = 0

    package init(limits: IdentifyMessage.Limits = IdentifyMessage.Limits()) {
        self.limits = limits
        reader = VarintFrameReader(messageByteCountMax: limits.messageByteCountMax)
    }

    /// Feeds bytes from the stream, split at any boundary.
    ///
    /// - Throws: What is wrong with them; reset the stream then.
    package mutating func receive(_ bytes: Span<UInt8>) throws(IdentifyError) {
        var offset = 0
        while let body = try nextMessage(bytes, at: &offset) {
            messageCount += 1
            guard messageCount <= limits.messageCountMax else { throw .tooManyMessages }
            do throws(ProtobufError) {
                try message.merge(body.span, limits: limits)
            } catch {
                throw .malformedMessage(error)
            }
        }
    }

    /// The peer ended the stream: what it said in all.
    package func receiveEnd() throws(IdentifyError) -> IdentifyMessage {
        do throws(VarintFrameError) {
            try reader.receiveEnd()
        } catch {
            throw .invalidFrame(error)
        }
        guard messageCount > 0 else { throw .noMessage }
        return message
    }

    private mutating func nextMessage(
        _ bytes: Span<UInt8>,
        at offset: inout Int
    ) throws(IdentifyError) -> [UInt8]? {
        do throws(VarintFrameError) {
            return try reader.next(bytes, at: &offset)
        } catch {
            throw .invalidFrame(error)
        }
    }
}
