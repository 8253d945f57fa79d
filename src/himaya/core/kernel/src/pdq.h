/* PDQ: 256 bits of what a picture looks like (Meta, 2019). Plain C, no Python: pdq.c says how it is computed. */
#ifndef HIMAYA_PDQ_H
#define HIMAYA_PDQ_H

#include <stddef.h>
#include <stdint.h>

enum { PDQ_SIDE = 64, PDQ_KEPT = 16, PDQ_BYTES = 32, PDQ_ORIENTATIONS = 8, PDQ_LEAST = 5, PDQ_LANES = 16 };
enum { PDQ_LONGEST = 1 << 27 }; /* of a side, in pixels: eight times that is still a number */

/* 8-bit samples. One channel: grey, or luminance; three: RGB; four: RGB and a byte that is passed over. */
typedef struct {
    const uint8_t *samples;
    ptrdiff_t stride; /* bytes from one row to the next */
    int height, width, channels;
    int scale; /* each sample stands for scale x scale pixels of the picture, 1: for itself */
    int full_height, full_width; /* of the picture itself: at most scale times height and width */
} pdq_picture;

typedef struct {
    uint8_t values[PDQ_ORIENTATIONS][PDQ_BYTES]; /* the most significant bit first; only the first unless `every` */
    int quality;                                 /* 0 to 100 */
    int repeated;                                /* whether rounding decided, and the reference's own steps were taken */
} pdq_result;

/* 0; -1 where memory does not suffice. Scratch memory: 4 bytes for about 2 x (height + width) + channels x width. */
int pdq_compute(const pdq_picture *picture, int every, pdq_result *result);

/* Once, before anything else here. */
void pdq_prepare(void);

/* The steps: 64 x 64 pixels, and of these the 16 x 16 coefficients. `whole`: blur also what is 64 x 64 already. */
int pdq_reduce(const pdq_picture *picture, float small[PDQ_SIDE * PDQ_SIDE]);
int pdq_reduce_as_reference(const pdq_picture *picture, int whole, float small[PDQ_SIDE * PDQ_SIDE]);
void pdq_transform(const float small[PDQ_SIDE * PDQ_SIDE], float coefficients[PDQ_KEPT * PDQ_KEPT]);

#endif
