internal import StarlingAPI
internal import StarlingCore

/// Tasks that a node of the lab is to give to others, all at once.
struct LabOrder: Equatable, Sendable {
    /// Tasks that one order may hold: as many messages as an outbox takes.
    static let taskCountMax: Int64 = 10_000

    /// Who gets them, in turn; at least one.
    var peers: [PeerID]
    var taskCount: Int
    /// What the payloads of these tasks begin with, and those of no other order.
    var label: String
    /// How long the last answer may take.
    var timeout: Duration

    /// What a task asks to be hashed.
    func payload(_ number: Int) -> [UInt8] { Array("\(label) \(number)".utf8) }
}

extension LabOrder: APIValue {
    var json: JSON {
        [
            "peers": .array(peers.map { .string($0.base58) }), "tasks": JSON(taskCount),
            "label": .string(label), "timeout_ms": .integer(timeout.milliseconds),
        ]
    }

    init(_ fields: JSONFields) throws(JSONShapeError) {
        try fields.refuseAllBut(["peers", "tasks", "label", "timeout_ms"])
        peers = try fields.list("peers") { (json, path) throws(JSONShapeError) in
            guard let peer = json.string.flatMap({ PeerID($0) }) else {
                throw JSONShapeError(field: path, expectation: "a PeerID")
            }
            return peer
        }
        guard !peers.isEmpty else { throw JSONShapeError(field: "peers", expectation: "one peer at least") }
        taskCount = Int(try fields.numberIfAny("tasks", in: 1...Self.taskCountMax) ?? 1)
        label = try fields.text("label")
        timeout = try fields.milliseconds("timeout_ms")
    }
}

/// What came of an order.
struct LabOrderReport: Equatable, Sendable {
    /// From giving a task to its right answer, for each task that has one.
    var roundTrips: [Duration] = []
    /// Why others have none; the first few.
    var failures: [String] = []
}

extension LabOrderReport: APIValue {
    var json: JSON {
        [
            "round_trips_us": .array(roundTrips.map { .double(Double($0.nanosecondsClamped) / 1000) }),
            "failures": JSON(failures),
        ]
    }

    init(_ fields: JSONFields) throws(JSONShapeError) {
        roundTrips = try fields.microsecondsList("round_trips_us")
        failures = try fields.list("failures") { (json, path) throws(JSONShapeError) in
            guard let text = json.string else { throw JSONShapeError(field: path, expectation: "a text") }
            return text
        }
    }
}

/// What a node of the lab has worked on.
struct LabWork: Equatable, Sendable {
    /// Tasks that it has worked on.
    var taskCount: Int
    /// How often it has worked on one again.
    var repetitionCount: Int
    /// The highest attempt of a task; 1 when none was handed out again.
    var attemptMax: Int
}

extension LabWork: APIValue {
    var json: JSON {
        [
            "tasks": JSON(taskCount), "repetitions": JSON(repetitionCount), "attempt_max": JSON(attemptMax),
        ]
    }

    init(_ fields: JSONFields) throws(JSONShapeError) {
        taskCount = try fields.count("tasks")
        repetitionCount = try fields.count("repetitions")
        attemptMax = try fields.count("attempt_max")
    }
}
