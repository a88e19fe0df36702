internal import StarlingCore
internal import StarlingNode

extension Occupancy {
    /// The four members, `noun` being what is counted: `messages`, `max_messages`, `bytes` and `max_bytes`.
    func members(_ noun: String) -> [(String, JSON)] {
        [
            (noun, JSON(count)), ("max_\(noun)", JSON(countMax)), ("bytes", JSON(byteCount)),
            ("max_bytes", JSON(byteCountMax)),
        ]
    }

    init(_ fields: JSONFields, _ noun: String) throws(JSONShapeError) {
        self.init(
            count: try fields.count(noun),
            countMax: try fields.count("max_\(noun)"),
            byteCount: try fields.count("bytes"),
            byteCountMax: try fields.count("max_bytes")
        )
    }
}
