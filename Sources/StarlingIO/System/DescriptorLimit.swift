internal import CSys

/// How many files and sockets the process may have open.
package enum DescriptorLimit {
    /// Raises the soft limit towards `wanted`, as far as the hard limit allows, and returns what holds then.
    @discardableResult
    package static func raise(to wanted: Int) -> Int {
        Int(csys_raise_descriptor_limit(Int64(wanted)))
    }
}
