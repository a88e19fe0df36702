import StarlingCore
import StarlingProtocols

/// A frame as it stands on the wire, written down independently of the session's own writer.
func frame(_ type: UInt8, _ flags: UInt16, _ id: UInt32, _ length: UInt32, _ payload: [UInt8] = []) -> [UInt8]
{
    var bytes: [UInt8] = [0, type, UInt8(flags >> 8), UInt8(flags & 0xff)]
    for number in [id, length] {
        for shift: UInt32 in [24, 16, 8, 0] { bytes.append(UInt8(number >> shift & 0xff)) }
    }
    return bytes + payload
}

func dataFrame(_ flags: UInt16, _ id: UInt32, _ payload: [UInt8]) -> [UInt8] {
    frame(0, flags, id, UInt32(payload.count), payload)
}

let (syn, ack, fin, rst): (UInt16, UInt16, UInt16, UInt16) = (1, 2, 4, 8)

func slice(_ bytes: [UInt8]) -> BufferSlice { BufferSlice(copying: bytes.span) }

func streamID(_ number: UInt32) -> YamuxStreamID { YamuxStreamID(rawValue: number) }

/// What happened, with the bytes instead of the slice.
enum Happening: Equatable {
    case opened(UInt32)
    case data(UInt32, [UInt8])
    case ended(UInt32)
    case reset(UInt32)
    case writable(UInt32)
    case goneAway(UInt32)
    case roundTrip(Duration)

    init(_ event: YamuxSession.Event) {
        switch event {
        case .opened(let id): self = .opened(id.rawValue)
        case .data(let id, let slice): self = .data(id.rawValue, slice.array())
        case .ended(let id): self = .ended(id.rawValue)
        case .reset(let id): self = .reset(id.rawValue)
        case .writable(let id): self = .writable(id.rawValue)
        case .goneAway(let code): self = .goneAway(code.rawValue)
        case .roundTrip(let duration): self = .roundTrip(duration)
        }
    }
}

/// One end of a session with what the owner of a session has around it.
struct YamuxEnd {
    var session: YamuxSession
    var now = Instant(nanosecondsSinceOrigin: 0)
    var recordByteCountMax = 4096

    init(_ role: YamuxSession.Role, limits: YamuxSession.Limits = .init()) {
        session = YamuxSession(role: role, limits: limits, now: now)
    }

    /// Feeds bytes as one record and lists what they say.
    mutating func feed(_ bytes: [UInt8]) throws(YamuxError) -> [Happening] {
        session.receive(slice(bytes), now: now)
        var happenings: [Happening] = []
        while let event = try session.nextEvent() { happenings.append(Happening(event)) }
        return happenings
    }

    /// All queued frames.
    mutating func control() -> [UInt8] {
        var bytes: [UInt8] = []
        var isFull = true
        while isFull {
            var builder = RecordBuilder(headroom: 2, contentByteCountMax: recordByteCountMax)
            builder.start(in: Buffer(byteCount: recordByteCountMax + 18))
            isFull = session.writeControl(to: &builder)
            bytes += Self.content(&builder)
        }
        return bytes
    }

    /// Writes as much as one record takes: the count, and the record.
    mutating func write(
        _ bytes: [UInt8],
        on id: YamuxStreamID
    ) throws(YamuxStreamError) -> (byteCount: Int, wire: [UInt8]) {
        var builder = RecordBuilder(headroom: 2, contentByteCountMax: recordByteCountMax)
        builder.start(in: Buffer(byteCount: recordByteCountMax + 18))
        let byteCount = try session.write(bytes.span, on: id, to: &builder)
        return (byteCount, Self.content(&builder))
    }

    mutating func consumed(_ byteCount: Int, on id: UInt32) {
        session.consumed(byteCount, on: streamID(id), now: now)
    }

    private static func content(_ builder: inout RecordBuilder) -> [UInt8] {
        guard let (block, content) = builder.finish() else { return [] }
        return BufferSlice(block, content).array()
    }
}
