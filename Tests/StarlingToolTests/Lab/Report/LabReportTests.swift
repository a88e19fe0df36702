import StarlingCore
import StarlingTool
import Testing

@Suite struct LatencySampleTests {
    @Test func percentilesAreMeasuredValues() {
        let sample = LatencySample(milliseconds: (1...200).map(Double.init).reversed())
        #expect(sample.percentile(0) == 1)
        #expect(sample.percentile(50) == 100)
        #expect(sample.percentile(99) == 198)
        #expect(sample.percentile(100) == 200)
    }

    @Test func oneLatencyIsEveryPercentile() {
        var sample = LatencySample()
        #expect(sample.percentile(50) == nil)
        sample.add(.microseconds(1500))
        for percent in [0, 1, 50, 99, 100] { #expect(sample.percentile(percent) == 1.5) }
    }

    @Test func theSlowestOfAHundredIsTheirNinetyNinth() {
        // Of 100 values 99 are within the 99th percentile, of 101 it takes 100.
        let values = (1...101).map(Double.init)
        #expect(LatencySample(milliseconds: Array(values.prefix(100))).percentile(99) == 99)
        #expect(LatencySample(milliseconds: values).percentile(99) == 100)
    }
}

@Suite struct ReceivedTallyTests {
    @Test func aMessageSeenTwiceAtOnePlaceIsOneEntry() {
        var tally = ReceivedTally()
        let isNew = (tally.saw("a", at: 1), tally.saw("a", at: 1))
        #expect(isNew == (true, false))
        #expect(tally.doubleCount == 0)
        #expect(tally.count(of: ["a", "b"]) == 1)
    }

    @Test func aMessageAtTwoPlacesCameTwice() {
        var tally = ReceivedTally()
        for position in [1, 2, 3] as [Int64] { tally.saw("a", at: position) }
        #expect(tally.doubleCount == 2)
    }

    @Test func aMessageThatComesBackAfterItWasTakenCameTwice() {
        var tally = ReceivedTally()
        tally.saw("a", at: 1)
        tally.took(["a", "never seen"])
        tally.saw("a", at: 1)
        #expect(tally.doubleCount == 1)
        #expect(!tally.holds("never seen"))
    }
}

@Suite struct LabReportTests {
    private func result(sent: Int, delivered: Int, duplicated: Int = 0, _ milliseconds: [Double] = [])
        -> LabResult
    {
        var result = LabResult("ping-pong")
        result.sentCount = sent
        result.deliveredCount = delivered
        result.duplicatedCount = duplicated
        result.latency = LatencySample(milliseconds: milliseconds)
        return result
    }

    @Test func aScenarioPassesWhenEverythingArrivedOnce() {
        #expect(result(sent: 3, delivered: 3).hasPassed)
        #expect(!result(sent: 3, delivered: 2).hasPassed)
        #expect(!result(sent: 3, delivered: 3, duplicated: 1).hasPassed)
        #expect(!result(sent: 0, delivered: 0).hasPassed, "nothing sent proves nothing")
        var short = result(sent: 3, delivered: 3)
        short.shortcomings = ["a node did not answer"]
        #expect(!short.hasPassed)
    }

    @Test func aRunPassesWhenEachScenarioDoes() {
        var report = LabReport(nodeCount: 10, seed: 1)
        #expect(!report.hasPassed, "a run of nothing proves nothing")
        report.results = [result(sent: 1, delivered: 1)]
        #expect(report.hasPassed)
        report.results.append(result(sent: 2, delivered: 1))
        #expect(!report.hasPassed)
    }

    @Test func theObjectHasTheAgreedKeys() throws {
        var report = LabReport(nodeCount: 10, seed: 7)
        report.results = [
            result(sent: 4, delivered: 3, duplicated: 1, [1, 2, 2.0005, 30]), result(sent: 1, delivered: 1),
        ]
        report.results[0].figures = [LabFigure("further_hop_p99_ms", 0.25)]
        report.results[0].shortcomings = ["node 1 to 2: no answer in time"]
        report.results[0].notes = ["a note"]
        report.results[0].nodeCount = 4
        report.notes = ["partition was left out"]
        let json = try JSON(parsing: report.json.text)
        #expect(json["scenarios"]?[0]?["figures"]?["further_hop_p99_ms"]?.double == 0.25)
        #expect(json["passed"] == false)
        #expect(json["nodes"] == 10)
        #expect(json["seed"] == 7)
        let scenario = try #require(json["scenarios"]?[0])
        #expect(scenario["name"] == "ping-pong")
        #expect(scenario["sent"] == 4)
        #expect(scenario["delivered"] == 3)
        #expect(scenario["duplicated"] == 1)
        #expect(scenario["p50_ms"]?.double == 2)
        #expect(scenario["p99_ms"]?.double == 30)
        #expect(scenario["passed"] == false)
        #expect(scenario["shortcomings"] == ["node 1 to 2: no answer in time"])
        #expect(scenario["notes"] == ["a note"])
        #expect(scenario["nodes"] == 4 && json["scenarios"]?[1]?["nodes"] == .null)
        #expect(json["notes"] == ["partition was left out"])
        #expect(json["scenarios"]?[1]?["p50_ms"] == .null)
        #expect(json["scenarios"]?[1]?["shortcomings"] == [] && json["scenarios"]?[1]?["notes"] == [])
        #expect(json["scenarios"]?[1]?["passed"] == true)
    }

    @Test func theTableSaysWhatFellShort() {
        var report = LabReport(nodeCount: 3, seed: 1)
        var short = result(sent: 40, delivered: 39, [0.25, 1.0625])
        short.shortcomings = ["node 1 to 2: no answer in time"]
        short.notes = ["a note"]
        short.nodeCount = 4
        report.notes = ["partition was left out"]
        report.results = [short, result(sent: 1, delivered: 1)]
        report.residentByteCount = 60 << 20
        let lines = report.render(colours: false).split(separator: "\n").map(String.init)
        #expect(lines[0].hasPrefix("scenario"))
        #expect(
            lines[1].split(separator: " ") == ["ping-pong", "4", "40", "39", "0", "0.250", "1.063", "FAILED"]
        )
        #expect(lines[2].split(separator: " ") == ["ping-pong", "-", "1", "1", "0", "-", "-", "passed"])
        #expect(lines[3] == "ping-pong: node 1 to 2: no answer in time")
        #expect(lines[4] == "ping-pong: a note")
        #expect(lines[5] == "partition was left out")
        #expect(lines[6].contains("3 nodes") && lines[6].contains("60 MiB"))
    }
}
