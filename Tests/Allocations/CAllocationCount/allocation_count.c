#include "allocation_count.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

static _Thread_local int thread_place;
static atomic_long counts[ALLOCATION_PLACE_COUNT];

void allocations_count_as(int place) { thread_place = place; }

long allocations_counted(int place) { return atomic_load(&counts[place]); }

#ifdef __GLIBC__

#include <errno.h>

/* glibc's own, under the names that stay when a program brings its own malloc. */
extern void *__libc_malloc(size_t byte_count);
extern void *__libc_calloc(size_t count, size_t byte_count);
extern void *__libc_realloc(void *block, size_t byte_count);
extern void *__libc_memalign(size_t alignment, size_t byte_count);

static void count_one(void) { atomic_fetch_add_explicit(&counts[thread_place], 1, memory_order_relaxed); }

int allocations_are_counted(void) { return 1; }

void *malloc(size_t byte_count) {
    count_one();
    return __libc_malloc(byte_count);
}

void *calloc(size_t count, size_t byte_count) {
    count_one();
    return __libc_calloc(count, byte_count);
}

void *realloc(void *block, size_t byte_count) {
    count_one();
    return __libc_realloc(block, byte_count);
}

void *memalign(size_t alignment, size_t byte_count) {
    count_one();
    return __libc_memalign(alignment, byte_count);
}

void *aligned_alloc(size_t alignment, size_t byte_count) {
    count_one();
    return __libc_memalign(alignment, byte_count);
}

int posix_memalign(void **block, size_t alignment, size_t byte_count) {
    count_one();
    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
    void *aligned = __libc_memalign(alignment, byte_count);
    if (!aligned) return ENOMEM;
    *block = aligned;
    return 0;
}

#else

int allocations_are_counted(void) { return 0; }

#endif
