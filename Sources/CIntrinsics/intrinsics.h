// What the processor and the C library can be told and Swift has no word for.

#ifndef CAIRN_INTRINSICS_H
#define CAIRN_INTRINSICS_H

#include <stdbool.h>
#include <stdint.h>
#ifdef __linux__
#include <malloc.h>
#endif

/// Asks for the cache line of an address, which will be needed soon. Any address may be given; nothing waits for it.
static inline void cairn_prefetch(const void *_Nullable address) {
    __builtin_prefetch(address);
}

/// Lets threads share their memory pools if there are more than this, where the C library has pools.
static inline void cairn_limit_memory_pools(int count) {
#ifdef M_ARENA_MAX
    mallopt(M_ARENA_MAX, count);
#else
    (void)count;
#endif
}

/// Sixteen bytes that are looked at together.
typedef unsigned char cairn_bytes __attribute__((ext_vector_type(16)));

static inline cairn_bytes cairn_load(const void *_Nonnull address) {
    cairn_bytes bytes;
    __builtin_memcpy(&bytes, address, sizeof bytes);
    return bytes;
}

/// How many of sixteen bytes come before the first whose flag is set; 16 if none is.
static inline int cairn_count_before(cairn_bytes flags) {
    typedef bool bits __attribute__((ext_vector_type(16)));
    bits set = __builtin_convertvector(flags, bits);
    uint16_t word;
    __builtin_memcpy(&word, &set, sizeof word);
    return __builtin_ctz(word | 0x10000u);
}

/// How many of the sixteen bytes at an address come before the first that is no plain part of a JSON string: a quote, a
/// backslash, a control character, a byte beyond ASCII.
static inline int cairn_count_plain(const void *_Nonnull address) {
    cairn_bytes bytes = cairn_load(address);
    return cairn_count_before(
        (cairn_bytes)(bytes == '"') | (cairn_bytes)(bytes == '\\')
        | (cairn_bytes)((bytes - 0x20) >= 0x60));
}

/// How many of the sixteen bytes at an address come before the first that is no decimal digit.
static inline int cairn_count_digits(const void *_Nonnull address) {
    return cairn_count_before((cairn_bytes)((cairn_load(address) - '0') > 9));
}

/// How many of the sixteen bytes at an address come before the first white space other than a space.
static inline int cairn_count_before_odd_space(const void *_Nonnull address) {
    return cairn_count_before((cairn_bytes)((cairn_load(address) - '\t') < 5));
}

/// How many of sixteen places come before the first where two bytes are found, one at `first` and one at `second`, each with
/// the bits of its fold set.
static inline int cairn_count_before_two(
    const void *_Nonnull first, uint8_t first_byte, uint8_t first_fold,
    const void *_Nonnull second, uint8_t second_byte, uint8_t second_fold) {
    return cairn_count_before(
        (cairn_bytes)((cairn_load(first) | first_fold) == first_byte)
        & (cairn_bytes)((cairn_load(second) | second_fold) == second_byte));
}

#endif
