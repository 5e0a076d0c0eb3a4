#include "argmax_op.hpp"

#include <segpost/capi.h>

#include <cstring>
#include <utility>

using namespace litert;

namespace {

constexpr Status failure = 1;

void require(bool holds, const std::string &otherwise) {
    if (!holds) throw std::invalid_argument(otherwise);
}

segpost_dtype dtype_of(ElementType element) {
    switch (element) {
    case float32: return SEGPOST_FLOAT32;
    case float16: return SEGPOST_FLOAT16;
    case bfloat16: return SEGPOST_BFLOAT16;
    case int8: return SEGPOST_INT8;
    case uint8: return SEGPOST_UINT8;
    case int16: return SEGPOST_INT16;
    case uint16: return SEGPOST_UINT16;
    case int32: return SEGPOST_INT32;
    }
    throw std::invalid_argument("logits have LiteRT's element type " + std::to_string(element) +
                                ", which segpost.argmax does not take");
}

TensorType type_of(Buffer buffer) {
    TensorType type;
    require(LiteRtGetTensorBufferTensorType(buffer, &type) == 0, "a tensor has no type");
    return type;
}

// The memory of a buffer, for as long as the object lives.
class Lock {
  public:
    Lock(Buffer locked, LockMode mode) : buffer(locked) {
        require(LiteRtLockTensorBuffer(buffer, &data, mode) == 0, "a tensor is not in memory");
    }
    ~Lock() { LiteRtUnlockTensorBuffer(buffer); }
    Lock(const Lock &) = delete;
    Lock &operator=(const Lock &) = delete;

    void *data = nullptr;

  private:
    Buffer buffer;
};

} // namespace

void ArgmaxOp::add_to(Options options) {
    const Status status =
        LiteRtAddCustomOpKernelOption(options, "segpost.argmax", 1, &kernel, this);
    require(status == 0, "the operator could not be registered");
}

void ArgmaxOp::check() {
    const std::string text = std::exchange(error, {});
    if (!text.empty()) throw std::runtime_error("segpost.argmax: " + text);
}

// LiteRT gives all nodes of a name one object, so they cannot have sizes of their own.
void ArgmaxOp::read_settings(const void *bytes, std::size_t count) {
    Settings read;
    require(count == sizeof read, "the options have " + std::to_string(count) + " bytes, not " +
                                      std::to_string(sizeof read) + ": height, width, grid");
    std::memcpy(&read, bytes, sizeof read);
    require(read.height > 0 && read.width > 0, "the size is not positive");
    require(!settings.height || !std::memcmp(&settings, &read, sizeof read),
            "two nodes of a graph have different options");
    settings = read;
}

Layout ArgmaxOp::layout_of_labels(const Layout &logits) const {
    require(settings.height, "there are no options");
    require(logits.rank == 4,
            "logits have " + std::to_string(logits.rank) + " axes, not 4: (N, h, w, C)");
    Layout labels{};
    labels.rank = 3;
    labels.dimensions[0] = logits.dimensions[0];
    labels.dimensions[1] = settings.height;
    labels.dimensions[2] = settings.width;
    return labels;
}

void ArgmaxOp::write_labels(Buffer logits, Buffer labels) const {
    const TensorType from = type_of(logits), to = type_of(labels);
    const Layout wanted = layout_of_labels(from.layout);
    require(to.layout.rank == 3 && !std::memcmp(to.layout.dimensions, wanted.dimensions,
                                                3 * sizeof wanted.dimensions[0]),
            "labels of the file have another shape than (N, height, width) of the options");
    require(to.element == uint8 || to.element == int32, "labels are neither uint8 nor int32");
    const Lock input(logits, for_reading), output(labels, for_writing);

    const auto *size = from.layout.dimensions;
    const std::int64_t adjacent[] = {size[0], size[1], size[2], size[3]};
    const segpost_array last =
        segpost_packed(input.data, dtype_of(from.element), 4, adjacent); // (N, h, w, C)
    segpost_array scores = last;
    const int order[] = {0, 3, 1, 2}; // (N, C, h, w) of the same memory
    for (int axis = 0; axis < 4; ++axis) {
        scores.shape[axis] = last.shape[order[axis]];
        scores.strides[axis] = last.strides[order[axis]];
    }
    const std::int64_t full[] = {size[0], settings.height, settings.width};
    const segpost_array ids =
        segpost_packed(output.data, to.element == uint8 ? SEGPOST_UINT8 : SEGPOST_INT32, 3, full);

    const segpost_api *api = segpost_get_api(SEGPOST_ABI);
    require(api, "libsegpost has another ABI than the header");
    segpost_argmax_options options = {};
    options.struct_size = sizeof options;
    options.grid = settings.grid;
    segpost_report report = {};
    const int status = api->argmax(&scores, &options, &ids, nullptr, nullptr, nullptr, &report);
    require(status == SEGPOST_OK, report.message);
}

// No exception may leave a function that LiteRT calls. The first error stays until check().
template <class Work> Status ArgmaxOp::attempt(void *self, Work work) {
    ArgmaxOp &op = *static_cast<ArgmaxOp *>(self);
    try {
        work(op);
        return 0;
    } catch (const std::exception &caught) {
        if (op.error.empty()) op.error = caught.what();
        return failure;
    }
}

const Kernel ArgmaxOp::kernel = {
    [](void *self, const void *bytes, std::size_t count) {
        return attempt(self, [&](ArgmaxOp &op) { op.read_settings(bytes, count); });
    },
    [](void *self, std::size_t inputs, const Layout *of_inputs, std::size_t outputs,
       Layout *of_outputs) {
        return attempt(self, [&](ArgmaxOp &op) {
            require(inputs == 1 && outputs == 1, "a node has one input and one output");
            of_outputs[0] = op.layout_of_labels(of_inputs[0]);
        });
    },
    [](void *self, std::size_t, const Buffer *input, std::size_t, Buffer *output) {
        return attempt(self, [&](ArgmaxOp &op) { op.write_labels(input[0], output[0]); });
    },
    [](void *) -> Status { return 0; },
};
