#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/crypto.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <gnutls/x509-ext.h>

/* What a transport says when it has no bytes: its value differs between systems, and the pure ring imports none. */
enum cgnutls_transport { CGNUTLS_WOULD_BLOCK = EAGAIN, CGNUTLS_BROKEN = EIO };

/* A macro with a cast, which Swift does not import: a key size that names the curve P-256. */
enum cgnutls_key_size { CGNUTLS_P256 = (1u << 31) | GNUTLS_ECC_CURVE_SECP256R1 };

/* A variable that holds a function, which Swift takes for shared mutable state. */
static inline void cgnutls_free(void *memory) { gnutls_free(memory); }
