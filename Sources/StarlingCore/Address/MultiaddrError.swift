/// Why a text or bytes are not a multiaddr.
///
/// `index` counts components from 0.
public enum MultiaddrError: Error, Equatable, Sendable {
    /// There is no component.
    case empty
    /// Longer than ``Multiaddr/byteCountMax`` bytes, or ``Multiaddr/textByteCountMax`` as text.
    case tooLong
    /// More than ``Multiaddr/componentCountMax`` components.
    case tooManyComponents
    /// The text does not begin with `/`.
    case missingSlash
    /// The text names a protocol that is not known here.
    case unknownProtocol(index: Int, name: String)
    /// A protocol that takes a value has none.
    case missingValue(index: Int, protocolName: String)
    /// The value is not one of this protocol. As text, or in hexadecimal where it came as bytes.
    case invalidValue(index: Int, protocolName: String, value: String)
    /// The bytes end inside a component.
    case truncated(index: Int)
    /// A code or a length is not a minimal varint.
    case invalidVarint(index: Int)
    /// A component follows one that must be the last: a Unix path, or what is not known here.
    case notLast(index: Int, protocolName: String)
}

extension MultiaddrError: CustomStringConvertible {
    /// What is wrong, for people; components count from 1.
    public var description: String {
        switch self {
        case .empty: "the address is empty"
        case .tooLong: "the address is longer than \(Multiaddr.byteCountMax) bytes"
        case .tooManyComponents: "the address has more than \(Multiaddr.componentCountMax) components"
        case .missingSlash: "the address does not begin with /"
        case .unknownProtocol(let index, let name):
            "component \(index + 1): \"\(name)\" is not a known protocol"
        case .missingValue(let index, let name): "component \(index + 1): /\(name) needs a value"
        case .invalidValue(let index, let name, let value):
            "component \(index + 1): \"\(value)\" is not a value of /\(name)"
        case .truncated(let index): "component \(index + 1): the bytes end inside it"
        case .invalidVarint(let index): "component \(index + 1): a code or length is not a minimal varint"
        case .notLast(let index, let name): "component \(index + 1): nothing may follow /\(name)"
        }
    }
}
