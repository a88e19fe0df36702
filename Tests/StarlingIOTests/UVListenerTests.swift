import Foundation
import StarlingCore
import StarlingIO
import StarlingWorld
import Testing

@Suite struct UVListenerTests {
    @Test func aTakenPortIsSaid() async throws {
        try await withLoop { loop in
            // Another test may have a port as soon as it is free; all of many it has not.
            let isFreeAgain = try (0..<50).contains { _ in
                let first = try loop.listen(on: loopback4) { _ in }
                #expect(throws: SocketError.addressInUse) { try loop.listen(on: first.local) { _ in } }
                first.close()
                let second = try? loop.listen(on: first.local) { _ in }
                second?.close()
                return second != nil
            }
            #expect(isFreeAgain)
        }
    }

    @Test func anAddressOfAnotherMachineIsSaid() async throws {
        try await withLoop { loop in
            #expect(throws: SocketError.addressUnavailable) {
                try loop.listen(on: .ip(.v4(0xcb00_7101), port: 0)) { _ in }
            }
        }
    }

    @Test func bothFamiliesShareAPortNumber() async throws {
        guard await hasIPv6 else { return }
        try await withLoop { loop in
            // Another test may have a port's IPv4 half; all of many it has not.
            let isShared = try (0..<50).contains { _ in
                let v6 = try loop.listen(on: .ip(.v6(high: 0, low: 0), port: 0)) { _ in }
                defer { v6.close() }
                guard case .ip(_, let port, _) = v6.local else { return false }
                let v4 = try? loop.listen(on: .ip(.v4(0), port: port)) { _ in }
                v4?.close()
                return v4 != nil
            }
            #expect(isShared)
        }
    }

    @Test func aRefusedConnectionEndsUnread() async throws {
        try await withLoop { loop in
            let harbour = Refusing()
            harbour.listener = try loop.listen(on: loopback4) { harbour.listener?.refuse($0) }
            let wire = try await Wire.connected(on: loop, to: harbour.listener?.local ?? loopback4)
            await wire.gate.until { wire.endCount == 1 || !wire.failures.isEmpty }
            wire.socket?.close()
            harbour.listener?.close()
        }
    }

    private final class Refusing: @unchecked Sendable {
        var listener: (any ListenerSocket)?
    }

    @Test func aClosedListenerAcceptsNoMore() async throws {
        try await withLoop { loop in
            let harbour = try Harbour(on: loop, loopback4)
            let address = harbour.address
            harbour.close()
            await #expect(throws: SocketError.refused) { try await Wire.connected(on: loop, to: address) }
        }
    }

    /// In a process of its own, because the limit is the process's.
    @Test func runningOutOfDescriptorsRefusesConnectionsAndRecovers() async {
        await #expect(processExitsWith: .success) {
            // 100 connections take 200 descriptors.
            var limit = rlimit(rlim_cur: 128, rlim_max: 128)
            guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { exit(1) }
            let isServed = try await withLoop { loop in
                let harbour = try Harbour(on: loop, loopback4) { $0.echoes = true }
                var (served, refused): ([Wire], [Wire]) = ([], [])
                // Given up when a dialler finds none left: then one is left for it, and none to accept it.
                var spare = dup(0)
                for _ in 0..<100 {
                    guard let wire = try? await Wire.connected(on: loop, to: harbour.address) else {
                        if spare < 0 { break }
                        close(spare)
                        spare = -1
                        continue
                    }
                    wire.write([1])
                    await wire.gate.until {
                        !wire.received.isEmpty || wire.endCount > 0 || !wire.failures.isEmpty
                    }
                    if wire.received.isEmpty { refused.append(wire) } else { served.append(wire) }
                }
                for wire in served + refused + harbour.wires { wire.socket?.close() }
                let last = try await Wire.connected(on: loop, to: harbour.address)
                last.write([2])
                await last.gate.until { last.received == [2] }
                return !served.isEmpty && !refused.isEmpty
            }
            exit(isServed ? 0 : 2)
        }
    }

    // MARK: Unix

    @Test func aUnixListenersFileIsItsOwnersAlone() async throws {
        try await withLoop { loop in
            let path = temporaryPath("mode")
            let listener = try loop.listen(on: .unix(path: path)) { _ in }
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            listener.close()
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func theFileOfADeadListenerIsReplacedAndALivingOneIsNot() async throws {
        let path = temporaryPath("stale")
        try Self.leaveStaleSocket(at: path)
        #expect(FileManager.default.fileExists(atPath: path))
        try await withLoop { loop in
            let listener = try loop.listen(on: .unix(path: path)) { _ in }
            #expect(throws: SocketError.addressInUse) { try loop.listen(on: .unix(path: path)) { _ in } }
            listener.close()
        }
    }

    @Test func aFileThatIsNoSocketIsLeftAlone() async throws {
        let path = temporaryPath("file")
        try SystemFiles().create(path, content: [1])
        try await withLoop { loop in
            #expect(throws: SocketError.addressInUse) { try loop.listen(on: .unix(path: path)) { _ in } }
        }
        #expect(try SystemFiles().read(path, byteCountMax: 1, isSecret: true) == [1])
        try FileManager.default.removeItem(atPath: path)
    }

    @Test func aPathThatIsTooLongIsSaid() async throws {
        try await withLoop { loop in
            let path = "/tmp/" + String(repeating: "a", count: 200)
            #expect(throws: SocketError.other("ENAMETOOLONG")) {
                try loop.listen(on: .unix(path: path)) { _ in }
            }
            #expect(throws: SocketError.other("ENAMETOOLONG")) {
                try loop.connect(to: .unix(path: path), delegate: Wire(loop: loop))
            }
        }
    }

    private static func leaveStaleSocket(at path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        close(descriptor)
        try #require(status == 0)
    }
}
