#include "cpu/runtime/system.hpp"

#include <windows.h>

namespace segpost {

void call_in_forked_children(void (*)()) {} // there is no fork

void advise_large_pages(void *, std::size_t) {} // they need a privilege of the user

void stay_loaded() {
    HMODULE module;
    GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                       reinterpret_cast<LPCWSTR>(&stay_loaded), &module);
}

} // namespace segpost
