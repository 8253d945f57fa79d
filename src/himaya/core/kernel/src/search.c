/* Questions to a view: rings and tables, searched together. */
#include <stdlib.h>

#include "kernel.h"

/* --- the answer as it grows ------------------------------------------------------------------------------------------- */

static int by_query(const void *left, const void *right) {
    const Found *a = left, *b = right;
    if (a->query != b->query) return a->query < b->query ? -1 : 1;
    if (a->distance != b->distance) return a->distance < b->distance ? -1 : 1;
    return a->key < b->key ? -1 : a->key > b->key;
}

static int by_key(const void *left, const void *right) {
    const Found *a = left, *b = right;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    if (a->distance != b->distance) return a->distance < b->distance ? -1 : 1;
    return a->query < b->query ? -1 : a->query > b->query;
}

static int by_distance(const void *left, const void *right) {
    const Found *a = left, *b = right;
    if (a->distance != b->distance) return a->distance < b->distance ? -1 : 1;
    return a->key < b->key ? -1 : a->key > b->key;
}

/* What variants of one thing found into order, each key once, at its least distance and of the first such variant. */
static size_t each_key_once(Found *found, size_t n) {
    if (n < 2) return n;
    qsort(found, n, sizeof *found, by_key);
    size_t kept = 1;
    for (size_t i = 1; i < n; i++)
        if (found[i].key != found[kept - 1].key) found[kept++] = found[i];
    qsort(found, kept, sizeof *found, by_distance);
    return kept;
}

/* Into order, thing by thing, and of each no more than the limit. */
static void put_in_order(Search *s) {
    Found *found = s->found;
    if (!s->used) return;
    if (s->things > 1 || s->count == 1) qsort(found, s->used, sizeof *found, by_query);
    if (!s->ends && s->limit < 0) return;
    size_t kept = 0, at = 0, stop;
    for (uint32_t thing = 0; at < s->used && thing < s->things; thing++, at = stop) {
        uint32_t first = !s->ends ? found[at].query : thing ? s->ends[thing - 1] : 0;
        uint32_t end = s->ends ? s->ends[thing] : first + 1;
        for (stop = at; stop < s->used && found[stop].query < end; stop++) {}
        size_t n = end - first > 1 ? each_key_once(found + at, stop - at) : stop - at;
        if (s->limit >= 0 && n > (uint64_t)s->limit) n = (size_t)s->limit;
        memmove(found + kept, found + at, n * sizeof *found);
        kept += n;
    }
    s->used = kept;
}

enum { FIRST_ROOM = 64, SHORTENED = 1 << 16 };

/* With a limit, what is beyond it is dropped whenever twice as much is there as can stay: memory stays bounded. */
static int more_room(Search *s) {
    if (s->limit >= 0 && s->used >= s->shorten_at) {
        put_in_order(s);
        size_t twice = 2 * s->used;
        s->shorten_at = twice > SHORTENED ? twice : SHORTENED;
        if (s->used < s->room) return 0;
    }
    size_t room = s->room ? 2 * s->room : FIRST_ROOM;
    Found *found = realloc(s->found, room * sizeof *found);
    if (!found) return -1;
    s->found = found, s->room = room;
    return 0;
}

static int allowed(const Search *s, const Ring *ring, uint32_t row, int distance) {
    if (!s->radii) return 1;
    uint32_t group = 0;
    if (ring->group_bytes == 1) group = ring->groups[row];
    if (ring->group_bytes == 2) {
        uint16_t wide;
        memcpy(&wide, ring->groups + 2 * (size_t)row, 2);
        group = wide;
    }
    return group < (uint64_t)s->groups && s->radii[group] != 255 && distance <= s->radii[group];
}

int search_take(Search *s, const Part *part, uint32_t query, uint32_t row, int distance) {
    const Ring *ring = part->ring;
    if (!allowed(s, ring, row, distance)) return 0;
    if (ring->died && __atomic_load_n(ring->died + row, __ATOMIC_ACQUIRE) <= s->now) return 0;
    if (part->graves && ring_buried(part, row, s->now)) return 0;
    if ((s->used == s->room || (s->limit >= 0 && s->used >= s->shorten_at)) && more_room(s)) return -1;
    Found one = {key_at(ring, row), query, (uint16_t)distance, part->number};
    s->found[s->used++] = one;
    return 0;
}

void search_forget(Search *s, const Part *part, const uint8_t *which) {
    size_t kept = 0;
    for (size_t i = 0; i < s->used; i++)
        if (s->found[i].part != part->number || !which[s->found[i].query]) s->found[kept++] = s->found[i];
    s->used = kept;
}

/* --- the way that costs less ------------------------------------------------------------------------------------------ */

/* Rough nanoseconds: of a bucket, of an entry in it, of an entry that passes; of a row that is looked at. */
enum { A_BUCKET = 14, A_ROW = 1 };
static const double AN_ENTRY = 0.15;

static int forced; /* 0: the cheaper way; 1: the ring wherever it can be; 2: the scan. For tests and benchmarks. */

static int better_by_ring(const Ring *ring, int radius) {
    if (forced == 2 || !ring->offsets || radius + 1 > CHUNKS * (WIDEST + 1)) return 0;
    if (forced == 1) return 1;
    double buckets = 0;
    for (int c = 0; c < CHUNKS; c++) {
        int threshold = (radius + 1) / CHUNKS + (c < (radius + 1) % CHUNKS) - 1;
        if (threshold >= 0) buckets += masks_within[threshold];
    }
    return buckets * (A_BUCKET + AN_ENTRY * ring->n / VALUES) < (double)A_ROW * ring->n;
}

static int search_view(const View *view, Search *s) {
    for (int i = 0; i < view->parts; i++) {
        const Part *part = view->part + i;
        uint32_t rows = part->ring->n;
        if (part->ring->died && rows > s->visible) rows = s->visible;
        int failed = better_by_ring(part->ring, s->radius) ? kernel()->probe(part, s) : kernel()->scan(part, rows, s, NULL);
        if (failed) return -1;
    }
    put_in_order(s);
    return 0;
}

/* --- the Python face -------------------------------------------------------------------------------------------------- */

static const char VIEW[] = "himaya.view";

static void view_drop(View *view) {
    for (int i = 0; i < view->holding; i++) PyBuffer_Release(view->held + i);
    if (view->owners) Py_DecRef(view->owners);
    free(view);
}

static void view_free(PyObject *capsule) {
    view_drop(PyCapsule_GetPointer(capsule, VIEW));
}

/* view(((ring, graves u64[power of 2] or None), …)) */
static PyObject *view(PyObject *module, PyObject *const *a, Py_ssize_t given) {
    (void)module;
    if (!take_arguments("view", given, 1)) return NULL;
    Py_ssize_t parts = PyTuple_Size(a[0]);
    if (parts < 0) return NULL;
    if (parts > 16) return PyErr_Format(PyExc_ValueError, "view: %zd parts are too many", parts);
    View *made = calloc(1, sizeof *made);
    if (!made) return PyErr_NoMemory();
    Py_IncRef(made->owners = a[0]);
    for (; made->parts < parts; made->parts++) {
        PyObject *pair = PyTuple_GetItem(a[0], made->parts);
        PyObject *graves = pair ? PyTuple_GetItem(pair, 1) : NULL;
        Part *part = made->part + made->parts;
        part->number = (uint16_t)made->parts;
        if (!graves || !(part->ring = ring_of(PyTuple_GetItem(pair, 0)))) return view_drop(made), NULL;
        if (graves == Py_None) continue;
        Py_buffer *into = made->held + made->holding;
        if (take_buffer(graves, into, "LQ", 1, 0, "graves")) return view_drop(made), NULL;
        made->holding++;
        part->graves = into->buf, part->grave_mask = (uint64_t)into->shape[0] - 1;
    }
    PyObject *capsule = PyCapsule_New(made, VIEW, view_free);
    if (!capsule) view_drop(made);
    return capsule;
}

typedef struct { Search search; const View *view; Py_buffer values, radii, ends; uint64_t *own; } Call;

static void end_call(Call *call) {
    PyBuffer_Release(&call->values), PyBuffer_Release(&call->radii), PyBuffer_Release(&call->ends); /* where there are any */
    free(call->own), free(call->search.found);
}

/* (view, now, visible, values, radius or radii u8, limit or None): what all questions have. 0, or -1 with an exception. */
static int begin_call(Call *call, PyObject *const *a, int dimensions) {
    memset(call, 0, sizeof *call);
    Search *s = &call->search;
    if (!(call->view = PyCapsule_GetPointer(a[0], VIEW))) return -1;
    s->now = (uint32_t)PyLong_AsLongLong(a[1]), s->visible = (uint32_t)PyLong_AsLongLong(a[2]);
    s->limit = a[5] == Py_None ? -1 : PyLong_AsLongLong(a[5]);
    s->shorten_at = SHORTENED;
    if (PyErr_Occurred()) return -1;
    if (take_buffer(a[3], &call->values, "B", dimensions, 0, "hashes")) return -1;
    if (call->values.shape[dimensions - 1] != HASH) return PyErr_SetString(PyExc_ValueError, "hashes are rows of 32 uint8"), -1;
    s->count = s->things = dimensions == 1 ? 1 : (uint32_t)call->values.shape[0];
    long long radius = -1;
    if (!PyObject_CheckBuffer(a[4])) {
        radius = PyLong_AsLongLong(a[4]);
        if (PyErr_Occurred()) return -1;
    } else {
        if (take_buffer(a[4], &call->radii, "B", 1, 0, "radii")) return -1;
        s->radii = call->radii.buf, s->groups = call->radii.shape[0];
        for (int64_t g = 0; g < s->groups; g++)
            if (s->radii[g] != 255 && s->radii[g] > radius) radius = s->radii[g];
    }
    s->radius = radius > 256 ? 256 : (int)radius;
    return 0;
}

static int run_call(Call *call) {
    if (call->search.radius < 0 || !call->search.count || !call->search.limit) return 0;
    PyThreadState *state = PyEval_SaveThread();
    int failed = search_view(call->view, &call->search);
    PyEval_RestoreThread(state);
    if (failed) PyErr_NoMemory();
    return failed;
}

/* one(view, now, visible, value u8[32], radius, limit) -> [(key, distance), …] */
static PyObject *one(PyObject *module, PyObject *const *a, Py_ssize_t given) {
    (void)module;
    if (!take_arguments("one", given, 6)) return NULL;
    Call call;
    uint64_t query[4];
    PyObject *list = NULL;
    if (!begin_call(&call, a, 1)) {
        call.search.queries = memcpy(query, call.values.buf, HASH);
        if (!run_call(&call)) list = PyList_New((Py_ssize_t)call.search.used);
    }
    for (size_t i = 0; list && i < call.search.used; i++) {
        PyObject *hit = PyTuple_New(2);
        if (!hit) { Py_DecRef(list), list = NULL; break; }
        PyTuple_SetItem(hit, 0, PyLong_FromLongLong(call.search.found[i].key));
        PyTuple_SetItem(hit, 1, PyLong_FromLongLong(call.search.found[i].distance));
        PyList_SetItem(list, (Py_ssize_t)i, hit);
    }
    end_call(&call);
    return list;
}

/* Three arrays as bytes: rows i32, keys i64, distances u16. */
static PyObject *as_arrays(const Search *s, uint32_t first) {
    PyObject *arrays = PyTuple_New(3);
    static const int sizes[3] = {4, 8, 2};
    for (int i = 0; arrays && i < 3; i++) {
        PyObject *bytes = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)s->used * sizes[i]);
        if (!bytes) { Py_DecRef(arrays); return NULL; }
        char *at = PyByteArray_AsString(bytes);
        for (size_t k = 0; k < s->used; k++) {
            const Found *f = s->found + k;
            int32_t row = (int32_t)(f->query + first);
            memcpy(at + k * (size_t)sizes[i], i == 0 ? (const void *)&row : i == 1 ? (const void *)&f->key : &f->distance, (size_t)sizes[i]);
        }
        PyTuple_SetItem(arrays, i, bytes);
    }
    return arrays;
}

/* Of `many`: the queries are variants of things, those of each up to one of `ends` u32[things]. 0, or -1 with an exception. */
static int take_ends(Call *call, PyObject *ends) {
    Search *s = &call->search;
    if (ends == Py_None) return 0;
    if (take_buffer(ends, &call->ends, "IL", 1, 0, "ends")) return -1;
    s->ends = call->ends.buf, s->things = (uint32_t)call->ends.shape[0];
    int right = call->ends.itemsize == 4 && call->ends.shape[0] < INT32_MAX && (s->things ? s->ends[s->things - 1] : 0) == s->count;
    for (uint32_t i = 1; right && i < s->things; i++) right = s->ends[i - 1] <= s->ends[i];
    if (right) return 0;
    PyErr_SetString(PyExc_ValueError, "many: ends that do not fit the values");
    return -1;
}

/* many(view, now, visible, values u8[k, 32], radius, limit, start, stop, ends or None): for the values [start, stop), arrays
 * of the values' rows, the keys and the distances of what was found. `ends` count from `start`. */
static PyObject *many(PyObject *module, PyObject *const *a, Py_ssize_t given) {
    (void)module;
    if (!take_arguments("many", given, 9)) return NULL;
    Call call;
    PyObject *arrays = NULL;
    long long start = PyLong_AsLongLong(a[6]), stop = PyLong_AsLongLong(a[7]);
    if (PyErr_Occurred()) return NULL;
    if (!begin_call(&call, a, 2)) {
        if (start < 0 || start > stop || stop > call.values.shape[0] || stop >= INT32_MAX) {
            PyErr_SetString(PyExc_ValueError, "many: rows that are not there");
        } else if (!(call.own = malloc((size_t)(stop - start) * HASH + 1))) {
            PyErr_NoMemory();
        } else {
            call.search.queries = memcpy(call.own, (const char *)call.values.buf + HASH * start, (size_t)(stop - start) * HASH);
            call.search.count = call.search.things = (uint32_t)(stop - start);
            if (!take_ends(&call, a[8]) && !run_call(&call)) arrays = as_arrays(&call.search, (uint32_t)start);
        }
    }
    end_call(&call);
    return arrays;
}

/* search_by("ring" | "scan" | ""): one way from now on, or the cheaper one. */
static PyObject *search_by(PyObject *module, PyObject *const *a, Py_ssize_t given) {
    (void)module;
    const char *way = take_arguments("search_by", given, 1) ? PyUnicode_AsUTF8AndSize(a[0], NULL) : NULL;
    if (!way) return NULL;
    forced = !strcmp(way, "ring") ? 1 : !strcmp(way, "scan") ? 2 : 0;
    Py_IncRef(Py_None);
    return Py_None;
}

PyMethodDef search_methods[] = {
    {"search_by", FAST(search_by), METH_FASTCALL, "One way from now on."},
    {"view", FAST(view), METH_FASTCALL, "Rings to be searched together."},
    {"one", FAST(one), METH_FASTCALL, "What is near one hash."},
    {"many", FAST(many), METH_FASTCALL, "What is near each of many hashes."},
    {NULL, NULL, 0, NULL},
};
