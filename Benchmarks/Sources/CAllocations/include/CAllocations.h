#pragma once

#include <stdint.h>

/// Blocks of heap memory taken by this process since it started; -1 where that is not counted.
int64_t allocation_count(void);
