internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingHTTP
internal import StarlingNode
internal import StarlingWorld

/// Calls the node that runs in a home folder, over its socket.
struct NodeClient {
    private let home: Home
    private let http: HTTPClient

    /// The largest answer: a page of the inbox, whose payloads may take six bytes for one.
    private static let answerByteCountMax = 64 << 20

    init(home: Home) {
        self.home = home
        var limits = HTTPResponseLimits()
        limits.bodyByteCountMax = Self.answerByteCountMax
        http = HTTPClient(socketPath: home.socketPath, limits: limits)
    }

    /// The answer to a GET.
    func get(_ target: String, timeout: Duration) throws(Diagnostic) -> JSON {
        try send("GET", target, body: nil, timeout: timeout)
    }

    /// The answer to a POST.
    func post(_ target: String, _ body: JSON, timeout: Duration) throws(Diagnostic) -> JSON {
        try send("POST", target, body: body.bytes, timeout: timeout)
    }

    /// The answer to a POST that says all by its path.
    func post(_ target: String, timeout: Duration) throws(Diagnostic) -> JSON {
        try send("POST", target, body: nil, timeout: timeout)
    }

    /// A value out of an answer.
    func value<Value: APIValue>(_ json: JSON, _ type: Value.Type = Value.self) throws(Diagnostic) -> Value {
        do throws(JSONShapeError) {
            return try Value(json: json)
        } catch {
            throw Self.unlike("an answer of this version of starling: \(error.message)")
        }
    }

    private func send(
        _ method: String,
        _ target: String,
        body: [UInt8]?,
        timeout: Duration
    ) throws(Diagnostic) -> JSON {
        let response: HTTPResponse
        do throws(HTTPClientError) {
            response = try http.send(method, target, body: body, timeout: timeout)
        } catch {
            throw diagnostic(error, timeout)
        }
        let json: JSON
        do throws(JSONError) {
            json = try JSON(
                parsing: response.body.span,
                limits: JSONLimits(byteCountMax: Self.answerByteCountMax)
            )
        } catch {
            throw Self.unlike("JSON (status \(response.status)): \(error)")
        }
        if (200..<300).contains(response.status) { return json }
        guard let failure = try? NodeFailure(json: json) else {
            throw Self.unlike("a failure that this version of starling knows (status \(response.status))")
        }
        var diagnostic = Diagnostic(failure)
        // The node does not know with which flags it is asked: a command that it ends with gets them here.
        let words = diagnostic.nextStep.split(separator: ": starling ", maxSplits: 1)
        if words.count == 2, !words[1].contains(where: { ".,;:/".contains($0) }) {
            diagnostic.nextStep += home.flagText
        } else if diagnostic.nextStep.contains("starling "), !home.flagText.isEmpty {
            diagnostic.nextStep += " (with\(home.flagText))"
        }
        throw diagnostic
    }

    private static func unlike(_ expectation: String) -> Diagnostic {
        Diagnostic(
            code: "internal",
            message: "what the node answered is not \(expectation).",
            nextStep:
                "Check that the tool and the node are of one version: starling version, starling status --json"
        )
    }

    private func diagnostic(_ error: HTTPClientError, _ timeout: Duration) -> Diagnostic {
        switch error {
        case .notServed:
            Diagnostic(
                code: "no_node",
                message: "no node is running in \(home.shown).",
                nextStep: "Start one with: starling up\(home.flagText)"
            )
        case .notPermitted:
            Diagnostic(
                code: "not_permitted",
                message: "the node in \(home.shown) belongs to another user.",
                nextStep: "Run this as that user, or start your own node with: starling up"
            )
        case .pathTooLong(let path, let byteCountMax):
            Diagnostic(
                code: "path_too_long",
                message: "the socket's path \(path) is longer than \(byteCountMax) bytes.",
                nextStep: "Use a shorter folder with --home."
            )
        case .timedOut:
            Diagnostic(
                code: "timed_out",
                message: "the node did not answer within \(DurationText.write(timeout)).",
                nextStep: "Give it more time with --timeout."
            )
        case .closed, .response(.endedEarly):
            Diagnostic(
                code: "closed",
                message: "the node closed the connection without an answer.",
                nextStep: "Check that it still runs: starling status\(home.flagText)"
            )
        case .response(let error):
            Self.unlike("HTTP: \(error)")
        case .system(let call, let name):
            Diagnostic(code: "system", message: "the system refused \(call): \(name).", nextStep: "")
        }
    }
}

extension Diagnostic {
    init(_ failure: NodeFailure) {
        self.init(code: failure.code.rawValue, message: failure.message, nextStep: failure.nextStep)
    }

    /// Why a store of this process, at `place`, cannot be used.
    init(_ error: StoreError, at place: String? = nil) {
        let what = error.words.what
        self.init(
            code: NodeFailure.Code.storeFailed.rawValue,
            message: place.map { "\($0): \(what)" } ?? what,
            nextStep: error.words.nextStep
        )
    }
}
