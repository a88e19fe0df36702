#include <gcrypt.h>

/* Variadic functions and function-like macros do not import into Swift. */

/* Must run once before any thread uses the library. Returns 0, or -1 when the library is too old. */
static inline int cgcrypt_start(void) {
    if (!gcry_check_version("1.10.0")) return -1;
    gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
    gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
    return 0;
}

static inline gcry_error_t cgcrypt_cipher_final(gcry_cipher_hd_t handle) { return gcry_cipher_final(handle); }
