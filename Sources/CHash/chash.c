#include "chash.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define LANES __attribute__((target("avx512f,avx512bw")))
#define INLINE LANES __attribute__((always_inline)) static inline

enum { BLOCK_SIZE = 64, WORD_COUNT = 16, ROUND_COUNT = 64, STATE_COUNT = 8, LENGTH_SIZE = 8 };

/* One word of each message. */
typedef __m512i words;

static const uint32_t round_constants[ROUND_COUNT] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static const uint32_t initial_state[STATE_COUNT] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

int chash_has_lanes(void) { return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"); }

/* From a block of each message to the words of all messages, the first of each in the first vector. */
INLINE void transpose(words rows[WORD_COUNT]) {
    words pairs[WORD_COUNT], quads[WORD_COUNT];
    for (int i = 0; i < WORD_COUNT; i += 2) {
        pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < WORD_COUNT; i += 4) {
        quads[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
        quads[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
        quads[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        quads[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        words even_low = _mm512_shuffle_i32x4(quads[i], quads[i + 4], 0x88);
        words odd_low = _mm512_shuffle_i32x4(quads[i], quads[i + 4], 0xdd);
        words even_high = _mm512_shuffle_i32x4(quads[i + 8], quads[i + 12], 0x88);
        words odd_high = _mm512_shuffle_i32x4(quads[i + 8], quads[i + 12], 0xdd);
        rows[i] = _mm512_shuffle_i32x4(even_low, even_high, 0x88);
        rows[i + 8] = _mm512_shuffle_i32x4(even_low, even_high, 0xdd);
        rows[i + 4] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
        rows[i + 12] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xdd);
    }
}

/* Numbers are big-endian in messages and digests, and the other way round in the processor. */
INLINE words swap_bytes(words value) {
    const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    return _mm512_shuffle_epi8(value, _mm512_broadcast_i32x4(order));
}

/* What a truth table of three bits makes of each bit: their sum, the first's choice between the others, their majority. */
#define SUM(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0x96)
#define CHOICE(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0xca)
#define MAJORITY(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0xe8)
#define ADD _mm512_add_epi32
#define ROTATE _mm512_ror_epi32
#define SHIFT _mm512_srli_epi32

/* The four functions of FIPS 180-4, section 4.1.2. */
INLINE words large_sigma_0(words x) { return SUM(ROTATE(x, 2), ROTATE(x, 13), ROTATE(x, 22)); }
INLINE words large_sigma_1(words x) { return SUM(ROTATE(x, 6), ROTATE(x, 11), ROTATE(x, 25)); }
INLINE words small_sigma_0(words x) { return SUM(ROTATE(x, 7), ROTATE(x, 18), SHIFT(x, 3)); }
INLINE words small_sigma_1(words x) { return SUM(ROTATE(x, 17), ROTATE(x, 19), SHIFT(x, 10)); }

/* One round, which turns the eight variables by one place and replaces the schedule's word by that of 16 rounds later. */
INLINE void run_round(words v[STATE_COUNT], words schedule[WORD_COUNT], int number) {
    const int at = number % WORD_COUNT;
    words sum = ADD(ADD(v[7], schedule[at]), ADD(_mm512_set1_epi32((int)round_constants[number]), CHOICE(v[4], v[5], v[6])));
    sum = ADD(sum, large_sigma_1(v[4]));
    words first = ADD(sum, ADD(large_sigma_0(v[0]), MAJORITY(v[0], v[1], v[2])));
    words fifth = ADD(v[3], sum);
    v[7] = v[6], v[6] = v[5], v[5] = v[4], v[4] = fifth;
    v[3] = v[2], v[2] = v[1], v[1] = v[0], v[0] = first;
    if (number >= ROUND_COUNT - WORD_COUNT) return;
    words early = small_sigma_0(schedule[(at + 1) % WORD_COUNT]), late = small_sigma_1(schedule[(at + 14) % WORD_COUNT]);
    schedule[at] = ADD(ADD(schedule[at], schedule[(at + 9) % WORD_COUNT]), ADD(early, late));
}

/* Takes `count` blocks of each message, which stand one behind the other. */
LANES static void take_blocks(words state[STATE_COUNT], const uint8_t *const blocks[CHASH_LANE_COUNT], size_t count) {
    for (size_t offset = 0; offset < count * BLOCK_SIZE; offset += BLOCK_SIZE) {
        words schedule[WORD_COUNT], variables[STATE_COUNT];
        for (int lane = 0; lane < CHASH_LANE_COUNT; lane++) schedule[lane] = _mm512_loadu_si512(blocks[lane] + offset);
        transpose(schedule);
        for (int i = 0; i < WORD_COUNT; i++) schedule[i] = swap_bytes(schedule[i]);
        for (int i = 0; i < STATE_COUNT; i++) variables[i] = state[i];
#pragma clang loop unroll(full)
        for (int number = 0; number < ROUND_COUNT; number++) run_round(variables, schedule, number);
        for (int i = 0; i < STATE_COUNT; i++) state[i] = ADD(state[i], variables[i]);
    }
}

LANES void chash_sha256(uint8_t domain, const uint8_t *const messages[CHASH_LANE_COUNT], size_t byte_count,
                        uint8_t digests[CHASH_LANE_COUNT * CHASH_DIGEST_SIZE]) {
    words state[STATE_COUNT];
    for (int i = 0; i < STATE_COUNT; i++) state[i] = _mm512_set1_epi32((int)initial_state[i]);

    /* What does not lie in the messages as whole blocks: the first with the domain, and the last with the padding. */
    uint8_t edges[CHASH_LANE_COUNT][2 * BLOCK_SIZE];
    const uint8_t *blocks[CHASH_LANE_COUNT];
    size_t taken = 0, edge_size = 1;
    for (int lane = 0; lane < CHASH_LANE_COUNT; lane++) edges[lane][0] = domain;
    if (byte_count >= BLOCK_SIZE - 1) {
        for (int lane = 0; lane < CHASH_LANE_COUNT; lane++) {
            memcpy(edges[lane] + 1, messages[lane], BLOCK_SIZE - 1);
            blocks[lane] = edges[lane];
        }
        take_blocks(state, blocks, 1);
        taken = BLOCK_SIZE - 1, edge_size = 0;
        for (int lane = 0; lane < CHASH_LANE_COUNT; lane++) blocks[lane] = messages[lane] + taken;
        size_t block_count = (byte_count - taken) / BLOCK_SIZE;
        take_blocks(state, blocks, block_count);
        taken += block_count * BLOCK_SIZE;
    }
    const size_t rest = byte_count - taken, used = edge_size + rest;
    const size_t padded = used + 1 + LENGTH_SIZE <= BLOCK_SIZE ? BLOCK_SIZE : 2 * BLOCK_SIZE;
    const uint64_t bit_count = ((uint64_t)byte_count + 1) * 8;
    for (int lane = 0; lane < CHASH_LANE_COUNT; lane++) {
        uint8_t *edge = edges[lane];
        if (rest > 0) memcpy(edge + edge_size, messages[lane] + taken, rest);
        memset(edge + used, 0, padded - used);
        edge[used] = 0x80;
        for (int i = 0; i < LENGTH_SIZE; i++) edge[padded - 1 - i] = (uint8_t)(bit_count >> (8 * i));
        blocks[lane] = edge;
    }
    take_blocks(state, blocks, padded / BLOCK_SIZE);

    uint32_t numbers[STATE_COUNT][CHASH_LANE_COUNT];
    for (int i = 0; i < STATE_COUNT; i++) _mm512_storeu_si512(numbers[i], swap_bytes(state[i]));
    for (int lane = 0; lane < CHASH_LANE_COUNT; lane++) {
        for (int i = 0; i < STATE_COUNT; i++) {
            memcpy(digests + lane * CHASH_DIGEST_SIZE + i * sizeof(uint32_t), &numbers[i][lane], sizeof(uint32_t));
        }
    }
}

#else

int chash_has_lanes(void) { return 0; }

void chash_sha256(uint8_t domain, const uint8_t *const messages[CHASH_LANE_COUNT], size_t byte_count,
                  uint8_t digests[CHASH_LANE_COUNT * CHASH_DIGEST_SIZE]) {
    (void)domain, (void)messages, (void)byte_count, (void)digests;
}

#endif
