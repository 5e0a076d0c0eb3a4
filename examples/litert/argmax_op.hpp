// The custom operator "segpost.argmax": logits (N, h, w, C) to labels (N, H, W), enlarged.
#pragma once

#include "litert_c.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>

// Of one graph: it outlives the compiled model. LiteRT reads no status of an operator, so the
// program asks check() after the graph was compiled and after every run.
class ArgmaxOp {
  public:
    void add_to(litert::Options options);

    // Throws what went wrong since the last call.
    void check();

  private:
    struct Settings { // the bytes that the file has for the node
        std::int32_t height, width, grid;
    };
    Settings settings{};
    std::string error;

    void read_settings(const void *bytes, std::size_t count);
    litert::Layout layout_of_labels(const litert::Layout &logits) const;
    void write_labels(litert::Buffer logits, litert::Buffer labels) const;

    template <class Work> static litert::Status attempt(void *self, Work work);
    static const litert::Kernel kernel;
};
