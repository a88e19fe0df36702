/* SHA-256 of several messages side by side, one in each lane of the processor's vectors.
 *
 * A processor works on one message step by step, each of which waits for the last; on sixteen it gets more than twice as
 * far in the same time, where it has vectors of 512 bits. Everything else is for the library that hashes one message. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { CHASH_LANE_COUNT = 16, CHASH_DIGEST_SIZE = 32 };

/* Whether this processor has the instructions. */
int chash_has_lanes(void);

/* The digests of sixteen messages of one length, each with the byte `domain` in front; only where there are lanes. */
void chash_sha256(uint8_t domain, const uint8_t *const messages[CHASH_LANE_COUNT], size_t byte_count,
                  uint8_t digests[CHASH_LANE_COUNT * CHASH_DIGEST_SIZE]);
