/* PDQ's sums over pixels; compiled once for each instruction set, see kernel.h. No sum depends on the width of the
 * vectors: LANES of them run side by side everywhere. */
#include "pdq.h"

enum { LANES = PDQ_LANES };

/* Add up to four rows, each by its weight. */
static void pdq_add_rows(float *restrict sums, const uint8_t *restrict a, ptrdiff_t stride, size_t width, int rows,
                         const float *weights) {
    if (rows < 4) {
        for (int each = 0; each < rows; each++, a += stride)
            for (size_t at = 0; at < width; at++) sums[at] += weights[each] * a[at];
        return;
    }
    const uint8_t *restrict b = a + stride, *restrict c = b + stride, *restrict d = c + stride;
    float p = weights[0], q = weights[1], r = weights[2], s = weights[3];
    for (size_t at = 0; at < width; at++) sums[at] += (p * a[at] + q * b[at]) + (r * c[at] + s * d[at]);
}

/* The sum of `values`, each by its weight, `count` rounded up to a multiple of LANES. */
static float pdq_weighted(const float *restrict values, const float *restrict weights, int count) {
    float lanes[LANES] = {0};
    for (int at = 0; at < count; at += LANES)
        for (int lane = 0; lane < LANES; lane++) lanes[lane] += values[at + lane] * weights[at + lane];
    for (int half = LANES / 2; half; half /= 2)
        for (int lane = 0; lane < half; lane++) lanes[lane] += lanes[lane + half];
    return lanes[0];
}

/* Each sum in the reference's order: term by term; many sums side by side are what vectors are for. */
static void pdq_multiply(const float *restrict left, const float *restrict right, float *restrict product, int rows,
                         int columns) {
    for (int at = 0; at < rows * columns; at++) product[at] = 0;
    for (int row = 0; row < rows; row++)
        for (int at = 0; at < PDQ_SIDE; at++)
            for (int column = 0; column < columns; column++)
                product[row * columns + column] += left[row * PDQ_SIDE + at] * right[at * columns + column];
}
