internal import StarlingCore
internal import StarlingWorld

/// Takes the rows that are still what they were out of damaged files, into a fresh database.
///
/// Every row proves by its checksum which table it belongs to and that nothing in it has changed, so no tree has to be
/// whole: all pages that are in use are read, one by one. Which ones are in use the list of free pages tells; where
/// that is damaged too, it is those that can be reached from the tables.
struct Salvage {
    /// Bytes of rows that are written to the fresh database at once.
    private static let batchByteCountMax = 4_194_304

    private let images: PageImages
    private var finders: [RowFinder] = []
    private var lastFinder = 0
    private var batch = StoreBatch()
    private var batchByteCount = 0
    /// Records that are no sound row, by the table that their page's other rows are of.
    private var lost: [String?: Int] = [:]

    private init(_ images: PageImages) { self.images = images }

    /// Writes all sound rows to `fresh`, and returns how many records were none.
    static func run(
        _ images: PageImages,
        into fresh: StoreDatabase
    ) throws(StoreError) -> [(table: String?, rowCount: Int)] {
        var salvage = Salvage(images)
        let pages = try salvage.pagesInUse()
        try salvage.findTables(in: pages)
        for number in pages { try salvage.takeRows(of: number, into: fresh) }
        try salvage.flush(into: fresh)
        return salvage.lost.sorted { ($0.key ?? "") < ($1.key ?? "") }.map { ($0.key, $0.value) }
    }

    /// Knows the rows of one table by their checksum.
    private struct RowFinder {
        let table: StoreTable
        let checksum: RowChecksum

        init(_ table: StoreTable) {
            self.table = table
            checksum = RowChecksum(table: table.name)
        }
    }

    // MARK: Pages

    private func pagesInUse() throws(StoreError) -> [Int] {
        if let free = try freePages() { return (1...max(images.pageCount, 1)).filter { !free.contains($0) } }
        return try reachablePages().sorted()
    }

    /// The pages on the free list; `nil` when the list is not right.
    private func freePages() throws(StoreError) -> Set<Int>? {
        guard let header = try images.page(1) else { return nil }
        var free: Set<Int> = []
        var trunk = Int(LogFormat.word(header, 32))
        let count = Int(LogFormat.word(header, 36))
        while trunk != 0 {
            guard trunk <= images.pageCount, free.insert(trunk).inserted, let page = try images.page(trunk)
            else {
                return nil
            }
            let leafCount = Int(LogFormat.word(page, 4))
            guard leafCount <= StoreDatabase.pageByteCount / 4 - 2 else { return nil }
            for index in 0..<leafCount {
                let leaf = Int(LogFormat.word(page, 8 + 4 * index))
                guard 1...images.pageCount ~= leaf, free.insert(leaf).inserted else { return nil }
            }
            trunk = Int(LogFormat.word(page, 0))
        }
        return free.count == count ? free : nil
    }

    /// The pages of all trees, as far as they hang together.
    private func reachablePages() throws(StoreError) -> Set<Int> {
        var found: Set<Int> = [1]
        var next = [1]
        while let number = next.popLast() {
            guard let bytes = try images.page(number), let page = TreePage(bytes, number: number) else {
                continue
            }
            var below = page.children
            if page.kind == .numberLeaf {
                // The roots of the tables stand in rows of the schema.
                for cell in page.cells {
                    if case .integer(let root)? = try schemaRow(cell)?.columns[3] { below.append(Int(root)) }
                }
            }
            for number in below where 1...images.pageCount ~= number && found.insert(number).inserted {
                next.append(number)
            }
        }
        return found
    }

    // MARK: Tables

    /// Learns which tables there are, from the schema and from the register of tables.
    private mutating func findTables(in pages: [Int]) throws(StoreError) {
        var known: [String: StoreTable.Keys] = [:]
        let meta = RowFinder(StoreSchema.meta)
        for number in pages {
            guard let page = try images.page(number).flatMap({ TreePage($0, number: number) }) else {
                continue
            }
            for cell in page.cells {
                if page.kind == .numberLeaf {
                    if let table = try schemaRow(cell).flatMap(Self.table) { known[table.name] = table.keys }
                } else if let row = try soundRow(cell, meta), let table = StoreSchema.registered(row) {
                    known[table.name] = table.keys
                }
            }
        }
        finders =
            [meta] + known.sorted { $0.key < $1.key }.map { RowFinder(StoreTable(onDisk: $0.key, $0.value)) }
    }

    private func schemaRow(_ cell: TreePage.Cell) throws(StoreError) -> TreeRecord? {
        guard let payload = try payload(of: cell), let record = TreeRecord(payload, columnCountMax: 5),
            record.columns.count == 5, case .text(let type) = record.columns[0],
            type.elementsEqual("table".utf8)
        else { return nil }
        return record
    }

    private static func table(_ row: TreeRecord) -> StoreTable? {
        guard case .text(let bytes) = row.columns[1], case .text(let sql) = row.columns[4] else { return nil }
        let name = String(decoding: bytes, as: UTF8.self)
        guard StoreTable.isName(name) else { return nil }
        let isNames = String(decoding: sql, as: UTF8.self).hasSuffix("WITHOUT ROWID")
        return StoreTable(onDisk: name, isNames ? .names : .numbers)
    }

    // MARK: Rows

    private mutating func takeRows(of number: Int, into fresh: StoreDatabase) throws(StoreError) {
        guard let bytes = try images.page(number) else { return }
        if let page = TreePage(bytes, number: number) {
            return try takeRows(of: page, isKnown: true, into: fresh)
        }
        // It may be a page whose first byte has changed: its rows tell. Most often it is the rest of a long value.
        for kind in [TreePage.Kind.numberLeaf, .nameLeaf, .nameBranch] {
            guard let page = TreePage(bytes, number: number, as: kind) else { continue }
            try takeRows(of: page, isKnown: false, into: fresh)
        }
    }

    private mutating func takeRows(
        of page: TreePage,
        isKnown: Bool,
        into fresh: StoreDatabase
    ) throws(StoreError) {
        var (table, lostCount): (String?, Int) = (nil, 0)
        for cell in page.cells {
            if let row = try findRow(cell) {
                table = row.key.table.name
                guard row.key.table != StoreSchema.meta else { continue }
                batch.put(row.key, row.value)
                batchByteCount += row.value.count
                if batchByteCount >= Self.batchByteCountMax { try flush(into: fresh) }
            } else if isKnown, try isCallersRow(cell) {
                lostCount += 1
            }
        }
        if lostCount > 0 { lost[table, default: 0] += lostCount }
    }

    private mutating func flush(into fresh: StoreDatabase) throws(StoreError) {
        let changes = batch.changes
        try fresh.transaction { () throws(StoreError) in for change in changes { try fresh.apply(change) } }
        batch = StoreBatch()
        batchByteCount = 0
    }

    /// The row that a cell holds, with the table whose checksum it has.
    private mutating func findRow(_ cell: TreePage.Cell) throws(StoreError) -> StoreRow? {
        for step in finders.indices {
            let index = (lastFinder + step) % finders.count
            guard let row = try soundRow(cell, finders[index]) else { continue }
            lastFinder = index
            return row
        }
        return nil
    }

    /// Whether a record that is no sound row was one, and not one of SQLite's or of the store's own.
    private func isCallersRow(_ cell: TreePage.Cell) throws(StoreError) -> Bool {
        guard let payload = try payload(of: cell), let record = TreeRecord(payload, columnCountMax: 6) else {
            return true
        }
        return record.columns.count < 5
    }

    private func soundRow(_ cell: TreePage.Cell, _ finder: RowFinder) throws(StoreError) -> StoreRow? {
        guard (cell.number != nil) == (finder.table.keys == .numbers), let payload = try payload(of: cell),
            let record = TreeRecord(payload, columnCountMax: 3), record.columns.count == 3,
            case .integer(let sum) = record.columns[1], case .blob(let value) = record.columns[2]
        else { return nil }
        let place: StoreKey.Place
        if let number = cell.number {
            guard number >= 1 else { return nil }
            place = .number(UInt64(number))
        } else {
            guard case .blob(let name) = record.columns[0], 1...StoreKey.nameByteCountMax ~= name.count else {
                return nil
            }
            place = .name(Array(name))
        }
        let bytes = Array(value)
        guard finder.checksum.of(place, bytes) == UInt64(bitPattern: sum) else { return nil }
        return StoreRow(key: StoreKey(finder.table, place), value: bytes)
    }

    /// A cell's whole payload; `nil` where its pages do not hang together.
    private func payload(of cell: TreePage.Cell) throws(StoreError) -> [UInt8]? {
        var payload = Array(cell.local)
        guard cell.payloadByteCount <= StoreLimits.valueByteCountMax + 4096 else { return nil }
        var next = cell.overflowPage
        while payload.count < cell.payloadByteCount {
            guard next > 1, let page = try images.page(next) else { return nil }
            payload += page[4..<min(page.count, 4 + cell.payloadByteCount - payload.count)]
            next = Int(LogFormat.word(page, 0))
        }
        return payload
    }
}
