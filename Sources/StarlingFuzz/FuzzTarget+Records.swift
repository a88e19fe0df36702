internal import StarlingCore
internal import StarlingMesh

/// Where other members can be dialled.
extension FuzzTarget {
    static func recordRequest(_ input: [UInt8]) throws(BrokenPromise) {
        guard let request = try? RecordRequest(parsing: input.span) else { return }
        try promise(request.hopLimit > 0, "a request may cross the link on which it came")
        let message = try message(of: request.encoded, byteCountMax: RecordRequest.byteCountMax)
        try promise((try? RecordRequest(parsing: message.span)) == request, "a request reads what it writes")
    }

    static func recordAnswer(_ input: [UInt8]) throws(BrokenPromise) {
        guard let answer = try? RecordAnswer(parsing: input.span) else { return }
        let message = try message(of: answer.encoded, byteCountMax: RecordAnswer.byteCountMax)
        try promise((try? RecordAnswer(parsing: message.span)) == answer, "an answer reads what it writes")
    }

    /// What stands behind a length.
    private static func message(of wire: [UInt8], byteCountMax: Int) throws(BrokenPromise) -> [UInt8] {
        var offset = 0
        let byteCount = try? Varint.read(wire.span, at: &offset)
        try promise(byteCount == UInt64(wire.count - offset), "a message has its length before it")
        try promise(wire.count - offset <= byteCountMax, "a message is no longer than one may be")
        return Array(wire[offset...])
    }
}
