import StarlingCore
import Testing

@Suite struct XXH64Tests {
    /// Computed by the reference implementation, xxHash 0.8.4, over the bytes `7 * index + 3`.
    private static let vectors: [(byteCount: Int, plain: UInt64, seeded: UInt64)] = [
        (0, 0xef46_db37_51d8_e999, 0x0b30_3d92_0ec3_49df),
        (1, 0x1f25_c8d0_bc1f_4bb6, 0x4e38_da78_5858_33ff),
        (3, 0x31d2_363f_52e5_64c9, 0xdb3c_6b59_a9bf_9c25),
        (4, 0x9bb6_4b7d_66ee_9fda, 0xdce7_4de7_4556_ff94),
        (7, 0x9a7b_1499_59ce_60d8, 0xba5b_6f2c_c49d_11a0),
        (8, 0xdab9_9d95_c6f9_0092, 0xf66e_0ca3_301b_75a3),
        (12, 0xd52e_4078_33af_5133, 0xd70a_b810_30ab_d2af),
        (31, 0xa2aa_5f33_cc4a_6119, 0x66f6_47a5_2a03_a377),
        (32, 0x23c3_c17e_f790_fd97, 0x01b3_2369_1afe_f034),
        (33, 0x50a7_cfc7_ba58_8784, 0x527f_3cae_ff0c_9292),
        (63, 0x5e3e_54b4_31c7_493c, 0xca00_b700_0716_9fc7),
        (64, 0x0eb6_4b3e_f6ee_b01f, 0x34d5_a64a_e8dc_6e9f),
        (100, 0xa61f_8d4c_170f_e531, 0x919c_cda3_67e2_a61e),
        (255, 0x39ae_55a2_9989_206f, 0x4a5d_8017_6289_77f1),
    ]

    @Test func agreesWithTheReference() {
        let bytes = (0..<256).map { UInt8(truncatingIfNeeded: 7 * $0 + 3) }
        for vector in Self.vectors {
            let input = Array(bytes.prefix(vector.byteCount))
            #expect(XXH64.hash(input.span) == vector.plain, "\(vector.byteCount) bytes")
            #expect(
                XXH64.hash(input.span, seed: 0x9e37_79b1_85eb_ca8d) == vector.seeded,
                "\(vector.byteCount) bytes with a seed"
            )
        }
    }

    @Test func agreesWithTheReferenceOnText() {
        #expect(XXH64.hash(Array("a".utf8).span) == 0xd24e_c4f1_a98c_6e5b)
        #expect(XXH64.hash(Array("abc".utf8).span) == 0x44bc_2cf5_ad77_0999)
    }

    @Test func findsEachFlippedBit() {
        var bytes = (0..<100).map { UInt8(truncatingIfNeeded: $0) }
        let sum = XXH64.hash(bytes.span)
        for bit in 0..<800 {
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(XXH64.hash(bytes.span) != sum, "bit \(bit)")
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        }
    }
}
