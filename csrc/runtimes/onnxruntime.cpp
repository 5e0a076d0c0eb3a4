// The operators of segpost for ONNX Runtime: session_options.register_custom_ops_library(path).
#include <map>
#include <mutex>
#include <new>

#include "runtimes/onnxruntime_abi.hpp"
#include "runtimes/operators.hpp"

namespace segpost::runtimes {
namespace {

using namespace ort;

struct StatusError {
    Status *status;
};

void check(Status *status) {
    if (status) throw StatusError{status};
}

// Calls `work`; an exception becomes a status, because none may cross the border.
template <class Work> Status *catch_all(const Api &api, const Work &work) {
    try {
        work();
        return nullptr;
    } catch (const StatusError &error) {
        return error.status;
    } catch (const OperatorError &error) {
        return CreateStatus::call(api, invalid_argument, error.what());
    } catch (const std::bad_alloc &) {
        return CreateStatus::call(api, fail, "segpost: out of memory");
    } catch (const std::exception &error) {
        return CreateStatus::call(api, fail, error.what());
    } catch (...) {
        return CreateStatus::call(api, fail, "segpost: an unknown exception");
    }
}

class NodeAttributes : public Attributes {
  public:
    NodeAttributes(const Api &api, const KernelInfo *info) : api_(api), info_(info) {}

    std::optional<std::string> text(const char *name) const override {
        std::size_t size = 0;
        if (!succeeds(TextAttribute::call(api_, info_, name, nullptr, &size)))
            return absent(name, "a string");
        std::string value(size, '\0');
        check(TextAttribute::call(api_, info_, name, value.data(), &size));
        value.resize(size - 1);
        return value;
    }
    std::optional<std::int64_t> integer(const char *name) const override {
        std::int64_t value = 0;
        if (!succeeds(IntegerAttribute::call(api_, info_, name, &value)))
            return absent(name, "an integer");
        return value;
    }
    std::optional<double> number(const char *name) const override {
        float value = 0;
        if (!succeeds(FloatAttribute::call(api_, info_, name, &value)))
            return absent(name, "a float");
        return value;
    }
    std::optional<Integers> integers(const char *name) const override {
        std::size_t size = 0;
        if (!succeeds(IntegersAttribute::call(api_, info_, name, nullptr, &size)))
            return absent(name, "a list of integers");
        if (!size) absent(name, "a list of integers"); // an empty list, or one of floats
        Integers values(size);
        if (size) check(IntegersAttribute::call(api_, info_, name, values.data(), &size));
        return values;
    }
    std::optional<Numbers> numbers(const char *name) const override {
        std::size_t size = 0;
        if (!succeeds(FloatsAttribute::call(api_, info_, name, nullptr, &size)))
            return absent(name, "a list of floats");
        if (!size) absent(name, "a list of floats");
        std::vector<float> values(size);
        if (size) check(FloatsAttribute::call(api_, info_, name, values.data(), &size));
        return Numbers(values.begin(), values.end());
    }

  private:
    bool succeeds(Status *status) const {
        if (status) ReleaseStatus::call(api_, status);
        return !status;
    }

    // No value, unless the attribute is there with another type: the runtime says the same of both.
    std::nullopt_t absent(const char *name, const char *wanted) const {
        std::int64_t integer = 0;
        float number = 0;
        std::size_t size = 0;
        const auto is = [&](Status *status) { return succeeds(status); };
        size = 0;
        bool has_other = is(IntegerAttribute::call(api_, info_, name, &integer)) ||
                         is(FloatAttribute::call(api_, info_, name, &number)) ||
                         is(TextAttribute::call(api_, info_, name, nullptr, &size));
        if (!has_other) {
            size = 0;
            has_other = is(IntegersAttribute::call(api_, info_, name, nullptr, &size)) && size;
        }
        if (!has_other) {
            size = 0;
            has_other = is(FloatsAttribute::call(api_, info_, name, nullptr, &size)) && size;
        }
        if (has_other)
            throw std::invalid_argument("attribute " + std::string(name) + " must be " + wanted);
        return std::nullopt;
    }

    const Api &api_;
    const KernelInfo *info_;
};

int dtype_of(ElementType type) {
    switch (type) {
    case float32: return SEGPOST_FLOAT32;
    case float64: return SEGPOST_FLOAT64;
    case float16: return SEGPOST_FLOAT16;
    case bfloat16: return SEGPOST_BFLOAT16;
    case int8: return SEGPOST_INT8;
    case uint8: return SEGPOST_UINT8;
    case int16: return SEGPOST_INT16;
    case uint16: return SEGPOST_UINT16;
    case int32: return SEGPOST_INT32;
    case int64: return SEGPOST_INT64;
    case uint32: return SEGPOST_UINT32;
    case uint64: return SEGPOST_UINT64;
    default: return -1;
    }
}

// The tensors of one run of a node.
class Tensors {
  public:
    Tensors(const Api &api, KernelContext *context, const Operator &node)
        : api_(api), context_(context), node_(node) {
        check(InputCount::call(api_, context_, &inputs_));
        check(OutputCount::call(api_, context_, &outputs_));
    }

    // An input, or nothing where the node leaves it out.
    std::optional<segpost_array> input(std::size_t i, const char *title) const {
        const Value *value = nullptr;
        if (i < inputs_) check(GetInput::call(api_, context_, i, &value));
        if (!value) return std::nullopt;
        ShapeInfo *info = nullptr;
        check(TypeAndShape::call(api_, value, &info));
        ElementType type = undefined;
        std::size_t ndim = 0;
        std::int64_t shape[4] = {};
        Status *status = GetElementType::call(api_, info, &type);
        if (!status) status = DimensionsCount::call(api_, info, &ndim);
        if (!status && ndim <= 4) status = Dimensions::call(api_, info, shape, ndim);
        ReleaseShapeInfo::call(api_, info);
        check(status);
        const std::string name(title);
        if (ndim > 4)
            throw OperatorError(node_.name(), name + " must have at most 4 dimensions, got " +
                                                  std::to_string(ndim));
        const int dtype = dtype_of(type);
        if (dtype < 0)
            throw OperatorError(node_.name(), name + " has elements of ONNX type " +
                                                  std::to_string(type) +
                                                  ", which segpost does not read");
        return segpost_packed(data_of(const_cast<Value *>(value)), dtype, static_cast<int>(ndim),
                              shape);
    }

    segpost_array required_input(std::size_t i, const char *title) const {
        const auto array = input(i, title);
        if (!array) throw OperatorError(node_.name(), std::string(title) + " is missing");
        return *array;
    }

    // An output, or nothing where nobody reads it.
    template <std::size_t ndim> std::optional<segpost_array>
    output(std::size_t i, int dtype, const std::array<std::int64_t, ndim> &shape) const {
        Value *value = nullptr;
        if (i < outputs_) check(GetOutput::call(api_, context_, i, shape.data(), ndim, &value));
        if (!value) return std::nullopt;
        return segpost_packed(data_of(value), dtype, static_cast<int>(ndim), shape.data());
    }

  private:
    void *data_of(Value *value) const {
        void *data = nullptr;
        check(MutableData::call(api_, value, &data));
        return data;
    }

    const Api &api_;
    KernelContext *context_;
    const Operator &node_;
    std::size_t inputs_ = 0, outputs_ = 0;
};

void run(const Argmax &node, const Tensors &tensors) {
    const segpost_array logits = tensors.required_input(0, "logits");
    const auto size = tensors.input(1, "size");
    if (size && (size->ndim != 1 || size->shape[0] != 2))
        throw OperatorError(node.name(), "size must be (2,): height and width");
    const auto shape =
        node.shape(logits, size ? static_cast<const std::int64_t *>(size->data) : nullptr);
    const auto labels = tensors.output(0, node.label_dtype(), shape);
    const auto confidence = tensors.output(1, SEGPOST_FLOAT32, shape);
    if (!labels) throw OperatorError(node.name(), "labels have no name in the graph");
    node.run(logits, *labels, confidence ? &*confidence : nullptr);
}

void run(const Colorize &node, const Tensors &tensors) {
    const segpost_array labels = tensors.required_input(0, "labels");
    const segpost_array palette = tensors.required_input(1, "palette");
    if (const auto color = tensors.output(0, SEGPOST_UINT8, node.shape(labels)))
        node.run(labels, palette, *color);
}

void run(const Overlay &node, const Tensors &tensors) {
    const segpost_array image = tensors.required_input(0, "image");
    const segpost_array labels = tensors.required_input(1, "labels");
    const segpost_array palette = tensors.required_input(2, "palette");
    const auto alpha = tensors.input(3, "alpha");
    if (const auto blended = tensors.output(0, SEGPOST_UINT8, node.shape(image)))
        node.run(image, labels, palette, alpha ? node.weights_of(*alpha) : Numbers{}, *blended);
}

void run(const ConfusionMatrix &node, const Tensors &tensors) {
    const segpost_array preds = tensors.required_input(0, "preds");
    const segpost_array target = tensors.required_input(1, "target");
    if (const auto matrix = tensors.output(0, SEGPOST_INT64, node.shape()))
        node.run(preds, target, static_cast<std::int64_t *>(matrix->data));
}

void run(const DenseCrf &node, const Tensors &tensors) {
    const segpost_array probabilities = tensors.required_input(0, "probabilities");
    const segpost_array image = tensors.required_input(1, "image");
    if (const auto refined = tensors.output(0, SEGPOST_FLOAT32, node.shape(probabilities)))
        node.run(probabilities, image, *refined);
}

struct Place {
    ElementType type;
    Presence presence = required;
};

template <class Node> struct Kernel {
    const Api *api;
    Node node;
};

// One operator: its description is a constant, because the runtime keeps its address.
template <class Node, class Signature> struct Registration {
    static constexpr std::size_t inputs = sizeof Signature::inputs / sizeof(Place);
    static constexpr std::size_t outputs = sizeof Signature::outputs / sizeof(Place);

    static Status *create(const CustomOperator *, const Api *api, const KernelInfo *info,
                          void **kernel) {
        return catch_all(*api, [&] {
            *kernel = new Kernel<Node>{api, Signature::create(NodeAttributes(*api, info))};
        });
    }

    static Status *compute(void *memory, KernelContext *context) {
        const auto &kernel = *static_cast<const Kernel<Node> *>(memory);
        return catch_all(*kernel.api,
                         [&] { run(kernel.node, Tensors(*kernel.api, context, kernel.node)); });
    }

    static CustomOperator describe() {
        using Self = const CustomOperator *;
        CustomOperator table{};
        table.version = api_version;
        table.name = [](Self) { return Signature::name; };
        table.execution_provider = [](Self) -> const char * { return nullptr; };
        table.input_count = [](Self) { return inputs; };
        table.output_count = [](Self) { return outputs; };
        table.input_type = [](Self, std::size_t i) { return Signature::inputs[i].type; };
        table.output_type = [](Self, std::size_t i) { return Signature::outputs[i].type; };
        table.input_presence = [](Self, std::size_t i) { return Signature::inputs[i].presence; };
        table.output_presence = [](Self, std::size_t i) { return Signature::outputs[i].presence; };
        table.input_memory = [](Self, std::size_t) { return 0; };
        table.destroy = [](void *memory) { delete static_cast<Kernel<Node> *>(memory); };
        table.create_kernel_or_fail = create;
        table.compute_or_fail = compute;
        table.first_version = [](Self) { return 1; };
        table.last_version = [](Self) { return INT32_MAX; };
        for (auto *count : {&table.variadic_inputs_least, &table.variadic_inputs_same,
                            &table.variadic_outputs_least, &table.variadic_outputs_same})
            *count = [](Self) { return 1; };
        return table;
    }
};

struct ArgmaxSignature {
    static constexpr const char *name = "Argmax";
    static constexpr Place inputs[] = {{undefined}, {int64, optional}};
    static constexpr Place outputs[] = {{uint8}, {float32, optional}};
    static Argmax create(const Attributes &attributes) { return {name, attributes, false}; }
};

struct ArgmaxInt32Signature {
    static constexpr const char *name = "ArgmaxInt32";
    static constexpr Place inputs[] = {{undefined}, {int64, optional}};
    static constexpr Place outputs[] = {{int32}, {float32, optional}};
    static Argmax create(const Attributes &attributes) { return {name, attributes, true}; }
};

struct ColorizeSignature {
    static constexpr const char *name = "Colorize";
    static constexpr Place inputs[] = {{undefined}, {uint8}};
    static constexpr Place outputs[] = {{uint8}};
    static Colorize create(const Attributes &) { return Colorize(name); }
};

struct OverlaySignature {
    static constexpr const char *name = "Overlay";
    static constexpr Place inputs[] = {{uint8}, {undefined}, {uint8}, {float32, optional}};
    static constexpr Place outputs[] = {{uint8}};
    static Overlay create(const Attributes &attributes) { return {name, attributes}; }
};

struct ConfusionMatrixSignature {
    static constexpr const char *name = "ConfusionMatrix";
    static constexpr Place inputs[] = {{undefined}, {undefined}};
    static constexpr Place outputs[] = {{int64}};
    static ConfusionMatrix create(const Attributes &attributes) { return {name, attributes}; }
};

struct DenseCrfSignature {
    static constexpr const char *name = "DenseCRF";
    static constexpr Place inputs[] = {{float32}, {uint8}};
    static constexpr Place outputs[] = {{float32}};
    static DenseCrf create(const Attributes &attributes) { return {name, attributes}; }
};

// The domain of this runtime: one for all its sessions, and it is never released.
Domain *domain_of(const Api &api) {
    static const CustomOperator operators[] = {
        Registration<Argmax, ArgmaxSignature>::describe(),
        Registration<Argmax, ArgmaxInt32Signature>::describe(),
        Registration<Colorize, ColorizeSignature>::describe(),
        Registration<Overlay, OverlaySignature>::describe(),
        Registration<ConfusionMatrix, ConfusionMatrixSignature>::describe(),
        Registration<DenseCrf, DenseCrfSignature>::describe(),
    };
    static std::mutex mutex;
    static auto *domains = new std::map<const Api *, Domain *>;
    const std::lock_guard<std::mutex> lock(mutex);
    Domain *&domain = (*domains)[&api];
    if (!domain) {
        Domain *made = nullptr;
        check(CreateDomain::call(api, "segpost", &made));
        for (const CustomOperator &description : operators)
            check(AddToDomain::call(api, made, &description));
        domain = made;
    }
    return domain;
}

} // namespace
} // namespace segpost::runtimes

// What ONNX Runtime looks for in a library of operators.
extern "C" SEGPOST_EXPORT void *RegisterCustomOps(void *options, const void *base) {
    using namespace segpost::runtimes;
    const ort::Api *api = static_cast<const ort::ApiBase *>(base)->get_api(ort::api_version);
    if (!api) {
        static const auto *oldest = static_cast<const ort::ApiBase *>(base)->get_api(1);
        return ort::CreateStatus::call(*oldest, ort::fail,
                                       "segpost needs ONNX Runtime 1.17 or newer");
    }
    return catch_all(*api, [&] {
        check(ort::AddDomain::call(*api, static_cast<ort::SessionOptions *>(options),
                                   domain_of(*api)));
    });
}
