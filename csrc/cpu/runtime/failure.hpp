// What an exception of this library is, for a module that has a C++ runtime of its own: such a
// module catches the exception, and does not know its type.
#pragma once

#include <exception>
#include <string>

#include "ops/portable.hpp"

namespace segpost {

enum class Failure { no_memory, other, unknown };

// `text` is what the exception says.
SEGPOST_EXPORT Failure describe_failure(const std::exception_ptr &error, std::string &text);

} // namespace segpost
