/// A chunk that has come whole.
package struct BlobArrival: Equatable, Sendable {
    package let index: Int
    package let chunk: BlobBytes

    package init(index: Int, chunk: BlobBytes) { (self.index, self.chunk) = (index, chunk) }
}
