internal import StarlingCore

/// What one response says about one peer name of the service.
struct MDNSSighting {
    let name: DNSName
    /// The texts of its TXT records; `nil` when it has none in the message.
    var texts: [[UInt8]]?
    /// The shortest time to live of its records.
    var ttlSeconds: UInt32
    /// Whether the texts replace those of earlier messages.
    var replacesOthers: Bool
    /// Whether its owner took it back.
    var isGoodbye: Bool

    /// The peer names in a response, in the order of their first records.
    static func all(in response: DNSMessage, service: DNSName) -> [MDNSSighting] {
        var sightings: [MDNSSighting] = []
        var indices: [DNSName: Int] = [:]
        for record in response.answers + response.additionals {
            guard record.recordClass == DNSRecord.internetClass else { continue }
            let name: DNSName
            var texts: [[UInt8]]?
            switch record.content {
            case .pointer(let instance) where record.name == service: name = instance
            case .text(let found):
                name = record.name
                texts = found
            case .pointer, .address, .service, .other: continue
            }
            guard name.isChild(of: service) else { continue }
            let index = indices[name] ?? sightings.count
            if index == sightings.count {
                indices[name] = index
                let ttl = record.ttlSeconds
                sightings.append(
                    MDNSSighting(
                        name: name,
                        texts: nil,
                        ttlSeconds: ttl,
                        replacesOthers: false,
                        isGoodbye: false
                    )
                )
            }
            sightings[index].ttlSeconds = min(sightings[index].ttlSeconds, record.ttlSeconds)
            if record.ttlSeconds == 0 { sightings[index].isGoodbye = true }
            if let texts {
                sightings[index].texts = (sightings[index].texts ?? []) + texts
                if record.replacesOthers { sightings[index].replacesOthers = true }
            }
        }
        return sightings
    }

    /// The peer and its dialable addresses in TXT texts; `nil` when there are none.
    ///
    /// The first address names the peer; those of another peer are left out, as are texts that are no address, and
    /// what comes after `countMax` of them.
    static func addresses(
        _ texts: [[UInt8]],
        on interface: MDNSInterface,
        countMax: Int
    ) -> (PeerID, [Multiaddr])? {
        var peerID: PeerID?
        var addresses: [Multiaddr] = []
        for text in texts where addresses.count < countMax {
            guard let start = addressStart(text),
                let string = String(validating: text[start...], as: UTF8.self),
                let address = try? Multiaddr(string),
                let name = address.peerID,
                let dialable = interface.dialable(address)
            else { continue }
            if peerID == nil { peerID = name }
            if name == peerID, !addresses.contains(dialable) { addresses.append(dialable) }
        }
        guard let peerID else { return nil }
        return (peerID, addresses)
    }

    /// Where the address stands in a text `dnsaddr=…`.
    ///
    /// Keys have no case (RFC 6763, section 6.4). py-libp2p, whose texts are a dictionary, numbers them:
    /// `dnsaddr2=…`.
    private static func addressStart(_ text: [UInt8]) -> Int? {
        guard let end = text.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let key = MDNSNames.addressKey.dropLast()
        guard text[..<end].count >= key.count, zip(text, key).allSatisfy({ $0 | 0x20 == $1 }),
            text[key.count..<end].allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") })
        else { return nil }
        return end + 1
    }
}
