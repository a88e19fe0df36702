internal import CGcrypt
internal import CSodium

/// Why the cryptographic libraries cannot be used.
package enum CryptoError: Error, Equatable, Sendable {
    /// The installed libgcrypt is older than 1.10, or libsodium could not be set up.
    case unusableInstallation
    /// A call failed with this libgcrypt code, which means that memory ran out.
    case gcryptFailure(code: UInt32)
}

/// The C libraries behind this module.
///
/// libgcrypt must be set up once before any thread uses it, so whoever builds a World calls ``start()``
/// first. Everything in this module that needs a library starts it anyway: the order is a
/// matter of reporting a bad installation early, not of safety.
package enum CryptoLibrary {
    /// Sets the libraries up.
    ///
    /// Safe to call from any thread and any number of times.
    package static func start() throws(CryptoError) {
        guard isStarted else { throw .unusableInstallation }
    }

    /// Whether the libraries work; the first use sets them up.
    static var isStarted: Bool { startOutcome }
}

// A lazily initialised global runs once, whatever the number of threads that ask for it first.
private let startOutcome = cgcrypt_start() == 0 && sodium_init() >= 0
