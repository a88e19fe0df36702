// PeerID, Multiaddr, IPAddress, MessageType and MessagePriority are part of the library's interface: `import Starling` is
// enough to use them.
@_exported public import StarlingCore
@_exported public import StarlingMesh
