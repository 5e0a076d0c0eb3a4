// What a request may cost: the numbers of fastapi_server.py, from the same environment.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>

inline double number_of(const char *name, double usual) {
    const char *text = std::getenv(name);
    if (!text) return usual;
    std::size_t end = 0;
    const double number = std::stod(text, &end);
    if (text[end] || !(number > 0)) throw std::invalid_argument(std::string(name) + "=" + text);
    return number;
}

struct Limits {
    std::uint64_t max_bytes = std::uint64_t(number_of("SEGPOST_MAX_BYTES", 8e6));
    std::uint64_t max_pixels = std::uint64_t(number_of("SEGPOST_MAX_PIXELS", 4e6));
    int max_requests = int(number_of("SEGPOST_MAX_REQUESTS", 16));
    int threads = int(number_of("SEGPOST_THREADS", 2));
    double seconds = number_of("SEGPOST_SECONDS", 10);
};
