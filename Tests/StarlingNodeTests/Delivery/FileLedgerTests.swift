import StarlingCore
import StarlingCrypto
import StarlingMesh
import Testing

@testable import StarlingNode

@Suite struct FileLedgerTests {
    private let id = BlobID(root: [UInt8](repeating: 1, count: 32), byteCount: 5, chunkByteCount: 4096)

    private func peer() throws -> PeerID {
        var seed = [UInt8](repeating: 3, count: 32)
        return try IdentityKey(wipingSeed: &seed).peerID
    }

    @Test func aBlobIsErasedWhenTheLastErasingIsOver() throws {
        let id = try #require(id)
        var ledger = FileLedger()
        ledger.beginErasing(id)
        ledger.beginErasing(id)
        ledger.endErasing(id)
        #expect(ledger.isErasing(id), "the second still removes its files")
        ledger.endErasing(id)
        #expect(!ledger.isErasing(id))
    }

    @Test func whatIsToldAfterTheEndIsNotKept() throws {
        let (id, peer) = (try #require(id), try peer())
        var ledger = FileLedger()
        var transfer = BlobTransfer(
            id: id,
            peer: peer,
            course: .receiving,
            state: .finished,
            byteCount: 5,
            bytesPerSecond: 0
        )
        ledger.add(.held(1), id)
        ledger.add(.entry(7), id)
        let isWanted = ledger.take(transfer)
        #expect(isWanted && ledger.transfers.count == 1)
        _ = ledger.remove(.held(1))
        #expect(ledger.transfers.isEmpty)
        let isLate = !ledger.take(transfer)
        #expect(isLate && ledger.transfers.isEmpty)
        transfer.course = .sending
        let isOffered = ledger.take(transfer)
        #expect(!isOffered && ledger.transfers.isEmpty, "no message offers it")
    }
}
