// What host and device code have in common.
#pragma once

#if defined(__CUDACC__)
#define SEGPOST_BOTH __host__ __device__
#else
#define SEGPOST_BOTH
#endif

// What libsegpost has for the Python module.
#define SEGPOST_SHARED __attribute__((visibility("default")))
