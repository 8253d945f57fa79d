/* One extension, several instruction sets.
 *
 * What is worth it is written once, in files called <subject>_body.h, and compiled three times: set_plain.c for any
 * processor, set_avx2.c and set_avx512.c for those x86-64 processors that have these. Each compilation fills one
 * Kernel; dispatch.c picks the best that this processor runs, and every call goes through kernel(). To add a function:
 * declare its type here, write it static in a body, put it into the table in set_body.h, call it from your own
 * <subject>.c, whose PyMethodDef array module.c adds.
 */
#ifndef HIMAYA_KERNEL_H
#define HIMAYA_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "python_abi.h"
#include "search.h"

#if defined(__x86_64__)
#define HIMAYA_X86 1
#endif

typedef struct Kernel {
    const char *name;
    /* Every row of a part within the radius of every query, by way of the ring; 0, or -1: no memory. */
    int (*probe)(const Part *, Search *);
    /* The same for the rows [0, rows) by looking at each; of the queries only those marked in `which`, all where NULL. */
    int (*scan)(const Part *, uint32_t rows, Search *, const uint8_t *which);
    void (*pdq_add_rows)(float *restrict sums, const uint8_t *restrict first, ptrdiff_t stride, size_t width, int rows,
                         const float *weights);
    float (*pdq_weighted)(const float *restrict values, const float *restrict weights, int count);
    void (*pdq_multiply)(const float *restrict left, const float *restrict right, float *restrict product, int rows, int columns);
} Kernel;

extern const Kernel kernel_plain;
#ifdef HIMAYA_X86
extern const Kernel kernel_avx2, kernel_avx512;
#endif

/* The table in use. */
const Kernel *kernel(void);

/* Those this processor has, best last; their number is returned. */
int kernels_here(const Kernel *found[3]);

/* Use the named one from now on; 0 where this processor does not have it. */
int kernel_use(const char *name);

/* --- what the module offers, subject by subject --- */

extern PyMethodDef pdq_methods[], ring_methods[], search_methods[];

/* --- arguments --- */

/* Takes a C-contiguous buffer of `ndim` dimensions whose type is one of the characters `types` (of the module struct);
 * 0, or -1 with an exception that names the argument `what`. To be released with PyBuffer_Release. */
int take_buffer(PyObject *from, Py_buffer *into, const char *types, int ndim, int writable, const char *what);

/* Whether a function was given as many arguments as it takes; if not, an exception is set. */
int take_arguments(const char *function, Py_ssize_t given, Py_ssize_t wanted);

#endif
