/// One page of a b-tree, as far as its bytes make sense.
///
/// Nothing in it is trusted: every offset is checked, and what does not fit is left out. Whether a row is what it was
/// is for its checksum to say.
///
/// Source: SQLite, "Database File Format", section 1.6, "B-tree Pages", and 2.1, "Record Format".
struct TreePage {
    enum Kind: UInt8 {
        case nameBranch = 2
        case numberBranch = 5
        case nameLeaf = 10
        case numberLeaf = 13
    }

    /// A record that a cell holds: what stands in the page, and where it goes on.
    struct Cell {
        /// The row's number, in a tree of numbers.
        var number: Int64?
        var payloadByteCount: Int
        var local: ArraySlice<UInt8>
        /// The first page of the rest; 0 where there is none.
        var overflowPage: Int
    }

    let bytes: [UInt8]
    let kind: Kind
    private let start: Int

    /// A page read as one of `kind`; with `nil` as the one that it says it is.
    init?(_ bytes: [UInt8], number: Int, as kind: Kind? = nil) {
        // The first page begins with the file's header.
        start = number == 1 ? 100 : 0
        guard bytes.count == StoreDatabase.pageByteCount, let kind = kind ?? Kind(rawValue: bytes[start])
        else {
            return nil
        }
        self.bytes = bytes
        self.kind = kind
    }

    private var isBranch: Bool { kind == .nameBranch || kind == .numberBranch }

    /// Where the cells begin, as far as the page says it in bounds.
    var cellOffsets: [Int] {
        let array = start + (isBranch ? 12 : 8)
        let count = min(half(start + 3), (bytes.count - array) / 2)
        var offsets: [Int] = []
        for index in 0..<count {
            let offset = half(array + 2 * index)
            if offset >= array && offset < bytes.count - 3 { offsets.append(offset) }
        }
        return offsets
    }

    /// The pages below this one.
    var children: [Int] {
        guard isBranch else { return [] }
        return (cellOffsets + [start + 8]).map { word($0) }.filter { $0 > 1 }
    }

    /// The records of the page; a branch of numbers has none.
    var cells: [Cell] { kind == .numberBranch ? [] : cellOffsets.compactMap(cell) }

    private func cell(at offset: Int) -> Cell? {
        var offset = offset + (kind == .nameBranch ? 4 : 0)
        guard let size = Self.varint(bytes[...], &offset), size > 0, size <= 1 << 31 else { return nil }
        var number: Int64?
        if kind == .numberLeaf {
            guard let rowid = Self.varint(bytes[...], &offset) else { return nil }
            number = rowid
        }
        let byteCount = Int(size)
        let localCount = localByteCount(of: byteCount)
        guard offset + localCount <= bytes.count else { return nil }
        let local = bytes[offset..<offset + localCount]
        guard localCount < byteCount else {
            return Cell(number: number, payloadByteCount: byteCount, local: local, overflowPage: 0)
        }
        guard offset + localCount + 4 <= bytes.count else { return nil }
        return Cell(
            number: number,
            payloadByteCount: byteCount,
            local: local,
            overflowPage: word(offset + localCount)
        )
    }

    /// How much of a payload stands in the page itself.
    private func localByteCount(of byteCount: Int) -> Int {
        let usable = StoreDatabase.pageByteCount
        let most = kind == .numberLeaf ? usable - 35 : (usable - 12) * 64 / 255 - 23
        if byteCount <= most { return byteCount }
        let least = (usable - 12) * 32 / 255 - 23
        let surplus = least + (byteCount - least) % (usable - 4)
        return surplus <= most ? surplus : least
    }

    private func half(_ offset: Int) -> Int { Int(bytes[offset]) << 8 | Int(bytes[offset + 1]) }

    private func word(_ offset: Int) -> Int { half(offset) << 16 | half(offset + 2) }

    /// A number of one to nine bytes, seven bits in each but the ninth.
    static func varint(_ bytes: ArraySlice<UInt8>, _ offset: inout Int) -> Int64? {
        var value: UInt64 = 0
        for index in 0..<9 {
            guard bytes.indices.contains(offset + index) else { return nil }
            let byte = bytes[offset + index]
            if index == 8 {
                offset += 9
                return Int64(bitPattern: value << 8 | UInt64(byte))
            }
            value = value << 7 | UInt64(byte & 0x7f)
            if byte & 0x80 == 0 {
                offset += index + 1
                return Int64(bitPattern: value)
            }
        }
        return nil
    }
}

/// The columns of a record.
struct TreeRecord {
    enum Column: Equatable {
        case null
        case integer(Int64)
        case text(ArraySlice<UInt8>)
        case blob(ArraySlice<UInt8>)
        case real
    }

    let columns: [Column]

    /// - Parameter columnCountMax: of more columns only the first are read.
    init?(_ payload: [UInt8], columnCountMax: Int) {
        var offset = 0
        guard let size = TreePage.varint(payload[...], &offset), size <= payload.count, size >= offset else {
            return nil
        }
        var body = Int(size)
        var columns: [Column] = []
        while offset < Int(size), columns.count < columnCountMax {
            guard let kind = TreePage.varint(payload[..<Int(size)], &offset) else { return nil }
            let byteCount: Int
            switch kind {
            case 0, 8, 9: byteCount = 0
            case 1...4: byteCount = Int(kind)
            case 5: byteCount = 6
            case 6, 7: byteCount = 8
            case 12...: byteCount = Int((kind - 12) / 2)
            default: return nil
            }
            guard byteCount <= payload.count - body else { return nil }
            let bytes = payload[body..<body + byteCount]
            body += byteCount
            switch kind {
            case 0: columns.append(.null)
            case 7: columns.append(.real)
            case 8, 9: columns.append(.integer(kind - 8))
            case 1...6:
                let negative: UInt64 = (bytes.first ?? 0) >= 0x80 ? ~0 : 0
                columns.append(.integer(Int64(bitPattern: bytes.reduce(negative) { $0 << 8 | UInt64($1) })))
            default: columns.append(kind % 2 == 0 ? .blob(bytes) : .text(bytes))
            }
        }
        self.columns = columns
    }
}
