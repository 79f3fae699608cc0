/* analyzer.h - what clang-tidy cannot see from one file: who reports a failure never returns 0. */
#include "base/err.h"

#define fail(...) (fail(__VA_ARGS__), -EIO)
#define refuse(...) (refuse(__VA_ARGS__), -EIO)
#define within(...) (within(__VA_ARGS__), -EIO)
