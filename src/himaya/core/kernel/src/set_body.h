/* The table of one instruction set; SET is its name. Compiled three times, see kernel.h. */
#include "kernel.h"
#include "pdq_body.h"
#include "search_body.h"

#define JOINED(a, b) a##b
#define NAMED(a, b) JOINED(a, b)
#define QUOTED(a) #a
#define TEXT(a) QUOTED(a)

const Kernel NAMED(kernel_, SET) = {
    .name = TEXT(SET),
    .probe = probe,
    .scan = scan,
    .pdq_add_rows = pdq_add_rows,
    .pdq_weighted = pdq_weighted,
    .pdq_multiply = pdq_multiply,
};
