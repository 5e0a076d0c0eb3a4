// What depends on the system: CMake compiles one of the files in the folder system.
#pragma once

#include <cstddef>

namespace segpost {

// Calls a function in every child that the process forks. Does nothing where processes are not
// forked.
void call_in_forked_children(void (*function)());

// Asks for pages larger than the usual ones; only advice.
void advise_large_pages(void *memory, std::size_t bytes);

// Threads of the library are about to start, which outlive a caller that unloads it.
void stay_loaded();

} // namespace segpost
