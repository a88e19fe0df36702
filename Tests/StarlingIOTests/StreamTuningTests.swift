#if os(Linux)
    import CSys
    import Glibc
    import Testing

    /// What the system is told of a stream socket, as it tells it again.
    @Suite struct StreamTuningTests {
        @Test func nothingIsPacedBetweenProcessesOfOneMachine() throws {
            for (kind, high, low) in [(CSYS_IPV4, 0, 0x7f00_0001), (CSYS_IPV6, 0, 1)] {
                var address = csys_address()
                (address.kind, address.high, address.low) = (UInt8(kind), UInt64(high), UInt64(low))
                let listener = csys_listen(&address, 1, 65_536)
                // Not every machine has both families.
                if listener == -EADDRNOTAVAIL || listener == -EAFNOSUPPORT { continue }
                try #require(listener >= 0)
                defer { csys_close(listener) }
                #expect(csys_local_address(listener, &address) == 0)
                let dialer = socket(kind == CSYS_IPV4 ? AF_INET : AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
                try #require(dialer >= 0)
                defer { csys_close(dialer) }
                var remote = sockaddr_storage()
                let length = csys_sockaddr(&address, &remote)
                let connected = withUnsafePointer(to: &remote) { remote in
                    remote.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        connect(dialer, $0, socklen_t(length))
                    }
                }
                try #require(connected == 0)
                csys_tune_stream(dialer, 65_536)
                let accepted = csys_accept(listener, &address)
                try #require(accepted >= 0)
                defer { csys_close(accepted) }
                for end in [dialer, accepted] {
                    #expect(Self.congestionControl(end) == "reno")
                    #expect(Self.number(end, TCP_NODELAY) == 1)
                    #expect(Self.number(end, TCP_NOTSENT_LOWAT) == 65_536)
                }
            }
        }

        private static func congestionControl(_ descriptor: Int32) -> String? {
            var name = [CChar](repeating: 0, count: 16)
            var length = socklen_t(name.count)
            let status = getsockopt(descriptor, Int32(IPPROTO_TCP), TCP_CONGESTION, &name, &length)
            return status == 0
                ? String(decoding: name.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self) : nil
        }

        private static func number(_ descriptor: Int32, _ name: Int32) -> Int32? {
            var value: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            return getsockopt(descriptor, Int32(IPPROTO_TCP), name, &value, &length) == 0 ? value : nil
        }
    }
#endif
