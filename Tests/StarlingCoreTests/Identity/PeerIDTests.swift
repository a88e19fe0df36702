import StarlingCore
import Testing

@Suite struct PeerIDTests {
    /// Spec: libp2p/specs `peer-ids/peer-ids.md`, "Decoding", and the key vectors of "Test vectors".
    @Test func readsTheExamplesOfTheSpecification() throws {
        let hashed = try PeerID(text: "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N")
        #expect(hashed.multihash.starts(with: [0x12, 0x20]))
        #expect(hashed.inlineKey == nil)
        #expect(hashed.base58 == "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N")

        let inline = try PeerID(text: "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")
        #expect(inline.inlineKey?.count == 36)
        #expect(inline.inlineKey?.starts(with: [0x08, 0x01, 0x12, 0x20]) == true)
        #expect(inline.description == "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")

        let cid = "bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe"
        #expect(try PeerID(text: cid).cid == cid)
    }

    @Test func theKeysOfTheSpecificationHaveTheirNames() throws {
        let key = "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
        let bytes = try #require(Hex.decode(key))
        let id = try PeerID(multihash: [0x00, UInt8(bytes.count)] + bytes)
        #expect(id.inlineKey == bytes)
        #expect(id.base58.hasPrefix("12D3KooW"))
        #expect(try PeerID(text: id.base58) == id)
        #expect(try PeerID(text: id.cid) == id)
        let secp = "08021221037777e994e452c21604f91de093ce415f5432f701dd8cd1a7a6fea0e630bfca99"
        let other = try PeerID(multihash: [0x00, 37] + (try #require(Hex.decode(secp))))
        #expect(other.base58.hasPrefix("16Uiu2HA"))
    }

    @Test func everyBaseOfACIDIsRead() throws {
        let id = try PeerID(text: "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")
        for base in Multibase.allCases {
            let text = base.encode([0x01, 0x72] + id.multihash)
            #expect(try PeerID(text: text) == id)
        }
        #expect(id.cid.hasPrefix("bafz"))
        #expect(PeerID(id.cid) == id)
        #expect(PeerID("x") == nil)
    }

    @Test func refusesOtherTexts() throws {
        let id = try PeerID(text: "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")
        #expect(throws: PeerIDError.invalidText) { try PeerID(text: "") }
        #expect(throws: PeerIDError.invalidText) { try PeerID(text: "Q") }
        #expect(throws: PeerIDError.invalidText) { try PeerID(text: "Qm0") }
        #expect(throws: PeerIDError.invalidText) { try PeerID(text: "bad!") }
        #expect(throws: PeerIDError.invalidText) {
            try PeerID(text: Multibase.base32.encode([0x00, 0x72] + id.multihash))
        }
        #expect(throws: PeerIDError.notALibp2pKey) {
            try PeerID(text: Multibase.base32.encode([0x01, 0x70] + id.multihash))
        }
        #expect(throws: PeerIDError.wrongLength) {
            try PeerID(text: Multibase.base32.encode([0x01, 0x72] + id.multihash + [0]))
        }
    }

    @Test func aMultihashHasTheLengthThatItSays() throws {
        #expect(throws: PeerIDError.wrongLength) { try PeerID(multihash: []) }
        #expect(throws: PeerIDError.wrongLength) { try PeerID(multihash: [0]) }
        #expect(throws: PeerIDError.unsupportedMultihash) { try PeerID(multihash: [0, 0]) }
        #expect(try PeerID(multihash: [0, 1, 9]).inlineKey == [9])
        let most = [UInt8](repeating: 1, count: PeerID.inlineKeyByteCountMax)
        #expect(try PeerID(multihash: [0, UInt8(most.count)] + most).inlineKey == most)
        #expect(throws: PeerIDError.unsupportedMultihash) {
            try PeerID(multihash: [0, UInt8(most.count + 1)] + most + [1])
        }
        let digest = [UInt8](repeating: 7, count: 32)
        #expect(try PeerID(multihash: [0x12, 0x20] + digest).inlineKey == nil)
        #expect(throws: PeerIDError.wrongLength) { try PeerID(multihash: [0x12, 0x20] + digest + [7]) }
        #expect(throws: PeerIDError.wrongLength) { try PeerID(multihash: [0x12, 0x1f] + digest.dropLast()) }
        #expect(throws: PeerIDError.unsupportedMultihash) { try PeerID(multihash: [0x13, 0x20] + digest) }
    }

    @Test func namesAreOrderedByTheirBytes() throws {
        let low = try PeerID(multihash: [0, 1, 1])
        let high = try PeerID(multihash: [0, 1, 2])
        #expect(low < high)
        #expect(!(high < low))
        #expect(low.shortText == low.base58)
    }
}
