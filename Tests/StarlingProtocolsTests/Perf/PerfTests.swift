import StarlingCore
import StarlingProtocols
import Testing

@Suite struct PerfTests {
    private let start = Instant(nanosecondsSinceOrigin: 0)

    @Test func theHeaderIsTheDownloadInNetworkByteOrder() {
        let dialer = PerfDialer(uploadByteCount: 0, downloadByteCount: 0x0102_0304_0506_0708, now: start)
        #expect(dialer.header == [1, 2, 3, 4, 5, 6, 7, 8])
    }

    @Test func theListenerSendsWhatItWasAskedForOverAnyChunking() throws {
        let dialer = PerfDialer(uploadByteCount: 5, downloadByteCount: 70_000, now: start)
        let wire = dialer.header + [UInt8](repeating: 0, count: 5)
        for cut in 0...wire.count {
            var listener = PerfListener()
            try listener.receive(Array(wire[..<cut]).span)
            try listener.receive(Array(wire[cut...]).span)
            #expect(listener.uploadByteCount == 5)
            #expect(try listener.receiveEnd() == 70_000)
        }
    }

    @Test func theListenerRefusesWhatIsIncompleteOrTooMuch() throws {
        var incomplete = PerfListener()
        try incomplete.receive([UInt8](repeating: 0, count: 7).span)
        #expect(throws: PerfError.missingHeader) { try incomplete.receiveEnd() }
        var atLimit = PerfListener(limits: .init(downloadByteCountMax: 1))
        try atLimit.receive(([0, 0, 0, 0, 0, 0, 0, 1] as [UInt8]).span)
        #expect(throws: PerfError.tooLarge(2)) {
            var listener = PerfListener(limits: .init(downloadByteCountMax: 1))
            try listener.receive(([0, 0, 0, 0, 0, 0, 0, 2] as [UInt8]).span)
        }
    }

    @Test func theDialerTimesBothDirections() throws {
        var dialer = PerfDialer(uploadByteCount: 9, downloadByteCount: 30, now: start)
        dialer.uploaded(at: start + .seconds(2))
        try dialer.receive(byteCount: 30, now: start + .seconds(3))
        let report = try dialer.receiveEnd(now: start + .seconds(5))
        #expect(report.upload == .seconds(2))
        #expect(report.download == .seconds(3))
        #expect(report.uploadByteCount == 9)
        #expect(report.downloadByteCount == 30)
    }

    @Test func theDialerCountsTheDownload() throws {
        var dialer = PerfDialer(uploadByteCount: 0, downloadByteCount: 3, now: start)
        #expect(throws: PerfError.earlyBytes) { try dialer.receive(byteCount: 1, now: start) }
        #expect(throws: PerfError.earlyBytes) { try dialer.receiveEnd(now: start) }
        dialer.uploaded(at: start)
        try dialer.receive(byteCount: 2, now: start)
        #expect(throws: PerfError.tooFewBytes(2)) { try dialer.receiveEnd(now: start) }
        #expect(throws: PerfError.tooManyBytes) { try dialer.receive(byteCount: 2, now: start) }
    }
}
