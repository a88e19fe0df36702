import StarlingCore
import Testing

@Suite struct BenchTests {
    @Test func aBenchMeasuresBetweenTwoProcessesAndPrintsOneObject() async throws {
        let run = try await ToolRun.run(["bench", "ping", "--json", "--timeout", "60s"])
        #expect(run.status == 0, "\(run.talk)")
        #expect(run.output.split(separator: "\n").count == 1)
        let report = try JSON(parsing: run.output)
        #expect(report["bench"] == "ping")
        #expect(report["security"] == "noise")
        let median = try #require(report["median_us"]?.double)
        let p99 = try #require(report["p99_us"]?.double)
        #expect(median > 0 && p99 >= median)
        #expect(try #require(report["listener_cpu_us"]?.double) > 0)
        #expect(try #require(report["floor_us"]?.double) > 0)
    }

    @Test func theStoreIsMeasuredOnItsDisk() async throws {
        let run = try await ToolRun.run(["bench", "store", "--json", "--timeout", "120s"])
        #expect(run.status == 0, "\(run.talk)")
        let report = try JSON(parsing: run.output)
        for key in ["rows_per_s_1", "rows_per_s_10", "rows_per_s_100", "rows_per_s_callers", "open_ms"] {
            #expect(try #require(report[key]?.double, "\(key)") > 0, "\(key)")
        }
    }

    @Test func acceptanceIsMeasuredBesideTheDisk() async throws {
        let run = try await ToolRun.run([
            "bench", "enqueue", "--json", "--timeout", "60s", "--senders", "4", "--privacy", "private",
        ])
        #expect(run.status == 0, "\(run.talk)")
        let report = try JSON(parsing: run.output)
        #expect(report["privacy"] == "private" && report["senders"] == 4)
        for key in [
            "enqueued_per_s", "p50_us", "p99_us", "rows_per_s_1", "rows_per_s_100", "fdatasync_p50_us",
        ] {
            #expect(try #require(report[key]?.double, "\(key)") > 0, "\(key)")
        }
    }

    @Test func deliveryIsCountedInTheRecipientsInbox() async throws {
        let run = try await ToolRun.run([
            "bench", "delivery", "--json", "--timeout", "120s", "--bytes", "300",
        ])
        #expect(run.status == 0, "\(run.talk)")
        let report = try JSON(parsing: run.output)
        #expect(report["lost"] == 0 && report["duplicated"] == 0)
        for key in ["delivered_per_s", "p50_us", "p99_us", "idle_p99_us", "rows_per_s_1"] {
            #expect(try #require(report[key]?.double, "\(key)") > 0, "\(key)")
        }
        let target = "/ip4/127.0.0.1/tcp/1"
        let aimed = try await ToolRun.run(["bench", "delivery", "--target", target])
        #expect(aimed.status == 2 && aimed.talk.contains("--target"))
    }

    @Test func anInboxIsAuditedByRound() async throws {
        let run = try await ToolRun.run(
            ["bench-listener"],
            input: #"{"do":"audit","round":1}"# + "\n" + #"{"do":"consume"}"# + "\n"
        )
        let answers = try run.output.split(separator: "\n").dropFirst().map { try JSON(parsing: String($0)) }
        #expect(answers == [["messages": 0, "distinct": 0], ["done": true]])
    }

    @Test func sealingIsMeasuredWithoutAListener() async throws {
        let run = try await ToolRun.run(["bench", "seal", "--json", "--timeout", "60s"])
        #expect(run.status == 0, "\(run.talk)")
        let report = try JSON(parsing: run.output)
        #expect(report["bench"] == "seal")
        #expect(report["payload_bytes"] == 1024)
        for key in ["seal_us", "seal_first_us", "open_us", "open_first_us", "convert_us"] {
            #expect(try #require(report[key]?.double, "\(key)") > 0, "\(key)")
        }
        let late = try await ToolRun.run(["bench", "seal", "--timeout", "1ms"])
        #expect(late.status == 1)
        #expect(late.talk.contains("--timeout"))
        let target = "/ip4/127.0.0.1/tcp/1"
        let aimed = try await ToolRun.run(["bench", "seal", "--target", target])
        #expect(aimed.status != 0)
        #expect(aimed.talk.contains("--target"))
    }

    @Test(arguments: ["noise", "tls"])
    func bulkKnowsTheCeilingOfItsOwnRun(_ security: String) async throws {
        let run = try await ToolRun.run([
            "bench", "bulk", "--json", "--timeout", "90s", "--security", security,
        ])
        #expect(run.status == 0, "\(run.talk)")
        let report = try JSON(parsing: run.output)
        for key in [
            "mb_per_s", "sender_cpu_s_per_gib", "receiver_cpu_s_per_gib", "ceiling_mb_per_s",
        ] {
            #expect(try #require(report[key]?.double, "\(key)") > 0, "\(key)")
        }
    }

    @Test func theListenerEndsWithItsInput() async throws {
        let run = try await ToolRun.run(["bench-listener", "--security", "tls"])
        #expect(run.status == 0)
        let ready = try JSON(parsing: run.output)
        #expect(ready["event"] == "ready")
        #expect(ready["addrs"]?[0]?.string?.hasPrefix("/ip4/127.0.0.1/tcp/") == true)
    }

    @Test func theListenerAnswersEachLine() async throws {
        let run = try await ToolRun.run(
            ["bench-listener"],
            input: #"{"do":"usage"}"# + "\n" + #"{"do":"count"}"# + "\n" + #"{"do":"sing"}"# + "\n"
        )
        let answers = try run.output.split(separator: "\n").dropFirst().map { try JSON(parsing: String($0)) }
        #expect(answers.count == 3)
        #expect(try #require(answers[0]["resident_bytes"]?.integer) > 0)
        #expect(answers[1] == ["connections": 0, "identified": 0])
        #expect(answers[2]["error"]?.string != nil)
    }

    @Test func aTargetThatIsNotThereIsAFailureWithItsReason() async throws {
        let nobody = "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"
        let run = try await ToolRun.run(["bench", "ping", "--target", nobody])
        #expect(run.status == 1)
        #expect(run.output.isEmpty)
        #expect(run.talk.contains("cannot be reached"))
        let memory = try await ToolRun.run(["bench", "memory", "--target", nobody])
        #expect(memory.status == 2)
        #expect(memory.talk.contains("Go without --target."))
    }

    @Test func aBenchThatTakesTooLongEndsItself() async throws {
        let run = try await ToolRun.run(["bench", "ping", "--timeout", "50ms"])
        #expect(run.status == 1)
        #expect(run.talk.contains("not over after"))
    }
}
