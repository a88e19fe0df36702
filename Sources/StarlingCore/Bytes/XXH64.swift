/// XXH64, a checksum of 64 bits for what a disk may have changed.
///
/// Any change within eight bytes is found; of all others one in 2⁶⁴ is missed. It is none against people: who
/// can write the bytes can write the checksum.
///
/// Spec: xxHash fast digest algorithm, version 0.1.1, "XXH64 algorithm description".
package enum XXH64 {
    private static let prime1: UInt64 = 0x9e37_79b1_85eb_ca87
    private static let prime2: UInt64 = 0xc2b2_ae3d_27d4_eb4f
    private static let prime3: UInt64 = 0x1656_67b1_9e37_79f9
    private static let prime4: UInt64 = 0x85eb_ca77_c2b2_ae63
    private static let prime5: UInt64 = 0x27d4_eb2f_1656_67c5

    /// The checksum of `bytes`.
    ///
    /// Of several pieces each gets the one before as its seed.
    package static func hash(_ bytes: Span<UInt8>, seed: UInt64 = 0) -> UInt64 {
        // Safe: a byte has no bits that are not its value.
        let input = unsafe bytes.bytes
        var offset = 0
        var hash = seed &+ prime5
        if input.byteCount >= 32 {
            var lane1 = seed &+ prime1 &+ prime2
            var lane2 = seed &+ prime2
            var lane3 = seed
            var lane4 = seed &- prime1
            while offset &+ 32 <= input.byteCount {
                lane1 = round(lane1, word(input, offset))
                lane2 = round(lane2, word(input, offset &+ 8))
                lane3 = round(lane3, word(input, offset &+ 16))
                lane4 = round(lane4, word(input, offset &+ 24))
                offset &+= 32
            }
            hash = rotate(lane1, 1) &+ rotate(lane2, 7) &+ rotate(lane3, 12) &+ rotate(lane4, 18)
            hash = merge(hash, lane1)
            hash = merge(hash, lane2)
            hash = merge(hash, lane3)
            hash = merge(hash, lane4)
        }
        hash &+= UInt64(input.byteCount)
        while offset &+ 8 <= input.byteCount {
            hash = rotate(hash ^ round(0, word(input, offset)), 27) &* prime1 &+ prime4
            offset &+= 8
        }
        if offset &+ 4 <= input.byteCount {
            // Safe: any bits are a number, and the offset is checked against the bounds.
            let half = unsafe input.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)
            hash = rotate(hash ^ (UInt64(UInt32(littleEndian: half)) &* prime1), 23) &* prime2 &+ prime3
            offset &+= 4
        }
        while offset < input.byteCount {
            hash = rotate(hash ^ (UInt64(bytes[offset]) &* prime5), 11) &* prime1
            offset &+= 1
        }
        hash = (hash ^ (hash >> 33)) &* prime2
        hash = (hash ^ (hash >> 29)) &* prime3
        return hash ^ (hash >> 32)
    }

    private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        rotate(lane &+ word &* prime2, 31) &* prime1
    }

    private static func merge(_ hash: UInt64, _ lane: UInt64) -> UInt64 {
        (hash ^ round(0, lane)) &* prime1 &+ prime4
    }

    private static func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 {
        word &<< count | word &>> (64 &- count)
    }

    private static func word(_ input: RawSpan, _ offset: Int) -> UInt64 {
        // Safe: any bits are a number, and the offset is checked against the bounds.
        UInt64(littleEndian: unsafe input.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
}
