/* Building a ring, and what Python needs to know of one. The bulk of the work is cut so that Python can give its parts
 * to several threads. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>

#include "kernel.h"

uint16_t ring_masks[MASKS];
uint8_t ring_mask_bits[MASKS];
const int masks_within[WIDEST + 1] = {1, 17, 137, 697, 2517};

void ring_make_masks(void) {
    int n = 0;
    for (int bits = 0; bits <= WIDEST; bits++)
        for (uint32_t value = 0; value < VALUES; value++)
            if (__builtin_popcount(value) == bits) ring_mask_bits[n] = (uint8_t)bits, ring_masks[n++] = (uint16_t)value;
}

/* --- a ring over arrays ----------------------------------------------------------------------------------------------- */

static const char RING[] = "himaya.ring";

Ring *ring_of(PyObject *capsule) {
    return PyCapsule_GetPointer(capsule, RING);
}

static void ring_drop(Ring *ring) {
    for (int i = 0; i < ring->holding; i++) PyBuffer_Release(ring->held + i);
    free(ring);
}

static void ring_free(PyObject *capsule) {
    ring_drop(ring_of(capsule));
}

/* The bytes of an argument that has to have `wanted` of them at least; NULL for None, which sets nothing. */
static const void *part_of_ring(Ring *ring, PyObject *from, size_t wanted, const char *what) {
    if (from == Py_None) return NULL;
    Py_buffer *into = ring->held + ring->holding;
    if (take_buffer(from, into, "B", 1, 0, what)) return NULL;
    ring->holding++;
    if ((size_t)into->len < wanted) return PyErr_Format(PyExc_ValueError, "%s: it is too short", what), NULL;
    return into->buf;
}

/* Every bucket begins where the one before it ends, the first at 0, and the last ends at n. */
static int offsets_fit(const Ring *ring) {
    for (int c = 0; c < CHUNKS; c++) {
        const uint32_t *offsets = ring->offsets + (size_t)c * (VALUES + 1);
        uint32_t wrong = offsets[0] | (offsets[VALUES] ^ ring->n);
        for (int v = 0; v < VALUES; v++) wrong |= offsets[v] > offsets[v + 1];
        if (wrong) return 0;
    }
    return 1;
}

/* ring(n, key_base, key_bytes, id_bytes, group_bytes, hashes, keys, groups, offsets, signatures, ids, died) */
static PyObject *ring(PyObject *module, PyObject *const *a, Py_ssize_t given) {
    (void)module;
    if (!take_arguments("ring", given, 12)) return NULL;
    Ring *made = calloc(1, sizeof *made);
    if (!made) return PyErr_NoMemory();
    long long n = PyLong_AsLongLong(a[0]);
    made->key_base = PyLong_AsLongLong(a[1]);
    made->key_bytes = (int)PyLong_AsLongLong(a[2]);
    made->id_bytes = (int)PyLong_AsLongLong(a[3]);
    made->group_bytes = (int)PyLong_AsLongLong(a[4]);
    if (PyErr_Occurred()) return ring_drop(made), NULL;
    if (n < 0 || n >= NEVER || (made->key_bytes != 4 && made->key_bytes != 8) || (made->id_bytes != 3 && made->id_bytes != 4)
        || (made->id_bytes == 3 && n > 1 << 24) || made->group_bytes < 0 || made->group_bytes > 2) {
        PyErr_SetString(PyExc_ValueError, "ring: numbers that cannot be");
        return ring_drop(made), NULL;
    }
    made->n = (uint32_t)n;
    size_t rows = (size_t)n;
    made->hashes = part_of_ring(made, a[5], rows * HASH, "hashes");
    made->keys = part_of_ring(made, a[6], rows * (size_t)made->key_bytes, "keys");
    if (made->group_bytes) made->groups = part_of_ring(made, a[7], rows * (size_t)made->group_bytes, "groups");
    made->offsets = part_of_ring(made, a[8], 4 * (size_t)CHUNKS * (VALUES + 1), "offsets");
    if (made->offsets) {
        made->signatures = part_of_ring(made, a[9], 2 * (CHUNKS * rows + SLACK), "signatures");
        made->ids = part_of_ring(made, a[10], (CHUNKS - 1) * rows * (size_t)made->id_bytes + 1, "ids");
    }
    made->died = part_of_ring(made, a[11], 4 * rows, "died");
    int whole = made->hashes && made->keys && (made->groups || !made->group_bytes) && (!made->offsets || (made->signatures && made->ids));
    if (!PyErr_Occurred() && !(whole && (!made->offsets || offsets_fit(made))))
        PyErr_SetString(PyExc_ValueError, "ring: its parts do not fit one another");
    if (PyErr_Occurred()) return ring_drop(made), NULL;
    PyObject *capsule = PyCapsule_New(made, RING, ring_free);
    if (!capsule) ring_drop(made);
    return capsule;
}

/* --- building ---------------------------------------------------------------------------------------------------------
 * A counting sort in two steps, by the high byte and then by the low one: 256 places to write to at a time stay in the
 * caches, 65,536 would not. */

typedef struct { uint32_t id; uint16_t value, signature; } Entry;

static void sort_by_high_byte(const uint8_t *hashes, uint32_t n, int chunk, Entry *entries, uint32_t *offsets) {
    memset(offsets, 0, (VALUES + 1) * sizeof *offsets);
    for (uint32_t i = 0; i < n; i++) offsets[chunk_of(hashes + HASH * (size_t)i, chunk) + 1]++;
    for (int v = 0; v < VALUES; v++) offsets[v + 1] += offsets[v];
    uint32_t at[256];
    for (int high = 0; high < 256; high++) at[high] = offsets[high << 8];
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *hash = hashes + HASH * (size_t)i;
        uint16_t value = chunk_of(hash, chunk);
        Entry entry = {i, value, chunk_of(hash, (chunk + 1) % CHUNKS)};
        entries[at[value >> 8]++] = entry;
    }
}

static void put_id(uint8_t *ids, size_t place, int bytes, uint32_t id) {
    uint8_t *at = ids + place * (size_t)bytes;
    at[0] = (uint8_t)id, at[1] = (uint8_t)(id >> 8), at[2] = (uint8_t)(id >> 16);
    if (bytes == 4) at[3] = (uint8_t)(id >> 24);
}

/* Memory that is written all over, in pages of 2 MiB where the system gives them: a tenth of the page faults' time. */
static void *large(size_t bytes) {
    void *memory = NULL;
    if (posix_memalign(&memory, 1 << 21, bytes)) return NULL;
#ifdef MADV_HUGEPAGE
    madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

static int build_chunk(const uint8_t *hashes, uint32_t n, int chunk, int id_bytes, uint32_t *offsets, uint16_t *signatures, uint8_t *ids) {
    Entry *entries = large(((size_t)n + 1) * sizeof *entries);
    uint32_t *at = malloc(VALUES * sizeof *at);
    if (entries && at) {
        sort_by_high_byte(hashes, n, chunk, entries, offsets);
        memcpy(at, offsets, VALUES * sizeof *at);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t place = at[entries[i].value]++;
            if (signatures) signatures[place] = entries[i].signature;
            if (ids) put_id(ids, place, id_bytes, entries[i].id);
        }
    }
    int failed = !entries || !at;
    free(entries), free(at);
    return failed;
}

typedef struct { Py_buffer b[4]; int n; } Taken;

static int take(Taken *taken, PyObject *from, const char *types, int ndim, int writable, const char *what) {
    if (take_buffer(from, taken->b + taken->n, types, ndim, writable, what)) return -1;
    taken->n++;
    return 0;
}

static PyObject *give_back(Taken *taken, int right, const char *wrong) {
    for (int i = 0; i < taken->n; i++) PyBuffer_Release(taken->b + i);
    if (!right && !PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, wrong);
    if (PyErr_Occurred()) return NULL;
    Py_IncRef(Py_None);
    return Py_None;
}

/* order_rows(hashes u8[n, 32], order u32[n]): the rows in the order of chunk 0, of equal ones as they were. */
static PyObject *order_rows(PyObject *module, PyObject *const *a, Py_ssize_t given) {
    (void)module;
    Taken t = {.n = 0};
    if (!take_arguments("order_rows", given, 2)) return NULL;
    int right = !take(&t, a[0], "B", 2, 0, "hashes") && !take(&t, a[1], "IL", 1, 1, "order") && t.b[0].shape[1] == HASH
                && t.b[1].itemsize == 4 && t.b[1].shape[0] == t.b[0].shape[0] && t.b[0].shape[0] < NEVER;
    if (!right) return give_back(&t, 0, "order_rows: arrays that do not fit");
    uint32_t n = (uint32_t)t.b[0].shape[0];
    PyThreadState *state = PyEval_SaveThread();
    uint32_t *offsets = malloc((VALUES + 1) * sizeof *offsets);
    uint8_t *ids = t.b[1].buf;
    int failed = !offsets || build_chunk(t.b[0].buf, n, 0, 4, offsets, NULL, ids);
    free(offsets);
    PyEval_RestoreThread(state);
    if (failed) PyErr_NoMemory();
    return give_back(&t, 1, "");
}

/* gather(hashes u8[n, 32], order u32[m], into u8[m, 32]): into[i] = hashes[order[i]]. */
static PyObject *gather(PyObject *module, PyObject *const *a, Py_ssize_t given) {
    (void)module;
    Taken t = {.n = 0};
    if (!take_arguments("gather", given, 3)) return NULL;
    int right = !take(&t, a[0], "B", 2, 0, "hashes") && !take(&t, a[1], "IL", 1, 0, "order") && !take(&t, a[2], "B", 2, 1, "into")
                && t.b[0].shape[1] == HASH && t.b[2].shape[1] == HASH && t.b[1].itemsize == 4 && t.b[1].shape[0] == t.b[2].shape[0];
    if (!right) return give_back(&t, 0, "gather: arrays that do not fit");
    const uint8_t *from = t.b[0].buf;
    const uint32_t *order = t.b[1].buf;
    uint8_t *into = t.b[2].buf;
    size_t n = (size_t)t.b[0].shape[0], m = (size_t)t.b[1].shape[0];
    PyThreadState *state = PyEval_SaveThread();
    for (size_t i = 0; i < m; i++) {
        if (i + 24 < m) __builtin_prefetch(from + HASH * (size_t)order[i + 24]);
        if (order[i] >= n) { right = 0; break; }
        memcpy(into + HASH * i, from + HASH * (size_t)order[i], HASH);
    }
    PyEval_RestoreThread(state);
    return give_back(&t, right, "gather: a row that is not there");
}

/* fill_chunk(hashes u8[n, 32] in the order of chunk 0, chunk, id_bytes, offsets u8, signatures u8, ids u8): that chunk's
 * part of the three arrays, which are those that ring() takes. */
static PyObject *fill_chunk(PyObject *module, PyObject *const *a, Py_ssize_t given) {
    (void)module;
    Taken t = {.n = 0};
    if (!take_arguments("fill_chunk", given, 6)) return NULL;
    int chunk = (int)PyLong_AsLongLong(a[1]), bytes = (int)PyLong_AsLongLong(a[2]);
    int right = !PyErr_Occurred() && chunk >= 0 && chunk < CHUNKS && (bytes == 3 || bytes == 4) && !take(&t, a[0], "B", 2, 0, "hashes")
                && !take(&t, a[3], "B", 1, 1, "offsets") && !take(&t, a[4], "B", 1, 1, "signatures") && !take(&t, a[5], "B", 1, 1, "ids");
    size_t n = right ? (size_t)t.b[0].shape[0] : 0;
    right = right && t.b[0].shape[1] == HASH && n < NEVER && (bytes == 4 || n <= 1 << 24)
            && (size_t)t.b[1].len >= 4 * (size_t)CHUNKS * (VALUES + 1) && (size_t)t.b[2].len >= 2 * (CHUNKS * n + SLACK)
            && (size_t)t.b[3].len >= (CHUNKS - 1) * n * (size_t)bytes + 1;
    if (!right) return give_back(&t, 0, "fill_chunk: arrays that do not fit");
    PyThreadState *state = PyEval_SaveThread();
    uint8_t *ids = chunk ? (uint8_t *)t.b[3].buf + (size_t)(chunk - 1) * n * (size_t)bytes : NULL;
    int failed = build_chunk(t.b[0].buf, (uint32_t)n, chunk, bytes, (uint32_t *)t.b[1].buf + (size_t)chunk * (VALUES + 1),
                             (uint16_t *)t.b[2].buf + (size_t)chunk * n, ids);
    PyEval_RestoreThread(state);
    if (failed) PyErr_NoMemory();
    return give_back(&t, 1, "");
}

/* --- where keys are --------------------------------------------------------------------------------------------------- */

static inline uint64_t mixed(uint64_t x) {
    x ^= x >> 32;
    x *= 0x9e3779b97f4a7c15u;
    return x ^ x >> 29;
}

enum { SIEVE = 1 << 16 };

/* For each wanted key its row, NEVER where it has none: one pass over the keys of the ring, with a sieve of 8 KiB before
 * the table of those wanted. */
static int find_rows(const Ring *ring, uint32_t visible, const int64_t *wanted, uint32_t k, uint32_t *rows) {
    uint64_t size = 16;
    while (size < 4 * (uint64_t)k) size *= 2;
    uint32_t *table = malloc(size * sizeof *table);
    uint64_t *sieve = calloc(SIEVE / 64, sizeof *sieve);
    if (!table || !sieve) return free(table), free(sieve), -1;
    memset(table, 0xff, size * sizeof *table);
    for (uint32_t i = 0; i < k; i++) {
        uint64_t h = mixed((uint64_t)wanted[i]), at = h & (size - 1);
        sieve[h >> 48 >> 6] |= 1ull << (h >> 48 & 63);
        while (table[at] != NEVER) at = (at + 1) & (size - 1);
        table[at] = i;
        rows[i] = NEVER;
    }
    uint32_t n = ring->n < visible ? ring->n : visible;
    for (uint32_t row = 0; row < n; row++) {
        if (ring->died && ring->died[row] != NEVER) continue;
        int64_t key = key_at(ring, row);
        uint64_t h = mixed((uint64_t)key);
        if (!(sieve[h >> 48 >> 6] >> (h >> 48 & 63) & 1)) continue;
        for (uint64_t at = h & (size - 1); table[at] != NEVER; at = (at + 1) & (size - 1))
            if (wanted[table[at]] == key) rows[table[at]] = row;
    }
    free(table), free(sieve);
    return 0;
}

/* rows_of(ring, visible, keys i64[k], rows u32[k]) */
static PyObject *rows_of(PyObject *module, PyObject *const *a, Py_ssize_t given) {
    (void)module;
    Taken t = {.n = 0};
    if (!take_arguments("rows_of", given, 4)) return NULL;
    Ring *ring = ring_of(a[0]);
    long long visible = PyLong_AsLongLong(a[1]);
    int right = ring && !PyErr_Occurred() && visible >= 0 && !take(&t, a[2], "lq", 1, 0, "keys") && !take(&t, a[3], "IL", 1, 1, "rows")
                && t.b[1].itemsize == 4 && t.b[0].shape[0] == t.b[1].shape[0] && t.b[0].shape[0] < NEVER / 8;
    if (!right) return give_back(&t, 0, "rows_of: arrays that do not fit");
    PyThreadState *state = PyEval_SaveThread();
    int failed = find_rows(ring, visible < NEVER ? (uint32_t)visible : NEVER, t.b[0].buf, (uint32_t)t.b[0].shape[0], t.b[1].buf);
    PyEval_RestoreThread(state);
    if (failed) PyErr_NoMemory();
    return give_back(&t, 1, "");
}

/* bury(graves u64[power of 2], rows u32[k], time): marks rows as removed at that time. The caller keeps it at most half
 * full. Readers look at the same time: an entry appears in one piece. */
static PyObject *bury(PyObject *module, PyObject *const *a, Py_ssize_t given) {
    (void)module;
    Taken t = {.n = 0};
    if (!take_arguments("bury", given, 3)) return NULL;
    long long time = PyLong_AsLongLong(a[2]);
    int right = !PyErr_Occurred() && !take(&t, a[0], "LQ", 1, 1, "graves") && !take(&t, a[1], "IL", 1, 0, "rows")
                && t.b[1].itemsize == 4 && t.b[0].shape[0] > t.b[1].shape[0];
    if (!right) return give_back(&t, 0, "bury: arrays that do not fit");
    uint64_t *graves = t.b[0].buf, mask = (uint64_t)t.b[0].shape[0] - 1;
    const uint32_t *rows = t.b[1].buf;
    for (Py_ssize_t i = 0; i < t.b[1].shape[0]; i++) {
        uint64_t at = mixed(rows[i]) & mask;
        while (graves[at] != ~0ull) at = (at + 1) & mask;
        __atomic_store_n(graves + at, (uint64_t)rows[i] << 32 | (uint32_t)time, __ATOMIC_RELEASE);
    }
    return give_back(&t, 1, "");
}

/* buried(graves u64[power of 2], rows u32[k], which u8[k]): which of the rows were removed, whenever that was. */
static PyObject *buried(PyObject *module, PyObject *const *a, Py_ssize_t given) {
    (void)module;
    Taken t = {.n = 0};
    if (!take_arguments("buried", given, 3)) return NULL;
    int right = !take(&t, a[0], "LQ", 1, 0, "graves") && !take(&t, a[1], "IL", 1, 0, "rows") && !take(&t, a[2], "B", 1, 1, "which")
                && t.b[1].itemsize == 4 && t.b[1].shape[0] == t.b[2].shape[0];
    if (!right) return give_back(&t, 0, "buried: arrays that do not fit");
    Part part = {.graves = t.b[0].buf, .grave_mask = (uint64_t)t.b[0].shape[0] - 1};
    for (Py_ssize_t i = 0; i < t.b[1].shape[0]; i++)
        ((uint8_t *)t.b[2].buf)[i] = (uint8_t)ring_buried(&part, ((uint32_t *)t.b[1].buf)[i], NEVER);
    return give_back(&t, 1, "");
}

int ring_buried(const Part *part, uint32_t row, uint32_t now) {
    for (uint64_t at = mixed(row) & part->grave_mask;; at = (at + 1) & part->grave_mask) {
        uint64_t grave = __atomic_load_n(part->graves + at, __ATOMIC_ACQUIRE);
        if (grave == ~0ull) return 0;
        if (grave >> 32 == row) return (uint32_t)grave <= now;
    }
}

PyMethodDef ring_methods[] = {
    {"ring", FAST(ring), METH_FASTCALL, "A ring over arrays."},
    {"order_rows", FAST(order_rows), METH_FASTCALL, "Rows in the order of chunk 0."},
    {"gather", FAST(gather), METH_FASTCALL, "Hashes in another order."},
    {"fill_chunk", FAST(fill_chunk), METH_FASTCALL, "The buckets of one chunk."},
    {"rows_of", FAST(rows_of), METH_FASTCALL, "Where keys are."},
    {"bury", FAST(bury), METH_FASTCALL, "Mark rows as removed."},
    {"buried", FAST(buried), METH_FASTCALL, "Which rows were removed."},
    {NULL, NULL, 0, NULL},
};
