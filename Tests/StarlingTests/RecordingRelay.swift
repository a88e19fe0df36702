import Foundation
import StarlingCore
import Synchronization

/// A TCP relay on loopback between one dialer and one listener, which keeps every byte that passes.
final class RecordingRelay: Sendable {
    let port: UInt16
    private let state: Mutex<State>

    private struct State {
        var captured: [UInt8] = []
        var descriptors: [Int32]
    }

    /// Everything that passed so far, both directions.
    var captured: [UInt8] { state.withLock { $0.captured } }

    /// Takes one connection, and carries it on to a port of loopback.
    init(to target: UInt16) throws {
        let listener = try Self.stream()
        var address = Self.loopback(0)
        var byteCount = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                try Self.check(bind(listener, address, byteCount))
                try Self.check(listen(listener, 1))
                try Self.check(getsockname(listener, address, &byteCount))
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        state = Mutex(State(descriptors: [listener]))
        Thread.detachNewThread { self.carry(listener, to: target) }
    }

    /// Ends the connection.
    func stop() { state.withLock { $0.descriptors }.forEach { _ = shutdown($0, Int32(SHUT_RDWR)) } }

    private func carry(_ listener: Int32, to target: UInt16) {
        let dialer = accept(listener, nil, nil)
        guard dialer >= 0, let onward = try? Self.connect(to: target) else { return }
        state.withLock { $0.descriptors += [dialer, onward] }
        Thread.detachNewThread { self.pump(onward, dialer) }
        pump(dialer, onward)
    }

    private func pump(_ source: Int32, _ sink: Int32) {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(source, &bytes, bytes.count)
            guard count > 0 else { break }
            state.withLock { $0.captured += bytes[..<count] }
            var sent = 0
            while sent < count {
                let taken = bytes[sent..<count].withUnsafeBytes { write(sink, $0.baseAddress, $0.count) }
                guard taken > 0 else { return }
                sent += taken
            }
        }
        _ = shutdown(sink, Int32(SHUT_WR))
    }

    private static func connect(to port: UInt16) throws -> Int32 {
        let descriptor = try stream()
        var address = loopback(port)
        let byteCount = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try check(Foundation.connect(descriptor, $0, byteCount))
            }
        }
        return descriptor
    }

    private static func stream() throws -> Int32 {
        #if canImport(Glibc)
            let kind = Int32(SOCK_STREAM.rawValue)
        #else
            let kind = SOCK_STREAM
        #endif
        let descriptor = socket(AF_INET, kind, 0)
        try check(descriptor)
        return descriptor
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
        return address
    }

    private static func check(_ status: Int32) throws {
        guard status >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }
}
