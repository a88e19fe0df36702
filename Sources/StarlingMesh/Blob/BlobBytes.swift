package import StarlingCore

/// Bytes of a blob: a chunk, or some that stand one behind the other in the form that they have on a stream.
///
/// Equal when they are the same bytes.
package struct BlobBytes: Equatable, Sendable {
    package let bytes: BufferSlice

    package init(_ bytes: BufferSlice) { self.bytes = bytes }

    package static func == (left: BlobBytes, right: BlobBytes) -> Bool {
        left.bytes.withSpan { mine in right.bytes.withSpan { mine.isEqual(to: $0) } }
    }
}
