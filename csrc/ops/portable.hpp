// What host and device code have in common.
#pragma once

#if defined(__CUDACC__)
#define SEGPOST_HOST_DEVICE __host__ __device__
#else
#define SEGPOST_HOST_DEVICE
#endif

// What libsegpost has for the Python module.
#define SEGPOST_EXPORT __attribute__((visibility("default")))
