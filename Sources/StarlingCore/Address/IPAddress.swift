/// An IPv4 or IPv6 address.
public enum IPAddress: Hashable, Sendable {
    /// The 32 bits, first octet highest.
    case v4(UInt32)
    /// The 128 bits, first octet highest.
    case v6(high: UInt64, low: UInt64)
}
