/* The two ways to search, compiled for each instruction set: `probe` by way of the ring, `scan` by looking at every row. */
#include <stdlib.h>

#include "search.h"

static inline int bits_between(const uint8_t *hash, const uint64_t *query) {
    uint64_t words[4];
    memcpy(words, hash, HASH);
    int bits = 0;
    for (int i = 0; i < 4; i++) bits += __builtin_popcountll(words[i] ^ query[i]);
    return bits;
}

/* --- what differs between the sets -----------------------------------------------------------------------------------
 * passing(s, n, wanted, most): of the first n <= 32 signatures at s, those within `most` bits of `wanted`, as bits.
 * near8(rows, query, most): of eight hashes, those within `most` bits of the query, as bits. */

#if defined(__AVX512BITALG__) && defined(__AVX512VPOPCNTDQ__)
#include <immintrin.h>

typedef __m512i Wide;
static inline Wide wide16(uint16_t value) { return _mm512_set1_epi16((short)value); }

static inline uint32_t passing(const uint16_t *s, uint32_t n, Wide wanted, Wide most) {
    __mmask32 there = n >= 32 ? 0xffffffffu : (1u << n) - 1;
    __m512i apart = _mm512_xor_si512(wanted, _mm512_maskz_loadu_epi16(there, s));
    return _mm512_mask_cmple_epu16_mask(there, _mm512_popcnt_epi16(apart), most);
}

typedef struct { __m512i twice, most; } Near;
static inline Near near_of(const uint64_t *query, int most) {
    Near near = {_mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)query)), _mm512_set1_epi64(most)};
    return near;
}

static inline uint32_t near8(const uint8_t *rows, const uint64_t *query, const Near *near, int most) {
    (void)query, (void)most;
    __m512i p[4]; /* bits of the quarters of two rows each */
    for (int i = 0; i < 4; i++)
        p[i] = _mm512_popcnt_epi64(_mm512_xor_si512(near->twice, _mm512_loadu_si512(rows + 64 * i)));
    __m512i a = _mm512_add_epi64(_mm512_unpacklo_epi64(p[0], p[1]), _mm512_unpackhi_epi64(p[0], p[1])); /* halves */
    __m512i b = _mm512_add_epi64(_mm512_unpacklo_epi64(p[2], p[3]), _mm512_unpackhi_epi64(p[2], p[3]));
    __m512i whole = _mm512_add_epi64(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xdd));
    uint32_t m = _mm512_cmple_epu64_mask(whole, near->most); /* rows 0 2 1 3 4 6 5 7 */
    return (m & 0x99) | (m & 0x22) << 1 | (m & 0x44) >> 1;
}

#elif defined(__AVX2__)
#include <immintrin.h>

typedef __m256i Wide;
static inline Wide wide16(uint16_t value) { return _mm256_set1_epi16((short)value); }

static inline __m256i bits_of_bytes(__m256i x) {
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i low = _mm256_set1_epi8(15);
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(x, 4), low);
    return _mm256_add_epi8(_mm256_shuffle_epi8(table, _mm256_and_si256(x, low)), _mm256_shuffle_epi8(table, high));
}

static inline __m256i farther(const uint16_t *s, Wide wanted, Wide most) {
    __m256i bytes = bits_of_bytes(_mm256_xor_si256(wanted, _mm256_loadu_si256((const __m256i *)s)));
    return _mm256_cmpgt_epi16(_mm256_maddubs_epi16(bytes, _mm256_set1_epi8(1)), most);
}

static inline uint32_t passing(const uint16_t *s, uint32_t n, Wide wanted, Wide most) {
    __m256i both = _mm256_packs_epi16(farther(s, wanted, most), farther(s + 16, wanted, most)); /* quarters 0 2 1 3 */
    uint32_t near = ~(uint32_t)_mm256_movemask_epi8(_mm256_permute4x64_epi64(both, 0xd8));
    return n >= 32 ? near : near & ((1u << n) - 1);
}

typedef struct { __m256i query, most; } Near;
static inline Near near_of(const uint64_t *query, int most) {
    Near near = {_mm256_loadu_si256((const __m256i *)query), _mm256_set1_epi64x(most)};
    return near;
}

static inline uint32_t near4(const uint8_t *rows, const Near *near) {
    __m256i p[4]; /* bits of the quarters of one row each */
    for (int i = 0; i < 4; i++) {
        __m256i apart = _mm256_xor_si256(near->query, _mm256_loadu_si256((const __m256i *)(rows + HASH * i)));
        p[i] = _mm256_sad_epu8(bits_of_bytes(apart), _mm256_setzero_si256());
    }
    __m256i a = _mm256_add_epi64(_mm256_unpacklo_epi64(p[0], p[1]), _mm256_unpackhi_epi64(p[0], p[1])); /* halves */
    __m256i b = _mm256_add_epi64(_mm256_unpacklo_epi64(p[2], p[3]), _mm256_unpackhi_epi64(p[2], p[3]));
    __m256i whole = _mm256_add_epi64(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
    return 15u & ~(uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(whole, near->most)));
}

static inline uint32_t near8(const uint8_t *rows, const uint64_t *query, const Near *near, int most) {
    (void)query, (void)most;
    return near4(rows, near) | near4(rows + 4 * HASH, near) << 4;
}

#else

typedef uint16_t Wide;
static inline Wide wide16(uint16_t value) { return value; }

/* Adds bits up within the word: compilers make vectors of this, which they do not of a popcount. */
static inline uint16_t bits16(uint16_t x) {
    x = (uint16_t)(x - ((x >> 1) & 0x5555));
    x = (uint16_t)((x & 0x3333) + ((x >> 2) & 0x3333));
    x = (uint16_t)((x + (x >> 4)) & 0x0f0f);
    return (uint16_t)((x + (x >> 8)) & 0x1f);
}

static inline uint32_t passing(const uint16_t *s, uint32_t n, Wide wanted, Wide most) {
    uint16_t near[32], any = 0;
    for (int i = 0; i < 32; i++) any |= near[i] = (uint16_t)(bits16((uint16_t)(s[i] ^ wanted)) <= most);
    if (!any) return 0;
    uint32_t found = 0;
    for (uint32_t i = 0; i < 32 && i < n; i++) found |= (uint32_t)near[i] << i;
    return found;
}

typedef int Near;
static inline Near near_of(const uint64_t *query, int most) { return (void)query, most; }

static inline uint32_t near8(const uint8_t *rows, const uint64_t *query, const Near *near, int most) {
    (void)near;
    uint32_t found = 0;
    for (int i = 0; i < 8; i++) found |= (uint32_t)(bits_between(rows + HASH * i, query) <= most) << i;
    return found;
}

#endif

/* --- looking at every row ------------------------------------------------------------------------------------------ */

/* Rows that stay in the nearest cache while all queries look at them. */
enum { SCANNED = 512 };

static int scan(const Part *part, uint32_t rows, Search *search, const uint8_t *which) {
    const uint8_t *hashes = part->ring->hashes;
    int most = search->radius;
    for (uint32_t start = 0; start < rows; start += SCANNED) {
        uint32_t stop = rows - start < SCANNED ? rows : start + SCANNED;
        for (uint32_t q = 0; q < search->count; q++) {
            if (which && !which[q]) continue;
            const uint64_t *query = search->queries + 4 * (size_t)q;
            Near near = near_of(query, most);
            uint32_t row = start;
            for (; row + 8 <= stop; row += 8) {
                uint32_t found = near8(hashes + HASH * (size_t)row, query, &near, most);
                for (; found; found &= found - 1) {
                    uint32_t one = row + (uint32_t)__builtin_ctz(found);
                    if (search_take(search, part, q, one, bits_between(hashes + HASH * (size_t)one, query))) return -1;
                }
            }
            for (; row < stop; row++) {
                int bits = bits_between(hashes + HASH * (size_t)row, query);
                if (bits <= most && search_take(search, part, q, row, bits)) return -1;
            }
        }
    }
    return 0;
}

/* --- by way of the ring -----------------------------------------------------------------------------------------------
 * The work is cut into tasks: up to BLOCK buckets of one chunk for one query. Every task passes three stages, and the
 * stages of different tasks overlap, so that memory is read long before it is needed: `offsets` are fetched 2 * ahead
 * tasks before, buckets `ahead` tasks before they are looked through. Entries that pass wait until there are many, then
 * their rows, then their hashes are fetched together. The order is chunk by chunk, so that queries share what is cached. */

enum { BLOCK = 32, AHEAD_MANY = 4, AHEAD_FEW = 16, WAITING = 2048, SORTED = 64, FETCHED = 512 };

typedef struct { uint32_t start, stop; } Bucket;
typedef struct { uint32_t query, position, row; int chunk; } Waiting;
typedef struct { int chunk, block; uint32_t place; } Task;

typedef struct {
    const Part *part;
    Search *search;
    int threshold[CHUNKS + 1], masks[CHUNKS], blocks[CHUNKS]; /* [CHUNKS] is [0] again: it is a ring */
    uint32_t *order[2];   /* the queries in the order of their chunk, for two chunks; NULL: as they are */
    uint32_t *passed;     /* by query, how many entries passed; beyond `most` the query is better off with a scan */
    uint32_t most;
    Waiting waiting[WAITING];
    int waits;
} Probing;

static inline void next_task(const Probing *p, Task *task) {
    if (++task->block < p->blocks[task->chunk]) return;
    task->block = 0;
    if (++task->place < p->search->count) return;
    task->place = 0;
    do task->chunk++;
    while (task->chunk < CHUNKS && !p->blocks[task->chunk]);
}

static inline uint32_t query_of(const Probing *p, const Task *task) {
    return p->order[0] ? p->order[task->chunk & 1][task->place] : task->place;
}

/* By the low, then the high byte of the chunk. */
static void order_queries(Probing *p, int chunk) {
    uint32_t n = p->search->count, *order = p->order[chunk & 1], *other = p->order[1] + n; /* room of its own */
    for (uint32_t i = 0; i < n; i++) order[i] = i;
    for (int shift = 0; shift < 16; shift += 8) {
        uint32_t starts[257] = {0};
        for (uint32_t i = 0; i < n; i++) starts[(chunk_of(p->search->queries + 4 * (size_t)i, chunk) >> shift & 255) + 1]++;
        for (int v = 0; v < 256; v++) starts[v + 1] += starts[v];
        for (uint32_t i = 0; i < n; i++) {
            uint32_t q = order[i];
            other[starts[chunk_of(p->search->queries + 4 * (size_t)q, chunk) >> shift & 255]++] = q;
        }
        memcpy(order, other, n * sizeof *order);
    }
}

static inline void fetch_offsets(Probing *p, const Task *task) {
    if (p->order[0] && !task->place && !task->block) order_queries(p, task->chunk);
    const uint32_t *offsets = p->part->ring->offsets + (size_t)task->chunk * (VALUES + 1);
    uint32_t value = chunk_of(p->search->queries + 4 * (size_t)query_of(p, task), task->chunk);
    int from = task->block * BLOCK, to = from + BLOCK < p->masks[task->chunk] ? from + BLOCK : p->masks[task->chunk];
    for (int i = from; i < to; i++) __builtin_prefetch(offsets + (value ^ ring_masks[i]));
}

static inline void fetch_buckets(const Probing *p, const Task *task, Bucket *buckets) {
    const Ring *ring = p->part->ring;
    const uint32_t *offsets = ring->offsets + (size_t)task->chunk * (VALUES + 1);
    const uint16_t *signatures = ring->signatures + (size_t)task->chunk * ring->n;
    uint32_t value = chunk_of(p->search->queries + 4 * (size_t)query_of(p, task), task->chunk);
    int from = task->block * BLOCK, to = from + BLOCK < p->masks[task->chunk] ? from + BLOCK : p->masks[task->chunk];
    for (int i = from; i < to; i++) {
        uint32_t start = offsets[value ^ ring_masks[i]], stop = offsets[(value ^ ring_masks[i]) + 1];
        if (stop > ring->n) stop = ring->n; /* whatever a damaged file says */
        Bucket bucket = {start, stop};
        buckets[i - from] = bucket;
        if (start >= stop) continue;
        const char *at = (const char *)(signatures + start), *end = (const char *)(signatures + stop);
        if (end - at > FETCHED) end = at + FETCHED;
        for (; at < end; at += 64) __builtin_prefetch(at);
        __builtin_prefetch(end - 1);
    }
}

/* Whether an earlier chunk finds the row as well: it is reported there. */
static inline int found_before(const Probing *p, int chunk, const uint8_t *hash, const uint64_t *query) {
    for (int c = 0; c < chunk; c++) {
        int t = p->threshold[c], bits = __builtin_popcount(chunk_of(hash, c) ^ chunk_of(query, c));
        if (bits > t) continue;
        bits += __builtin_popcount(chunk_of(hash, c + 1) ^ chunk_of(query, c + 1));
        if (bits <= t + p->threshold[c + 1] + 1) return 1;
    }
    return 0;
}

static int look_at_waiting(Probing *p) {
    const Ring *ring = p->part->ring;
    int n = p->waits;
    p->waits = 0;
    for (int i = 0; i < n; i++) {
        Waiting *one = p->waiting + i;
        one->row = id_at(ring, one->chunk, one->position);
        if (one->row < ring->n) __builtin_prefetch(ring->hashes + HASH * (size_t)one->row);
    }
    for (int i = 0; i < n; i++) {
        const Waiting *one = p->waiting + i;
        if (one->row >= ring->n) continue; /* a damaged file */
        const uint8_t *hash = ring->hashes + HASH * (size_t)one->row;
        const uint64_t *query = p->search->queries + 4 * (size_t)one->query;
        int bits = bits_between(hash, query);
        if (bits > p->search->radius || found_before(p, one->chunk, hash, query)) continue;
        if (search_take(p->search, p->part, one->query, one->row, bits)) return -1;
    }
    return 0;
}

static inline int look_through(Probing *p, const Task *task, const Bucket *buckets) {
    const Ring *ring = p->part->ring;
    const uint16_t *signatures = ring->signatures + (size_t)task->chunk * ring->n;
    uint32_t q = query_of(p, task);
    if (p->passed[q] > p->most) return 0;
    int next = (task->chunk + 1) % CHUNKS, from = task->block * BLOCK;
    int to = from + BLOCK < p->masks[task->chunk] ? from + BLOCK : p->masks[task->chunk];
    int together = p->threshold[task->chunk] + p->threshold[task->chunk + 1] + 1;
    Wide wanted = wide16(chunk_of(p->search->queries + 4 * (size_t)q, next));
    for (int i = from; i < to; i++) {
        Wide most = wide16((uint16_t)(together - ring_mask_bits[i]));
        uint32_t stop = buckets[i - from].stop;
        for (uint32_t at = buckets[i - from].start; at < stop; at += 32) {
            uint32_t found = passing(signatures + at, stop - at, wanted, most);
            if (__builtin_expect(!found, 1)) continue;
            p->passed[q] += (uint32_t)__builtin_popcount(found);
            if (p->passed[q] > p->most) return 0;
            for (; found; found &= found - 1) {
                Waiting one = {q, at + (uint32_t)__builtin_ctz(found), 0, task->chunk};
                if (task->chunk) __builtin_prefetch(ring->ids + ((size_t)(task->chunk - 1) * ring->n + one.position) * (size_t)ring->id_bytes);
                p->waiting[p->waits++] = one;
            }
            if (p->waits > WAITING - 32 && look_at_waiting(p)) return -1;
        }
    }
    return 0;
}

static int go_through(Probing *p) {
    Bucket buckets[AHEAD_FEW + 1][BLOCK];
    int64_t tasks = 0, ahead = p->search->count > AHEAD_FEW ? AHEAD_MANY : AHEAD_FEW;
    for (int c = 0; c < CHUNKS; c++) tasks += (int64_t)p->blocks[c] * p->search->count;
    Task first = {0, 0, 0}, second = first, third = first;
    for (int64_t t = -2 * ahead; t < tasks; t++) {
        if (t + 2 * ahead < tasks) {
            fetch_offsets(p, &first);
            next_task(p, &first);
        }
        if (t + ahead >= 0 && t + ahead < tasks) {
            fetch_buckets(p, &second, buckets[(t + ahead) % (ahead + 1)]);
            next_task(p, &second);
        }
        if (t < 0) continue;
        if (look_through(p, &third, buckets[t % (ahead + 1)])) return -1;
        next_task(p, &third);
    }
    return look_at_waiting(p);
}

/* Queries of which too many entries pass, as in a list of a million equal hashes: what was found is dropped, and every
 * row is looked at instead. */
static int scan_the_rest(Probing *p) {
    Search *search = p->search;
    uint8_t *which = NULL;
    for (uint32_t q = 0; q < search->count; q++) {
        if (p->passed[q] <= p->most) continue;
        if (!which && !(which = calloc(search->count, 1))) return -1;
        which[q] = 1;
    }
    if (!which) return 0;
    search_forget(search, p->part, which);
    int failed = scan(p->part, p->part->ring->n, search, which);
    free(which);
    return failed ? -1 : 0;
}

static int probe(const Part *part, Search *search) {
    Probing *p = malloc(sizeof *p);
    uint32_t n = search->count;
    uint32_t *room = malloc(((size_t)n * 4 + 1) * sizeof *room);
    if (!p || !room) return free(p), free(room), -1;
    p->part = part, p->search = search, p->waits = 0;
    p->order[0] = n >= SORTED ? room + n : NULL, p->order[1] = room + 2 * (size_t)n;
    p->passed = memset(room, 0, n * sizeof *room);
    p->most = part->ring->n / 16 + 4096;
    for (int c = 0; c < CHUNKS; c++) {
        p->threshold[c] = (search->radius + 1) / CHUNKS + (c < (search->radius + 1) % CHUNKS) - 1;
        p->masks[c] = p->threshold[c] < 0 ? 0 : masks_within[p->threshold[c]];
        p->blocks[c] = (p->masks[c] + BLOCK - 1) / BLOCK;
    }
    p->threshold[CHUNKS] = p->threshold[0];
    int failed = go_through(p) || scan_the_rest(p);
    free(p), free(room);
    return failed ? -1 : 0;
}
