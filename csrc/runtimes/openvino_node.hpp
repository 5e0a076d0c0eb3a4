// Tensors, attributes and errors of OpenVINO in the terms of operators. Only included by
// openvino.cpp.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <openvino/op/op.hpp>

#include "runtimes/operator.hpp"

namespace segpost::runtimes {
namespace {

int dtype_of(const ov::element::Type &type, const std::string &name, const char *title) {
    static const std::map<ov::element::Type_t, int> dtypes{
        {ov::element::f32, SEGPOST_FLOAT32}, {ov::element::f64, SEGPOST_FLOAT64},
        {ov::element::f16, SEGPOST_FLOAT16}, {ov::element::bf16, SEGPOST_BFLOAT16},
        {ov::element::i8, SEGPOST_INT8},     {ov::element::u8, SEGPOST_UINT8},
        {ov::element::i16, SEGPOST_INT16},   {ov::element::u16, SEGPOST_UINT16},
        {ov::element::i32, SEGPOST_INT32},   {ov::element::i64, SEGPOST_INT64},
        {ov::element::u32, SEGPOST_UINT32},  {ov::element::u64, SEGPOST_UINT64}};
    const auto place = dtypes.find(type);
    if (place == dtypes.end())
        throw OperatorError(name, std::string(title) + " has elements of type " + type.to_string() +
                                      ", which segpost does not read");
    return place->second;
}

segpost_array array_of(const ov::Tensor &tensor, const std::string &name, const char *title) {
    const ov::Shape shape = tensor.get_shape();
    if (shape.size() > 4)
        throw OperatorError(name, std::string(title) + " must have at most 4 dimensions, got " +
                                      std::to_string(shape.size()));
    const std::vector<std::int64_t> sides(shape.begin(), shape.end());
    return segpost_packed(const_cast<void *>(tensor.data()),
                          dtype_of(tensor.get_element_type(), name, title),
                          static_cast<int>(sides.size()), sides.data());
}

template <std::size_t ndim> segpost_array
allocate(ov::Tensor &tensor, const std::array<std::int64_t, ndim> &shape, const std::string &name) {
    tensor.set_shape(ov::Shape(shape.begin(), shape.end()));
    return array_of(tensor, name, "output");
}

// The values of a node, which a saved graph has all: a default is an attribute that is absent.
struct Stored : Attributes {
    std::map<std::string, std::string> texts;
    std::map<std::string, std::int64_t> whole;
    std::map<std::string, double> real;
    std::map<std::string, Integers> whole_lists;
    std::map<std::string, Numbers> real_lists;

    template <class Map> static auto get(const Map &map, const char *name) {
        const auto place = map.find(name);
        return place == map.end() ? std::nullopt
                                  : std::optional<typename Map::mapped_type>(place->second);
    }
    std::optional<std::string> text(const char *name) const override { return get(texts, name); }
    std::optional<std::int64_t> integer(const char *name) const override {
        return get(whole, name);
    }
    std::optional<double> number(const char *name) const override { return get(real, name); }
    std::optional<Integers> integers(const char *name) const override {
        return get(whole_lists, name);
    }
    std::optional<Numbers> numbers(const char *name) const override {
        return get(real_lists, name);
    }
};

// Numbers of a list that a graph saves as a text, "[1, 2]".
Numbers parse_list(const std::string &text, const std::string &name) {
    Numbers values;
    const char *at = text.c_str();
    while (*at) {
        char *end = nullptr;
        const double value = std::strtod(at, &end);
        if (end != at) {
            values.push_back(value), at = end;
        } else if (std::string("[], ").find(*at) == std::string::npos) {
            throw OperatorError(name, "a list of numbers is '" + text + "'");
        } else {
            ++at;
        }
    }
    return values;
}

class Node : public ov::op::Op {
  public:
    using ov::op::Op::Op;
    bool has_evaluate() const override { return true; }

  protected:
    // Calls `work`; its error is the runtime's.
    template <class Work> bool call(const Work &work) const {
        try {
            work();
        } catch (const std::exception &error) {
            OPENVINO_THROW(error.what());
        }
        return true;
    }

    void require_rank(std::size_t i, const char *title, std::int64_t rank) const {
        const auto &shape = get_input_partial_shape(i);
        if (shape.rank().is_static() && shape.rank().get_length() != rank)
            OPENVINO_THROW("segpost.", get_type_name(), ": ", title, " must have ", rank,
                           " dimensions, got ", shape);
    }
};

} // namespace
} // namespace segpost::runtimes
