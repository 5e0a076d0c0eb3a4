#include "cpu/runtime/system.hpp"

namespace segpost {

void call_in_forked_children(void (*)()) {} // there is no fork

void advise_large_pages(void *, std::size_t) {} // there is one size

void stay_loaded() {} // there are no threads

} // namespace segpost
