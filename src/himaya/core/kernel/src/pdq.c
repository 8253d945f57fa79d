/* PDQ (Meta, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019), to the bit as the
 * reference implementation has it.
 *
 * The reference blurs the luminance with box filters whose sums run along whole lines, and keeps 64 x 64 pixels of it.
 * Blurring and keeping are linear and separate by axis: one narrow band of weights for each row and each column that is
 * kept does both, and reads the picture once (pdq_reduce). It differs from the reference by rounding, which decides
 * only where two of the 256 coefficients at the median, or a step of the quality, lie that close together. There the
 * reference's own steps are taken, in its own order (pdq_reduce_as_reference), a few rows at a time.
 *
 * No sum depends on the width of the machine's vectors, and nothing may be contracted (-ffp-contract=off): every
 * instruction set gives the same bits. */
#include "pdq.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"


enum { SIDE = PDQ_SIDE, KEPT = PDQ_KEPT, LANES = PDQ_LANES };

static const double RED = 0.299, GREEN = 0.587, BLUE = 0.114; /* ITU-R BT.601 */

static int least(int a, int b) { return a < b ? a : b; }
static int most(int a, int b) { return a > b ? a : b; }
static int kept(int index, int length) { return (int)((index + 0.5) * length / SIDE); }
static int window_of(int length) { return (int)(((int64_t)length + 2 * SIDE - 1) / (2 * SIDE)); }

/* ---- bands of weights ------------------------------------------------------------------------------------------- */

typedef struct {
    int first[SIDE], count[SIDE]; /* which samples of a line count in each pixel that is kept */
    int room;                     /* of each in `weights`: a multiple of LANES, the rest zero */
    float *weights;
} band;

/* How much each pixel of a line counts in the pixel at `centre`: the mean of the windows around the pixels in the window
 * around it. A window reaches one pixel further towards the end where it is even, and is cut at both ends. Written as
 * steps, then summed. `weights` begins at `first` and has room for two windows. */
static int one_band(int centre, int length, int window, int *first, double *weights) {
    int left = (window - 1) / 2, right = window / 2;
    int low = most(centre - left, 0), high = least(centre + right, length - 1);
    *first = most(low - left, 0);
    int count = least(high + right, length - 1) - *first + 1;
    memset(weights, 0, sizeof *weights * (size_t)(count + 1));
    for (int pixel = low; pixel <= high; pixel++) {
        int from = most(pixel - left, 0), to = least(pixel + right, length - 1) + 1;
        double share = 1.0 / (high - low + 1) / (to - from);
        weights[from - *first] += share;
        weights[to - *first] -= share;
    }
    for (int at = 1; at < count; at++) weights[at] += weights[at - 1];
    return count;
}

/* The bands of a line of `length` pixels, each sample of which stands for `scale` of them. */
static int make_band(band *made, int length, int scale) {
    int window = window_of(length), widest = 2 * window / scale + 2;
    made->room = (widest + LANES - 1) / LANES * LANES;
    made->weights = calloc((size_t)SIDE * (size_t)made->room, sizeof(float));
    double *pixels = malloc(sizeof(double) * (size_t)(2 * window + 2));
    if (!made->weights || !pixels) {
        free(pixels);
        return -1;
    }
    for (int index = 0; index < SIDE; index++) {
        int first, count = one_band(kept(index, length), length, window, &first, pixels);
        float *weights = made->weights + (size_t)index * (size_t)made->room;
        made->first[index] = first / scale;
        made->count[index] = (first + count - 1) / scale - first / scale + 1;
        double sum = 0;
        for (int at = 0; at < count; at++) {
            sum += pixels[at];
            if ((first + at + 1) % scale == 0 || at == count - 1) {
                weights[(first + at) / scale - first / scale] = (float)sum;
                sum = 0;
            }
        }
    }
    free(pixels);
    return 0;
}

/* ---- reducing to 64 x 64 ---------------------------------------------------------------------------------------- */

/* In place: what is read lies at or behind what is written. */
static void to_luma(float *sums, int width, int channels) {
    if (channels == 1) return;
    for (int at = 0; at < width; at++) {
        const float *colour = sums + (size_t)at * (size_t)channels;
        sums[at] = (float)RED * colour[0] + (float)GREEN * colour[1] + (float)BLUE * colour[2];
    }
}

int pdq_reduce(const pdq_picture *picture, float small[SIDE * SIDE]) {
    const Kernel *with = kernel();
    band rows = {.weights = NULL}, columns = {.weights = NULL};
    size_t width = (size_t)picture->width * (size_t)picture->channels;
    float *sums = NULL;
    int failed = make_band(&rows, picture->full_height, picture->scale) ||
                 make_band(&columns, picture->full_width, picture->scale) ||
                 !(sums = malloc(sizeof(float) * (width + (size_t)columns.room)));
    for (int row = 0; !failed && row < SIDE; row++) {
        const float *weights = rows.weights + (size_t)row * (size_t)rows.room;
        memset(sums, 0, sizeof(float) * (width + (size_t)columns.room)); /* what is behind the line has weight zero */
        for (int at = 0; at < rows.count[row]; at += 4)
            with->pdq_add_rows(sums, picture->samples + (rows.first[row] + at) * picture->stride, picture->stride, width,
                               least(4, rows.count[row] - at), weights + at);
        to_luma(sums, picture->width, picture->channels);
        for (int column = 0; column < SIDE; column++)
            small[row * SIDE + column] =
                with->pdq_weighted(sums + columns.first[column], columns.weights + (size_t)column * (size_t)columns.room,
                                   columns.count[column]);
    }
    free(rows.weights);
    free(columns.weights);
    free(sums);
    return failed ? -1 : 0;
}

/* ---- the reference's own steps ---------------------------------------------------------------------------------- */

/* In double precision, as the package pdqhash has it, which everybody's lists are made with. */
static void luma_row(const pdq_picture *picture, int row, float *restrict luma) {
    const uint8_t *sample = picture->samples + row * picture->stride;
    int blue = picture->channels == 1 ? 0 : 2, green = blue / 2; /* grey is RGB whose three samples are one */
    for (int at = 0; at < picture->width; at++, sample += picture->channels)
        luma[at] = (float)(RED * sample[0] + GREEN * sample[green] + BLUE * sample[blue]);
}

/* A box filter along a line: a sum that runs, so that what was rounded is carried along. */
static void box_row(const float *restrict in, float *restrict out, int length, int window) {
    int ahead = window / 2, right = 0, left = 0, at = 0;
    float sum = 0;
    while (right < ahead) sum += in[right++];
    for (; right < window; at++) {
        sum += in[right++];
        out[at] = sum / (float)right;
    }
    for (; right < length; at++) {
        sum += in[right++];
        sum -= in[left++];
        out[at] = sum / (float)window;
    }
    for (; at < length; at++) {
        sum -= in[left++];
        out[at] = sum / (float)(right - left);
    }
}

/* The same filter down all columns at once; rows go in one by one. `ring` holds as many as the window is high. */
typedef struct {
    float *sums, *ring;
    int width, window, taken, dropped;
} box_columns;

static void box_write(const box_columns *box, float *restrict out) {
    float count = (float)(box->taken - box->dropped);
    for (int at = 0; at < box->width; at++) out[at] = box->sums[at] / count;
}

/* Take one row; true where one comes out. */
static int box_take(box_columns *box, const float *restrict in, float *restrict out) {
    float *restrict sums = box->sums, *restrict oldest = box->ring + (size_t)(box->taken % box->window) * (size_t)box->width;
    int full = box->taken >= box->window;
    for (int at = 0; at < box->width; at++) {
        float sum = sums[at] + in[at];
        sums[at] = full ? sum - oldest[at] : sum;
        oldest[at] = in[at];
    }
    box->taken++;
    box->dropped += full;
    if (box->taken <= box->window / 2) return 0;
    box_write(box, out);
    return 1;
}

/* After the last row: drop the oldest, and write what is left. */
static void box_drop(box_columns *box, float *restrict out) {
    const float *oldest = box->ring + (size_t)(box->dropped % box->window) * (size_t)box->width;
    for (int at = 0; at < box->width; at++) box->sums[at] -= oldest[at];
    box->dropped++;
    box_write(box, out);
}

typedef struct {
    const pdq_picture *picture;
    box_columns first, second;
    float *blurred, *between; /* a row each */
    float *small;
    int written, next; /* rows that left the second filter; rows of `small` that are there */
    int window;        /* along rows */
} passes;

static void keep_row(passes *pass, const float *row) {
    int height = pass->picture->height, width = pass->picture->width;
    for (; pass->next < SIDE && kept(pass->next, height) == pass->written; pass->next++)
        for (int column = 0; column < SIDE; column++)
            pass->small[pass->next * SIDE + column] = row[kept(column, width)];
    pass->written++;
}

/* A row that left the first filter, in `blurred`, goes through the second. */
static void second_pass(passes *pass) {
    box_row(pass->blurred, pass->between, pass->picture->width, pass->window);
    if (box_take(&pass->second, pass->between, pass->blurred)) keep_row(pass, pass->blurred);
}

static void all_passes(passes *pass) {
    const pdq_picture *picture = pass->picture;
    for (int row = 0; row < picture->height; row++) {
        luma_row(picture, row, pass->blurred);
        box_row(pass->blurred, pass->between, picture->width, pass->window);
        if (box_take(&pass->first, pass->between, pass->blurred)) second_pass(pass);
    }
    for (int rest = pass->first.window / 2; rest; rest--) {
        box_drop(&pass->first, pass->blurred);
        second_pass(pass);
    }
    for (int rest = pass->second.window / 2; rest; rest--) {
        box_drop(&pass->second, pass->blurred);
        keep_row(pass, pass->blurred);
    }
}

/* `whole`: blur also what is 64 x 64 already, as the reference does where it computes every orientation. */
int pdq_reduce_as_reference(const pdq_picture *picture, int whole, float small[SIDE * SIDE]) {
    if (picture->height == SIDE && picture->width == SIDE && !whole) {
        for (int row = 0; row < SIDE; row++) luma_row(picture, row, small + row * SIDE);
        return 0;
    }
    size_t width = (size_t)picture->width, window = (size_t)window_of(picture->height);
    float *scratch = calloc(2 * (window + 1) + 2, width * sizeof(float));
    if (!scratch) return -1;
    box_columns box = {.sums = scratch, .ring = scratch + width, .width = picture->width, .window = (int)window};
    passes pass = {.picture = picture, .first = box, .second = box, .small = small, .window = window_of(picture->width)};
    pass.second.sums = scratch + (window + 1) * width;
    pass.second.ring = pass.second.sums + width;
    pass.blurred = pass.second.ring + window * width;
    pass.between = pass.blurred + width;
    all_passes(&pass);
    free(scratch);
    return 0;
}

/* ---- coefficients, bits, quality -------------------------------------------------------------------------------- */

static float cosines[KEPT * SIDE], cosines_turned[SIDE * KEPT];

void pdq_prepare(void) {
    const float scale = (float)sqrt(2.0 / SIDE);
    for (int row = 0; row < KEPT; row++)
        for (int column = 0; column < SIDE; column++)
            cosines[row * SIDE + column] = cosines_turned[column * KEPT + row] =
                (float)(scale * cos((3.14159265358979323846 / 2.0 / SIDE) * (row + 1) * (2 * column + 1)));
}

void pdq_transform(const float small[SIDE * SIDE], float coefficients[KEPT * KEPT]) {
    float half[KEPT * SIDE];
    kernel()->pdq_multiply(cosines, small, half, KEPT, SIDE);
    kernel()->pdq_multiply(half, cosines_turned, coefficients, KEPT, KEPT);
}

static int by_size(const void *one, const void *other) {
    float a = *(const float *)one, b = *(const float *)other;
    return (a > b) - (a < b);
}

/* The value; returns the gap between the two coefficients at the median, the only one that rounding could bridge. */
static float to_bits(const float coefficients[KEPT * KEPT], uint8_t value[PDQ_BYTES]) {
    float sorted[KEPT * KEPT];
    memcpy(sorted, coefficients, sizeof sorted);
    qsort(sorted, KEPT * KEPT, sizeof *sorted, by_size);
    float median = sorted[KEPT * KEPT / 2 - 1];
    memset(value, 0, PDQ_BYTES);
    for (int bit = 0; bit < KEPT * KEPT; bit++)
        if (coefficients[bit] > median) value[PDQ_BYTES - 1 - bit / 8] |= (uint8_t)(1 << bit % 8);
    return sorted[KEPT * KEPT / 2] - median;
}

/* Orientations in the reference's order: as it is, turned by 90, 180, 270 degrees, mirrored top to bottom, left to right,
 * along one diagonal and the other. Turning a picture swaps its coefficients and changes the sign of every other one. */
static void oriented(const float from[KEPT * KEPT], int orientation, float to[KEPT * KEPT]) {
    static const struct { int swapped, by_row, by_column, sign; } how[PDQ_ORIENTATIONS] = {
        {0, 0, 0, 0}, {1, 0, 1, 1}, {0, 1, 1, 0}, {1, 1, 0, 1}, {0, 1, 0, 1}, {0, 0, 1, 1}, {1, 0, 0, 0}, {1, 1, 1, 0},
    };
    for (int row = 0; row < KEPT; row++)
        for (int column = 0; column < KEPT; column++) {
            int negative = (how[orientation].by_row * row + how[orientation].by_column * column + how[orientation].sign) & 1;
            float value = from[row * KEPT + column];
            to[how[orientation].swapped ? column * KEPT + row : row * KEPT + column] = negative ? -value : value;
        }
}

/* The sum of the steps between neighbours, each in whole hundredths of the range, over 90 and at most 100. `slack` moves
 * every step away from zero or towards it, for the highest and lowest quality that rounding allows. */
static int quality_of(const float small[SIDE * SIDE], float slack) {
    int sum = 0;
    for (int row = 0; row < SIDE; row++)
        for (int column = 0; column < SIDE; column++) {
            const float *at = small + row * SIDE + column;
            for (int axis = 0; axis < 2; axis++) {
                if (axis ? column == SIDE - 1 : row == SIDE - 1) continue;
                float step = fabsf(at[0] - at[axis ? 1 : SIDE]);
                if (slack != 0) step = fmaxf(step + slack, 0);
                sum += (int)((step * 100) / 255);
            }
        }
    return least(sum / 90, 100);
}

static float to_values(const float small[SIDE * SIDE], int every, pdq_result *result) {
    float coefficients[KEPT * KEPT], turned[KEPT * KEPT], narrowest = INFINITY;
    pdq_transform(small, coefficients);
    for (int orientation = 0; orientation < (every ? PDQ_ORIENTATIONS : 1); orientation++) {
        oriented(coefficients, orientation, turned);
        narrowest = fminf(narrowest, to_bits(turned, result->values[orientation]));
    }
    result->quality = quality_of(small, 0);
    return narrowest;
}

/* How far apart two coefficients must lie, and how far a step between neighbours from a whole hundredth, for rounding
 * not to decide: the largest differences that were seen, twice, and half as much again (docs/decisions/0015). */
static const float CLEAR_GAP = 0.02f, CLEAR_STEP = 0.003f;

int pdq_compute(const pdq_picture *picture, int every, pdq_result *result) {
    float small[SIDE * SIDE];
    memset(result, 0, sizeof *result);
    if (picture->full_height < PDQ_LEAST || picture->full_width < PDQ_LEAST) return 0;
    if (pdq_reduce(picture, small)) return -1;
    float gap = to_values(small, every, result);
    if (picture->scale != 1) return 0; /* fewer samples than pixels: there is nothing to be exact about */
    result->repeated = !(gap > CLEAR_GAP) || quality_of(small, CLEAR_STEP) != quality_of(small, -CLEAR_STEP);
    if (!result->repeated) return 0;
    if (pdq_reduce_as_reference(picture, every, small)) return -1;
    to_values(small, every, result);
    return 0;
}
