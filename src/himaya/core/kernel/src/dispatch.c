/* Which instruction sets this processor has, and which of them is in use. */
#include <string.h>

#include "kernel.h"

#ifdef HIMAYA_X86

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t r[4]) {
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(subleaf));
}

/* Which registers the operating system saves when it switches threads (XCR0): without its help a set is useless. */
static uint64_t saved_registers(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

#define HAS(word, bit) ((word) >> (bit) & 1)

/* 0 plain, 1 AVX2 (x86-64-v3), 2 AVX-512 with popcounts. Bits: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E. */
static int level(void) {
    uint32_t one[4], seven[4], extended[4], top[4];
    cpuid(0, 0, top);
    if (top[0] < 7) return 0;
    cpuid(1, 0, one);
    cpuid(7, 0, seven);
    cpuid(0x80000001u, 0, extended);
    if (!HAS(one[2], 27)) return 0; /* OSXSAVE: xgetbv may be asked */
    uint64_t saved = saved_registers();
    int v3 = (saved & 6) == 6 && HAS(one[2], 28) && HAS(one[2], 12) && HAS(one[2], 23) && HAS(one[2], 29) /* AVX FMA POPCNT F16C */
             && HAS(seven[1], 5) && HAS(seven[1], 3) && HAS(seven[1], 8) && HAS(extended[2], 5); /* AVX2 BMI BMI2 LZCNT */
    if (!v3) return 0;
    int wide = (saved & 0xe6) == 0xe6 && HAS(seven[1], 16) && HAS(seven[1], 17) && HAS(seven[1], 28) && HAS(seven[1], 30)
               && HAS(seven[1], 31) /* F DQ CD BW VL */
               && HAS(seven[2], 1) && HAS(seven[2], 12) && HAS(seven[2], 14); /* VBMI BITALG VPOPCNTDQ */
    return wide ? 2 : 1;
}

int kernels_here(const Kernel *found[3]) {
    int best = level();
    found[0] = &kernel_plain;
    found[1] = &kernel_avx2;
    found[2] = &kernel_avx512;
    return best + 1;
}

#else

int kernels_here(const Kernel *found[3]) {
    found[0] = &kernel_plain;
    return 1;
}

#endif

static const Kernel *in_use;

const Kernel *kernel(void) {
    return in_use;
}

int kernel_use(const char *name) {
    const Kernel *found[3];
    int number = kernels_here(found);
    for (int i = 0; i < number; i++)
        if (!name || !strcmp(found[i]->name, name)) {
            in_use = name ? found[i] : found[number - 1];
            return 1;
        }
    return 0;
}
