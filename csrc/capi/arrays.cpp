#include "capi/arrays.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace segpost::capi {
namespace {

constexpr int sizes[] = {4, 8, 2, 2, 1, 1, 2, 2, 4, 8, 4, 8};
constexpr const char *names[] = {"float32", "float64", "float16", "bfloat16", "int8",   "uint8",
                                 "int16",   "uint16",  "int32",   "int64",    "uint32", "uint64"};

std::string listed(Kinds kinds) {
    std::string text;
    for (int i = 0; i < 12; ++i)
        if (kinds & kind(i)) text += (text.empty() ? "" : ", ") + std::string(names[i]);
    return text;
}

} // namespace

std::string shape_text(const segpost_array &array) {
    std::string text = "(";
    for (int i = 0; i < array.ndim && i < 4; ++i)
        text += (i ? ", " : "") + std::to_string(array.shape[i]);
    return text + ")";
}

void check(const segpost_array *array, const char *name, int ndim, Kinds kinds) {
    const std::string title(name);
    require(array != nullptr, title + " is null");
    require(array->ndim == ndim, title + " must have " + std::to_string(ndim) +
                                     " dimensions, got " + std::to_string(array->ndim));
    const bool known = array->dtype >= 0 && array->dtype < 12;
    require(known && (kinds & kind(array->dtype)),
            title + " must be of dtype " + listed(kinds) + ", got " +
                (known ? names[array->dtype] : std::to_string(array->dtype)));
    std::int64_t elements = 1;
    bool aligned = reinterpret_cast<std::uintptr_t>(array->data) % sizes[array->dtype] == 0;
    for (int i = 0; i < ndim; ++i) {
        require(array->shape[i] >= 0 && array->shape[i] < (std::int64_t{1} << 31),
                title + " has a side outside 0..2^31 - 1: shape " + shape_text(*array));
        require(array->shape[i] == 0 || elements <= (std::int64_t{1} << 56) / array->shape[i],
                title + " is too large: shape " + shape_text(*array));
        elements *= array->shape[i];
        aligned &= array->strides[i] % sizes[array->dtype] == 0;
    }
    require(aligned, title + " is not aligned: its address and its strides must be multiples of " +
                         std::to_string(sizes[array->dtype]) + " bytes");
    require(elements == 0 || array->data != nullptr, title + " has no data");
}

void check_output(const segpost_array *array, const char *name, int ndim, Kinds kinds) {
    check(array, name, ndim, kinds);
    using Side = std::pair<std::int64_t, std::int64_t>; // stride and length
    std::array<Side, 4> sides{Side{0, 1}, Side{0, 1}, Side{0, 1}, Side{0, 1}};
    constexpr std::int64_t most = std::int64_t{1} << 56;
    for (int i = 0; i < ndim; ++i) {
        const std::int64_t step = array->strides[i], length = array->shape[i];
        if (length == 0) return;
        require(step > -most && step < most,
                std::string(name) + " has a stride of " + std::to_string(step) + " bytes");
        if (length > 1) sides[static_cast<std::size_t>(i)] = {step < 0 ? -step : step, length};
    }
    std::sort(sides.begin(), sides.end());
    std::int64_t extent = sizes[array->dtype];
    for (const auto &[step, length] : sides) {
        if (length == 1) continue;
        require(step >= extent, std::string(name) + " overlaps itself: a stride is " +
                                    std::to_string(step) + " bytes, elements of the other axes " +
                                    "lie in " + std::to_string(extent));
        require(step <= (most - extent) / (length - 1),
                std::string(name) + " is too large: shape " + shape_text(*array));
        extent += step * (length - 1);
    }
}

Logits logits_view(const segpost_array *array) {
    check(array, "logits", 4, scores);
    Logits view;
    view.data = static_cast<const char *>(array->data);
    view.dtype = static_cast<DType>(array->dtype);
    view.n = array->shape[0], view.c = array->shape[1];
    view.h = array->shape[2], view.w = array->shape[3];
    view.stride_n = array->strides[0], view.stride_c = array->strides[1];
    view.stride_h = array->strides[2], view.stride_w = array->strides[3];
    require(view.c > 0, "logits have no classes: shape " + shape_text(*array));
    return view;
}

LabelView map_view(const segpost_array *array, const char *name, Kinds kinds, bool written) {
    (written ? check_output : check)(array, name, 3, kinds);
    LabelView map;
    map.data = static_cast<char *>(array->data);
    map.dtype = static_cast<DType>(array->dtype);
    map.n = array->shape[0], map.h = array->shape[1], map.w = array->shape[2];
    map.stride_n = array->strides[0], map.stride_h = array->strides[1];
    map.stride_w = map.w < 2 ? sizes[array->dtype] : array->strides[2];
    require(!written || map.stride_w == sizes[array->dtype],
            std::string(name) + " must have adjacent pixels");
    return map;
}

Image image_view(const segpost_array *array, const char *name, bool written) {
    (written ? check_output : check)(array, name, 4, kind(SEGPOST_UINT8));
    require(array->shape[3] == 3,
            std::string(name) + " must be (N, H, W, 3), got " + shape_text(*array));
    Image image;
    image.data = static_cast<char *>(array->data);
    image.n = array->shape[0], image.h = array->shape[1], image.w = array->shape[2];
    image.stride_n = array->strides[0], image.stride_h = array->strides[1];
    image.stride_w = image.w < 2 ? 3 : array->strides[2], image.channel = array->strides[3];
    require(!written || image.packed(), std::string(name) + " must have adjacent pixels");
    return image;
}

} // namespace segpost::capi
