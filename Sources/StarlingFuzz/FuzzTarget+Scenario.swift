internal import StarlingSimulator

extension FuzzTarget {
    /// A scenario's file, as it is read and looked at before anything runs.
    static func scenario(_ input: [UInt8]) throws(BrokenPromise) {
        let scenario: Scenario
        do throws(ScenarioError) {
            scenario = try Scenario("fuzz", parsing: input)
            try scenario.check()
        } catch {
            if case .syntax(let line, let column, let reason) = error {
                try promise(line >= 1 && column >= 1 && !reason.isEmpty, "an error says where and why")
            }
            return
        }
        let options = scenario.options
        try promise(
            options.nodeCount >= 2 && options.quietTime >= .zero && options.duration > options.quietTime,
            "a fleet can run what was checked"
        )
        try promise(
            options.plan.allSatisfy { $0.nodes.allSatisfy((0..<options.nodeCount).contains) },
            "events are about nodes that there are"
        )
        try promise(
            options.plan.allSatisfy { step in
                step.time >= .zero && step.duration >= .zero
                    && step.time + step.duration <= options.duration - options.quietTime
            },
            "faults are over when the quiet time begins"
        )
    }
}
