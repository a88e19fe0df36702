#include <dlfcn.h>
#include <intel-ipsec-mb.h>

/* Function-like macros do not import into Swift. */

/* The manager with the functions for this processor, which only read it: any number of threads may share one.

   The library is loaded here, not with the program, which so starts where it is not installed too. NULL then, when it is of
   another version than its header, without AVX-512 IFMA, out of memory, or when its test of itself failed. */
static inline IMB_MGR *cipsecmb_start(void) {
    const uint64_t needed = IMB_CPUFLAGS_AVX512_T2;
    void *library = dlopen("libIPSec_MB.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return NULL;
    IMB_MGR *(*take)(uint64_t) = (IMB_MGR * (*)(uint64_t)) dlsym(library, "alloc_mb_mgr");
    void (*start)(IMB_MGR *) = (void (*)(IMB_MGR *))dlsym(library, "init_mb_mgr_avx512");
    void (*give)(IMB_MGR *) = (void (*)(IMB_MGR *))dlsym(library, "free_mb_mgr");
    unsigned (*version)(void) = (unsigned (*)(void))dlsym(library, "imb_get_version");
    int is_known = take && start && give && version && version() == IMB_VERSION_NUM;
    IMB_MGR *manager = is_known ? take(0) : NULL;
    if (manager && (manager->features & needed) == needed) {
        start(manager);
        if (manager->imb_errno == 0 && (manager->features & IMB_FEATURE_SELF_TEST_PASS)) return manager;
    }
    if (manager) give(manager);
    dlclose(library);
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
