import StarlingCore
import StarlingMesh
import Testing

@Suite struct BlobAttachmentTests {
    private let kit: BlobKit

    init() throws { kit = try BlobKit(20_000) }

    @Test func readsWhatItWrites() throws {
        for key in [nil, [UInt8](repeating: 5, count: 32)] {
            let attachment = try #require(BlobAttachment(id: kit.id, name: "Bericht für März.pdf", key: key))
            let bytes = attachment.encoded
            let again = try BlobAttachment(parsing: bytes.span)
            #expect(again == attachment)
            #expect(again.contentByteCount == (key == nil ? 20_000 : 20_000 - 5 * 16))
        }
    }

    @Test func theLongestFitsIntoAMessage() throws {
        let name = String(repeating: "n", count: BlobAttachment.nameByteCountMax)
        let key = [UInt8](repeating: 5, count: 32)
        let id = try #require(
            BlobID(root: kit.id.root, byteCount: BlobID.byteCountMax, chunkByteCount: 1 << 20)
        )
        let attachment = try #require(BlobAttachment(id: id, name: name, key: key))
        #expect(attachment.encoded.count <= MessageContent.Limits().attachmentByteCountMax)
        #expect(BlobAttachment(id: id, name: name + "n", key: key) == nil)
    }

    @Test func aNameIsOneNameAndLeadsNowhere() {
        for name in ["", ".", "..", "a/b", "/etc/passwd", "..\\x", "a\u{0}b", "a\nb", "\u{7f}"] {
            #expect(BlobAttachment(id: kit.id, name: name, key: nil) == nil, "\(name.debugDescription)")
        }
        for name in [".profile", "...", "a b", "ä"] {
            #expect(BlobAttachment(id: kit.id, name: name, key: nil) != nil, "\(name)")
        }
    }

    @Test func whatIsMissingOrWrongIsAnError() throws {
        let good = try #require(BlobAttachment(id: kit.id, name: "a", key: nil)).encoded
        func failure(_ bytes: [UInt8]) -> ProtobufError? {
            do throws(ProtobufError) { _ = try BlobAttachment(parsing: bytes.span) } catch { return error }
            return nil
        }
        #expect(failure(good) == nil)
        #expect(failure([]) == .invalidValue(fieldNumber: 1))
        #expect(failure(good + MessageKit.field(4, Array("x/y".utf8))) == .invalidValue(fieldNumber: 4))
        #expect(failure(good + MessageKit.field(4, [0xff])) == .invalidUTF8(fieldNumber: 4))
        #expect(failure(good + MessageKit.field(5, [1, 2, 3])) == .invalidValue(fieldNumber: 5))
        #expect(failure(good + MessageKit.field(3, 4095)) == .invalidValue(fieldNumber: 1))
        #expect(failure(good + MessageKit.field(9, [1])) == nil, "unknown fields are skipped")
    }
}
