// Exceptions of libsegpost in a module that has a C++ runtime of its own, as wheels do.
#pragma once

#include "bindings/convert.hpp"

#include "cpu/runtime/failure.hpp"

namespace segpost::bindings {

// Throws the exception again, as a type that this module knows.
inline void rethrow_known(std::exception_ptr error) {
    if (!error) return;
    try {
        std::rethrow_exception(error);
    } catch (const std::exception &) {
        throw;
    } catch (...) {
        std::string text;
        switch (describe_failure(error, text)) {
        case Failure::no_memory: throw std::bad_alloc();
        case Failure::other: throw std::runtime_error(text);
        case Failure::unknown: throw;
        }
    }
}

} // namespace segpost::bindings
