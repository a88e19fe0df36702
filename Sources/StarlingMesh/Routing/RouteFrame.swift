package import StarlingCore

/// What neighbours tell each other on a `/starling/route/1` stream, each frame behind its length as a varint.
///
///     message Frame {
///       repeated Update updates = 1;
///       Digest digest = 2;
///       repeated RouteRequest route_requests = 3;
///       repeated NumberRequest number_requests = 4;
///       bytes liveness = 5;
///     }
///
/// A frame may hold all of it or nothing. Each side tells on a stream of its own.
///
/// Spec: docs/specs/routing.md, "Stream".
package struct RouteFrame: Equatable, Sendable {
    package struct Limits: Sendable {
        /// Updates of one frame: what is read at once, with as many signatures to check, is about 20 ms of work.
        package var updateCountMax = 256
        /// Requests of one frame, of each kind.
        package var requestCountMax = 64
        /// Bytes of the liveness protocol in one frame.
        package var livenessByteCountMax = 16_384

        package init() {}

        /// The most bytes that a frame within these limits takes, without its length.
        package var frameByteCountMax: Int {
            updateCountMax * 192 + requestCountMax * (64 + 192) + livenessByteCountMax + 64
        }
    }

    /// What has changed of the sender's routes, in order.
    package var updates: [RouteUpdate] = []
    /// What the sender has told until this frame, its updates included.
    package var digest: RouteDigest?
    package var routeRequests: [RouteRequest] = []
    package var numberRequests: [NumberRequest] = []
    /// What the liveness protocol has to say, which it reads itself; empty for nothing.
    package var liveness: [UInt8] = []

    /// The stream protocol.
    package static let protocolID = "/starling/route/1"
    /// The longest frame that a peer may send, without its length.
    package static let byteCountMax = Limits().frameByteCountMax

    package init() {}

    package var isEmpty: Bool {
        updates.isEmpty && digest == nil && routeRequests.isEmpty && numberRequests.isEmpty
            && liveness.isEmpty
    }

    /// The frame in `bytes`, without the length before it.
    ///
    /// Its form is checked, and no signature.
    package static func parse(
        _ bytes: Span<UInt8>,
        limits: Limits = Limits()
    ) throws(ProtobufError) -> RouteFrame {
        var frame = RouteFrame()
        var cursor = ProtobufCursor(bytes)
        while let field = try cursor.next(in: bytes) {
            switch field.number {
            case 1:
                guard frame.updates.count < limits.updateCountMax else {
                    throw .tooManyEntries(fieldNumber: 1)
                }
                frame.updates.append(try RouteUpdate.parse(bytes, try field.range()))
            case 2: frame.digest = try RouteDigest.parse(bytes, try field.range())
            case 3:
                guard frame.routeRequests.count < limits.requestCountMax else {
                    throw .tooManyEntries(fieldNumber: 3)
                }
                frame.routeRequests.append(try RouteRequest.parse(bytes, try field.range()))
            case 4:
                guard frame.numberRequests.count < limits.requestCountMax else {
                    throw .tooManyEntries(fieldNumber: 4)
                }
                frame.numberRequests.append(try NumberRequest.parse(bytes, try field.range()))
            case 5:
                guard try field.range().count <= limits.livenessByteCountMax else {
                    throw .invalidValue(fieldNumber: 5)
                }
                frame.liveness = try field.bytes(in: bytes)
            default: break
            }
        }
        return frame
    }

    /// The frame as it goes onto the stream, its length before it.
    package var encoded: [UInt8] {
        var writer = ProtobufWriter()
        let updateByteCount = updates.reduce(0) { $0 + ($1.proof == nil ? 56 : 144) }
        writer.reserveCapacity(updateByteCount + liveness.count + 64)
        for update in updates { writer.message(1) { update.write(to: &$0) } }
        if let digest { writer.message(2) { digest.write(to: &$0) } }
        for request in routeRequests { writer.message(3) { request.write(to: &$0) } }
        for request in numberRequests { writer.message(4) { request.write(to: &$0) } }
        if !liveness.isEmpty { writer.bytes(5, liveness) }
        var wire: [UInt8] = []
        wire.reserveCapacity(writer.bytes.count + 3)
        Varint.append(UInt64(writer.bytes.count), to: &wire)
        return wire + writer.bytes
    }
}
