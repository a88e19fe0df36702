// PeerID, Multiaddr and IPAddress are part of the library's interface: `import Starling` is enough to use them.
@_exported public import StarlingCore
