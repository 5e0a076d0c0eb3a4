// A request that is not answered with labels: the status of HTTP, and a sentence.
#pragma once

#include <stdexcept>
#include <string>

struct Refused : std::runtime_error {
    Refused(int status, const std::string &text) : std::runtime_error(text), status(status) {}
    int status;
};
