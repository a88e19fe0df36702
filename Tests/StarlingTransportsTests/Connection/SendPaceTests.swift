import StarlingCore
import StarlingTransports
import Testing

@Suite struct SendPaceTests {
    private func at(_ milliseconds: Int64) -> Instant {
        Instant(nanosecondsSinceOrigin: milliseconds * 1_000_000)
    }

    @Test func recordsAreFullUntilASocketTakesItsTime() {
        var pace = SendPace()
        #expect(pace.recordByteCountMax == .max)
        pace.wrote(100_000, now: at(0))
        pace.drained(at: at(1000))
        #expect(pace.recordByteCountMax == .max, "how much the system had taken before is not known")
    }

    @Test func aRecordKeepsTheLinkBusyForTenMilliseconds() {
        var pace = SendPace()
        pace.drained(at: at(0))
        pace.wrote(125_000, now: at(0))
        pace.drained(at: at(100))
        #expect(pace.recordByteCountMax == 12_500)
        pace.wrote(1_000_000, now: at(100))
        pace.drained(at: at(101))
        #expect(pace.recordByteCountMax == 10_000_000, "a link that is fast again gets full records")
    }

    @Test func aRecordIsNeverShorterThanItsOverheadAllows() {
        var pace = SendPace()
        pace.drained(at: at(0))
        pace.wrote(1, now: at(0))
        pace.drained(at: at(100_000))
        #expect(pace.recordByteCountMax == 4096)
    }

    @Test func timeWithNothingToWriteIsNotTheSockets() {
        var pace = SendPace()
        pace.drained(at: at(0))
        pace.paused(at: at(0))
        pace.paused(at: at(500))
        pace.wrote(125_000, now: at(1000))
        pace.drained(at: at(1100))
        #expect(pace.recordByteCountMax == 12_500)
    }

    @Test func drainsOfOneMomentDoNoHarm() {
        var pace = SendPace()
        pace.drained(at: at(0))
        pace.drained(at: at(0))
        #expect(pace.recordByteCountMax == 4096)
        pace.wrote(10, now: at(0))
        pace.drained(at: at(0))
        #expect(pace.recordByteCountMax == 100_000_000)
    }
}
