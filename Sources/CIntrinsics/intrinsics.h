// What the processor can be told and Swift has no word for.

#ifndef CAIRN_INTRINSICS_H
#define CAIRN_INTRINSICS_H

/// Asks for the cache line of an address, which will be needed soon. Any address may be given; nothing waits for it.
static inline void cairn_prefetch(const void *_Nullable address) {
    __builtin_prefetch(address);
}

#endif
