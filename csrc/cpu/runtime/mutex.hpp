// The lock of tables that tasks share: `Mutex`.
#pragma once

#if defined(__wasi__)
#include "cpu/runtime/system/mutex_alone.hpp"
#else
#include "cpu/runtime/system/mutex_of_threads.hpp"
#endif
