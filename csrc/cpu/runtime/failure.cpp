#include "cpu/runtime/failure.hpp"

#include <new>

namespace segpost {

Failure describe_failure(const std::exception_ptr &error, std::string &text) {
    try {
        std::rethrow_exception(error);
    } catch (const std::bad_alloc &) {
        return Failure::no_memory;
    } catch (const std::exception &known) {
        text = known.what();
        return Failure::other;
    } catch (...) {
        return Failure::unknown;
    }
}

} // namespace segpost
