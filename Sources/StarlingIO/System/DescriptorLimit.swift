internal import CSys

/// How many files and sockets the process may have open.
package enum DescriptorLimit {
    /// Raises the soft limit towards `wanted`, as far as the hard limit allows, and returns what holds then.
    @discardableResult
    package static func raise(to wanted: Int) -> Int {
        Int(csys_raise_descriptor_limit(Int64(wanted)))
    }

    /// The soft limit as it is.
    package static var current: Int { raise(to: 0) }

    /// Descriptors that are for files, listeners and the API.
    private static let otherCount = 128

    /// The most connections, of those that are wanted, for which there are descriptors; one at least.
    package static func connectionCountMax(_ wanted: Int, descriptorCountMax: Int) -> Int {
        max(1, min(wanted, descriptorCountMax - otherCount))
    }
}
