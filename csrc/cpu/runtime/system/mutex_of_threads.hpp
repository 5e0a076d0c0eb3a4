// A system with threads.
#pragma once

#include <mutex>

namespace segpost {

using Mutex = std::mutex;

} // namespace segpost
