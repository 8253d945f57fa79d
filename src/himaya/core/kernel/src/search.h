/* Exact search by Hamming distance over hashes of 256 bits: the pigeonring (Qin and Xiao, "Pigeonring: a principle for
 * faster thresholded similarity search", PVLDB 12(1), 2018).
 *
 * A hash is a ring of 16 chunks of 16 bits. Give each chunk c a threshold t[c] >= -1 such that the sum of (t[c] + 1) is
 * radius + 1, and let d[c] be the bits in which chunk c of two hashes differs. If they differ in no more than radius bits
 * altogether, the sum of e[c] = d[c] - (t[c] + 1) is negative; begin just after the place where its prefix sums are
 * greatest, and every prefix sum round the ring is negative. So there is a chunk c with
 *
 *     d[c] <= t[c]   and   d[c] + d[c+1] <= t[c] + t[c+1] + 1,
 *
 * and it is enough to look, for each chunk, into the buckets of all values within t[c] of the query's, and there at the
 * 16 bits of the next chunk, which stand beside each entry. At radius 31 that is 272 buckets; of a million random hashes
 * about 4,000 entries are in them and about ten pass, which alone cost a look at the hash itself.
 */
#ifndef HIMAYA_SEARCH_H
#define HIMAYA_SEARCH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "python_abi.h"

enum {
    HASH = 32,           /* bytes of a hash */
    CHUNKS = 16,         /* chunks of a hash */
    VALUES = 65536,      /* values of a chunk */
    WIDEST = 4,          /* the greatest threshold of a chunk: up to radius 79; beyond, everything is looked at */
    MASKS = 2517,        /* values within WIDEST bits of one: 1 + 16 + 120 + 560 + 1820 */
    SLACK = 32,          /* signatures after the last that may be read, and are not used */
};

#define NEVER 0xffffffffu /* a time that does not come, a row that is not there */

/* Hashes under keys, never changed once built. Rows are in the order of their first chunk, so that the list of rows of
 * chunk 0 is 0, 1, 2, … and is not stored. Without `offsets` it is a plain table: everything is looked at. */
typedef struct Ring {
    uint32_t n;
    int key_bytes;    /* 4: offsets from key_base; 8: keys themselves */
    int id_bytes;     /* 3 while n < 2^24, else 4 */
    int group_bytes;  /* 0: all are of group 0 */
    int64_t key_base;
    const uint8_t *hashes;      /* n x HASH */
    const uint8_t *keys;        /* n x key_bytes */
    const uint8_t *groups;      /* n x group_bytes */
    const uint32_t *offsets;    /* CHUNKS x (VALUES + 1): where the bucket of each value begins */
    const uint16_t *signatures; /* CHUNKS x n, and SLACK: chunk c + 1 of the rows in the buckets of chunk c */
    const uint8_t *ids;         /* (CHUNKS - 1) x n x id_bytes, and a byte: the rows in the buckets of chunks 1 … 15 */
    const uint32_t *died;       /* n, or NULL: for a table that grows, when each row was removed */
    Py_buffer held[7];
    int holding;
} Ring;

/* A ring and what was removed from it since: an open table of row << 32 | time, all ones where it is free. */
typedef struct Part {
    const Ring *ring;
    const uint64_t *graves;
    uint64_t grave_mask; /* its size less one */
    uint16_t number;     /* of the part in its view */
} Part;

typedef struct View {
    int parts;
    Part part[16];
    PyObject *owners; /* keeps the rings and graves */
    Py_buffer held[16];
    int holding;
} View;

typedef struct Found {
    int64_t key;
    uint32_t query;
    uint16_t distance;
    uint16_t part;
} Found;

/* One call: the question, and what was found so far. */
typedef struct Search {
    const uint64_t *queries; /* count x 4, aligned */
    uint32_t count;
    int radius;           /* the widest */
    const uint8_t *radii; /* by group, 255: none matches; NULL: radius for all */
    int64_t groups;       /* their number */
    uint32_t now;         /* what was removed later is still there */
    uint32_t visible;     /* rows of a growing table that were there at that time */
    const uint32_t *ends; /* the queries up to each are variants of one thing; NULL: every query is a thing of its own */
    uint32_t things;
    int64_t limit;        /* the nearest so many of each thing, every key once, at its least distance; -1: all */
    Found *found;
    size_t used, room, shorten_at;
} Search;

/* Takes a row at a distance <= radius into the answer, if it counts; 0, or -1: no memory. */
int search_take(Search *, const Part *, uint32_t query, uint32_t row, int distance);

/* Drops what was found in this part for the queries marked in `which`. */
void search_forget(Search *, const Part *, const uint8_t *which);

/* All values of a chunk in the order of their bits, and those bits: the first masks_within[t] have no more than t. */
extern uint16_t ring_masks[MASKS];
extern uint8_t ring_mask_bits[MASKS];
extern const int masks_within[WIDEST + 1];
void ring_make_masks(void);

/* Whether the row had been removed by the time `now`. */
int ring_buried(const Part *, uint32_t row, uint32_t now);

Ring *ring_of(PyObject *capsule);

static inline uint16_t chunk_of(const void *hash, int chunk) {
    uint16_t value;
    memcpy(&value, (const uint8_t *)hash + 2 * chunk, 2);
    return value;
}

static inline uint32_t id_at(const Ring *ring, int chunk, uint32_t position) {
    if (chunk == 0) return position;
    const uint8_t *at = ring->ids + ((size_t)(chunk - 1) * ring->n + position) * (size_t)ring->id_bytes;
    uint32_t id;
    memcpy(&id, at, 4);
    return ring->id_bytes == 3 ? id & 0xffffff : id;
}

static inline int64_t key_at(const Ring *ring, uint32_t row) {
    if (ring->key_bytes == 4) {
        uint32_t offset;
        memcpy(&offset, ring->keys + 4 * (size_t)row, 4);
        return (int64_t)((uint64_t)ring->key_base + offset);
    }
    int64_t key;
    memcpy(&key, ring->keys + 8 * (size_t)row, 8);
    return key;
}

#endif
