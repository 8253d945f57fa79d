#if defined(__x86_64__)
#define SET avx512
#include "set_body.h"
#else
typedef int nothing_for_this_processor;
#endif
