internal import StarlingCore

/// Decides when peers are asked for on one interface.
struct MDNSBrowser: Sendable {
    /// Queries of many nodes that start together are spread.
    ///
    /// Spec: RFC 6762, section 5.2.
    private static let startDelay = 20...120
    /// No two queries come closer.
    ///
    /// Spec: RFC 6762, section 5.2.
    private static let repeatDelay = Duration.seconds(1)

    private let limits: MDNSLimits
    private var interval: Duration
    private var regularQuery: Instant
    private var extraQuery: Instant?
    private var lastQuery: Instant?
    private var wanted: [DNSName] = []

    init(limits: MDNSLimits, now: Instant, jitter: inout MDNSJitter) {
        self.limits = limits
        interval = limits.queryIntervalMin
        regularQuery = now + jitter.milliseconds(Self.startDelay)
    }

    var nextDeadline: Instant { min(regularQuery, extraQuery ?? regularQuery) }

    /// Asks soon, beside the regular queries: records are about to expire.
    mutating func refresh(now: Instant, jitter: inout MDNSJitter) {
        let soon = now + jitter.milliseconds(Self.startDelay)
        let allowed = max(soon, lastQuery.map { $0 + Self.repeatDelay } ?? soon)
        extraQuery = min(extraQuery ?? allowed, allowed)
    }

    /// Asks soon for the addresses of a peer name that came without.
    mutating func want(_ name: DNSName, now: Instant, jitter: inout MDNSJitter) {
        guard !wanted.contains(name), wanted.count < limits.wantedCountMax else { return }
        wanted.append(name)
        refresh(now: now, jitter: &jitter)
    }

    /// The peer names to ask for beside the service itself, when a query is due.
    mutating func take(now: Instant) -> [DNSName]? {
        guard nextDeadline <= now else { return nil }
        if regularQuery <= now {
            regularQuery = now + interval
            interval = min(interval * 2, limits.queryIntervalMax)
        }
        extraQuery = nil
        lastQuery = now
        defer { wanted = [] }
        return wanted
    }

    /// The messages of one query, with all that is known already so that it is not told again.
    ///
    /// Spec: RFC 6762, sections 7.1 and 7.2.
    static func query(
        service: DNSName,
        wanted: [DNSName],
        known: [(name: DNSName, ttlSeconds: UInt32)],
        byteCountMax: Int
    ) -> [[UInt8]] {
        var message = DNSMessage()
        message.questions = [DNSQuestion(service, DNSType.ptr)]
        message.questions += wanted.map { DNSQuestion($0, DNSType.txt) }
        var messages: [[UInt8]] = []
        // The first record of a message may spell the service's name out, the others point to it.
        var byteCount = message.bytes.count
        for answer in known {
            let label = 1 + Int(answer.name.wire[0])
            let recordByteCount = 12 + label + 2
            if byteCount + recordByteCount > byteCountMax {
                message.isTruncated = true
                messages.append(message.bytes)
                message = DNSMessage()
                byteCount = 12 + service.wire.count
            }
            message.answers.append(DNSRecord(service, .pointer(answer.name), ttlSeconds: answer.ttlSeconds))
            byteCount += recordByteCount
        }
        messages.append(message.bytes)
        return messages
    }
}
