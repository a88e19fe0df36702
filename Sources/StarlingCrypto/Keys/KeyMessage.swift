internal import StarlingCore

/// The protobuf message around every key, public or private: `Type = 1`, `Data = 2`.
///
/// Spec: libp2p/specs `peer-ids/peer-ids.md` r2, "Keys".
enum KeyMessage {
    /// The type, and where the data stands.
    ///
    /// Refuses every encoding but the canonical one.
    static func parse(_ message: Span<UInt8>) throws(KeyError) -> (type: UInt64, data: Range<Int>) {
        var cursor = ProtobufCursor(message)
        do throws(ProtobufError) {
            guard let typeField = try cursor.next(in: message) else { throw .missingField(fieldNumber: 1) }
            guard let dataField = try cursor.next(in: message) else { throw .missingField(fieldNumber: 2) }
            guard typeField.number == 1, dataField.number == 2 else { throw .invalidFieldNumber }
            let type = try typeField.varint()
            let data = try dataField.range()
            // The canonical header is as short as it can be, and the data ends the message.
            let headerByteCount = encode(type: type, data: message.array(data)).count - data.count
            guard data.lowerBound == headerByteCount, data.upperBound == message.count else {
                throw .invalidFieldNumber
            }
            return (type, data)
        } catch .invalidFieldNumber {
            throw .notCanonical
        } catch {
            throw .malformedMessage(error)
        }
    }

    static func encode(type: UInt64, data: [UInt8]) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.varint(1, type)
        writer.bytes(2, data)
        return writer.bytes
    }
}
