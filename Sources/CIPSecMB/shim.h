#include <intel-ipsec-mb.h>

/* Function-like macros do not import into Swift. */

/* The manager with the functions for this processor, which only read it: any number of threads may share one.
   NULL without AVX-512 IFMA, out of memory, or when the library's test of itself failed. */
static inline IMB_MGR *cipsecmb_start(void) {
    const uint64_t needed = IMB_CPUFLAGS_AVX512_T2;
    IMB_MGR *manager = alloc_mb_mgr(0);
    if (!manager) return NULL;
    if ((manager->features & needed) == needed) {
        init_mb_mgr_avx512(manager);
        if (manager->imb_errno == 0 && (manager->features & IMB_FEATURE_SELF_TEST_PASS)) return manager;
    }
    free_mb_mgr(manager);
    return NULL;
}

typedef struct chacha20_poly1305_context_data cipsecmb_context;

static inline void cipsecmb_begin(
    IMB_MGR *manager, cipsecmb_context *context, const void *key, const void *nonce, const void *data, size_t count
) {
    IMB_CHACHA20_POLY1305_INIT(manager, key, context, nonce, data, count);
}

static inline void cipsecmb_encrypt(
    IMB_MGR *manager, cipsecmb_context *context, const void *key, void *memory, size_t count
) {
    IMB_CHACHA20_POLY1305_ENC_UPDATE(manager, key, context, memory, memory, count);
}

static inline void cipsecmb_decrypt(
    IMB_MGR *manager, cipsecmb_context *context, const void *key, void *memory, size_t count
) {
    IMB_CHACHA20_POLY1305_DEC_UPDATE(manager, key, context, memory, memory, count);
}

/* Writes the tag of 16 bytes: what is sent along, or what should have come along. */
static inline void cipsecmb_finish(IMB_MGR *manager, cipsecmb_context *context, void *tag) {
    IMB_CHACHA20_POLY1305_ENC_FINALIZE(manager, context, tag, 16);
}
