/// The bytes of a file in memory, in pages: whoever appends to a large one copies no more than a page.
package struct PagedBytes {
    /// What a page has: a few of a database's own.
    package static let pageByteCount = 16_384

    /// Behind the end there are zeros.
    private var pages: [[UInt8]] = []
    package private(set) var count = 0

    package init() {}

    package init(_ bytes: [UInt8]) {
        resize(to: bytes.count)
        bytes.withUnsafeBytes { write($0, at: 0) }
    }

    /// Bytes of memory that the pages take.
    package var heldByteCount: Int { pages.count * Self.pageByteCount }

    /// A copy of all bytes.
    package var array: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { bytes, initializedCount in
            initializedCount = read(into: UnsafeMutableRawBufferPointer(bytes), at: 0)
        }
    }

    package subscript(offset: Int) -> UInt8 {
        get { pages[offset / Self.pageByteCount][offset % Self.pageByteCount] }
        set { pages[offset / Self.pageByteCount][offset % Self.pageByteCount] = newValue }
    }

    /// Makes it longer, with zeros, or cuts it off.
    package mutating func resize(to byteCount: Int) {
        let pageCount = (byteCount + Self.pageByteCount - 1) / Self.pageByteCount
        if byteCount < count {
            pages.removeLast(pages.count - pageCount)
            let used = byteCount % Self.pageByteCount
            if used > 0 {
                let blank = repeatElement(UInt8(0), count: Self.pageByteCount - used)
                pages[pageCount - 1].replaceSubrange(used..., with: blank)
            }
        } else {
            while pages.count < pageCount {
                pages.append([UInt8](repeating: 0, count: Self.pageByteCount))
            }
        }
        count = byteCount
    }

    /// A copy of a piece of one page, with zeros where it lies behind the end.
    ///
    /// - Precondition: the page is there, and has all of the piece.
    package func piece(at offset: Int, byteCount: Int) -> [UInt8] {
        let (page, start) = offset.quotientAndRemainder(dividingBy: Self.pageByteCount)
        return Array(pages[page][start..<start + byteCount])
    }

    /// Copies what stands from an offset on, as far as there is something.
    ///
    /// - Returns: how many bytes that is.
    package func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        let readCount = max(0, min(bytes.count, count - offset))
        var done = 0
        while done < readCount {
            let (page, start) = (offset + done).quotientAndRemainder(dividingBy: Self.pageByteCount)
            let part = min(readCount - done, Self.pageByteCount - start)
            pages[page].withUnsafeBytes { source in
                let target = UnsafeMutableRawBufferPointer(rebasing: bytes[done..<done + part])
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[start..<start + part]))
            }
            done += part
        }
        return readCount
    }

    /// Replaces what stands from an offset on.
    ///
    /// - Precondition: it is as long already.
    package mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        precondition(offset + bytes.count <= count, "the file was made longer before")
        var done = 0
        while done < bytes.count {
            let (page, start) = (offset + done).quotientAndRemainder(dividingBy: Self.pageByteCount)
            let part = min(bytes.count - done, Self.pageByteCount - start)
            pages[page].withUnsafeMutableBytes { target in
                let place = UnsafeMutableRawBufferPointer(rebasing: target[start..<start + part])
                place.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[done..<done + part]))
            }
            done += part
        }
    }
}
