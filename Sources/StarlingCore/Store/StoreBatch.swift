/// A table of the store.
///
/// A table's name is its promise to the disk: it is never used again for something else.
package struct StoreTable: Hashable, Sendable {
    package enum Keys: Sendable {
        /// Numbers from 1, in whose order rows are mostly added and removed; values of any size.
        case numbers
        /// Bytes, at most ``StoreKey/nameByteCountMax``; values of some hundred bytes.
        case names
    }

    /// Lower-case letters, digits and underscores.
    package let name: String
    package let keys: Keys

    /// - Precondition: the name has 1 to 64 lower-case letters, digits and underscores, and begins with a letter.
    package init(_ name: StaticString, _ keys: Keys) {
        let text = name.description
        precondition(Self.isName(text), "no name for a table")
        self.name = text
        self.keys = keys
    }

    /// A table by the name under which a disk has it; implementations of the store only.
    package init(onDisk name: String, _ keys: Keys) {
        self.name = name
        self.keys = keys
    }

    /// Whether a text can be a table's name.
    package static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, UInt8(ascii: "a")...UInt8(ascii: "z") ~= first else {
            return false
        }
        return text.utf8.count <= 64 && !text.hasPrefix("sqlite_")
            && text.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

/// Where one row is.
package struct StoreKey: Hashable, Sendable {
    package enum Place: Hashable, Sendable {
        case number(UInt64)
        case name([UInt8])
    }

    /// The longest name of a row.
    package static let nameByteCountMax = 128

    package let table: StoreTable
    package let place: Place

    /// - Precondition: the table is one of numbers, and the number is in `1...Int64.max`.
    package init(_ table: StoreTable, _ number: UInt64) {
        precondition(table.keys == .numbers && number >= 1 && number <= UInt64(Int64.max))
        self.table = table
        place = .number(number)
    }

    /// A place in a table, whose kind of keys it has.
    ///
    /// - Precondition: as for the others.
    package init(_ table: StoreTable, _ place: Place) {
        switch place {
        case .number(let number): self.init(table, number)
        case .name(let name): self.init(table, name)
        }
    }

    /// - Precondition: the table is one of names, and the name has 1 to ``nameByteCountMax`` bytes.
    package init(_ table: StoreTable, _ name: [UInt8]) {
        precondition(table.keys == .names && !name.isEmpty && name.count <= Self.nameByteCountMax)
        self.table = table
        place = .name(name)
    }
}

/// One row.
package struct StoreRow: Equatable, Sendable {
    package let key: StoreKey
    package let value: [UInt8]

    package init(key: StoreKey, value: [UInt8]) {
        self.key = key
        self.value = value
    }
}

/// Changes that happen together or not at all, in their order.
package struct StoreBatch: Equatable, Sendable {
    package enum Change: Equatable, Sendable {
        /// Adds a row, or replaces it.
        case put(StoreKey, [UInt8])
        /// Removes a row; nothing happens when there is none.
        case remove(StoreKey)
    }

    package private(set) var changes: [Change] = []

    package init() {}

    package var isEmpty: Bool { changes.isEmpty }

    package mutating func put(_ key: StoreKey, _ value: [UInt8]) { changes.append(.put(key, value)) }

    package mutating func remove(_ key: StoreKey) { changes.append(.remove(key)) }

    package mutating func append(_ other: StoreBatch) { changes += other.changes }
}
