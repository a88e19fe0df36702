internal import StarlingAPI
internal import StarlingCommandLine
internal import StarlingCore
internal import StarlingSimulator

/// `starling sim absence`.
struct AbsenceScenario: SimScenario {
    static let summary =
        "a node is away for a day, those that wrote to it go, and mailboxes keep all, some of which lie"
    let name = SimScenarioName.absence.rawValue
    var options = AbsenceFleet.Options()

    init(_ invocation: Invocation) throws(Diagnostic) {
        try options.apply(invocation)
        try invocation.refuseFlagsOfFleets("absence, where mailboxes do all")
        try invocation.refusePicture("absence, where all write to one")
        let least = options.mailboxCount + 2
        guard options.nodeCount >= least else {
            throw Diagnostic(
                code: "misused",
                message:
                    "one node is away, \(options.mailboxCount) are its mailboxes, and nobody writes to it.",
                nextStep: "Simulate more: --nodes \(least)"
            )
        }
        guard options.duration >= .seconds(3 * 3600) else {
            throw Diagnostic(
                code: "misused",
                message: "the senders go after two and a half hours, and the node is away for longer.",
                nextStep: "Let it be away for longer: --hours 3"
            )
        }
    }

    func run(_ watch: SimWatch) throws -> SimFinding {
        let report = try AbsenceFleet(options).run(progress: watch.progress)
        var figures = JSONObject()
        figures["accepted"] = JSON(report.accepted)
        figures["arrived_by_mailbox"] = JSON(report.arrivedByMailbox)
        figures["mailbox_ratio"] = .double(report.mailboxRatio)
        figures["arrived"] = JSON(report.arrived)
        figures["delivered"] = JSON(report.delivered)
        figures["duplicated"] = JSON(report.duplicated)
        figures["copies_max"] = JSON(report.copyCountMax)
        figures["copies_left"] = JSON(report.leftCount)
        figures["crashes"] = JSON(report.crashCount)
        figures["lying_mailboxes"] = JSON(options.liarCount)
        figures["mail_taken_by_hostile"] = JSON(report.hostileMailCount)
        figures["events"] = JSON(report.eventCount)
        return SimFinding(
            virtualSeconds: report.virtualSeconds,
            figures: figures,
            traceHash: report.traceHash,
            violations: report.violations,
            firstViolation: report.firstViolation,
            events: report.events,
            text: """
                \(report.accepted) messages accepted: \(report.arrivedByMailbox) came through mailboxes while their senders were \
                away, \(report.arrived) in the end, \(report.duplicated) of them twice; \(report.delivered) have receipts
                \(options.mailboxCount) mailboxes, \(options.liarCount) of which lie, crashed \(report.crashCount) times; up to \
                \(report.copyCountMax) copies of a message in honest ones, \(report.leftCount) at the end; \
                \(report.hostileMailCount) copies taken by those that lie
                """
        )
    }
}
