// What host and device code have in common.
#pragma once

#include "include/segpost/export.h"

#if defined(__CUDACC__)
#define SEGPOST_HOST_DEVICE __host__ __device__
#else
#define SEGPOST_HOST_DEVICE
#endif
