// The operators of segpost.torch without Python: the same names and schemas, for tensors on the
// CPU, through the part of libtorch whose binary interface is stable (2.10 and newer).
#include <cstdlib>
#include <string>
#include <variant>

#include <unistd.h>

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include "runtimes/json.hpp"
#include "runtimes/operators.hpp"

namespace segpost::runtimes {
namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using Shape = std::vector<std::int64_t>;

int dtype_of(const Tensor &tensor, const std::string &name, const char *title) {
    switch (tensor.scalar_type()) {
    case ScalarType::Float: return SEGPOST_FLOAT32;
    case ScalarType::Double: return SEGPOST_FLOAT64;
    case ScalarType::Half: return SEGPOST_FLOAT16;
    case ScalarType::BFloat16: return SEGPOST_BFLOAT16;
    case ScalarType::Char: return SEGPOST_INT8;
    case ScalarType::Byte: return SEGPOST_UINT8;
    case ScalarType::Short: return SEGPOST_INT16;
    case ScalarType::UInt16: return SEGPOST_UINT16;
    case ScalarType::Int: return SEGPOST_INT32;
    case ScalarType::Long: return SEGPOST_INT64;
    case ScalarType::UInt32: return SEGPOST_UINT32;
    case ScalarType::UInt64: return SEGPOST_UINT64;
    default:
        throw OperatorError(name, std::string(title) + " has elements of a type that segpost "
                                                       "does not read");
    }
}

// A tensor as a batch of `ndim` dimensions: one without a batch axis gets one of length 1.
segpost_array batch_of(const Tensor &tensor, int ndim, const std::string &name, const char *title) {
    if (!tensor.is_cpu())
        throw OperatorError(name, std::string(title) + " must be on the CPU: without Python there "
                                                       "are operators for the CPU alone");
    const int rank = static_cast<int>(tensor.dim());
    if (rank != ndim && rank != ndim - 1)
        throw OperatorError(name, std::string(title) + " must have " + std::to_string(ndim - 1) +
                                      " or " + std::to_string(ndim) + " dimensions, got " +
                                      std::to_string(rank));
    segpost_array array{};
    array.data = const_cast<void *>(tensor.const_data_ptr());
    array.dtype = dtype_of(tensor, name, title);
    array.ndim = ndim;
    const int added = ndim - rank;
    array.shape[0] = 1;
    for (int i = 0; i < rank; ++i) {
        array.shape[i + added] = tensor.size(i);
        array.strides[i + added] =
            tensor.stride(i) * static_cast<std::int64_t>(tensor.element_size());
    }
    if (added) array.strides[0] = array.shape[1] * array.strides[1];
    return array;
}

// A new tensor, and the same as a batch. A result has a batch axis where the input has one.
Tensor make(const Tensor &like, Shape shape, ScalarType type, bool is_batch) {
    if (!is_batch) shape.erase(shape.begin());
    return torch::stable::new_empty(like, {shape.data(), shape.size()}, type);
}

class Values : public Attributes {
  public:
    using Value = std::variant<std::string, std::int64_t, double, Integers, Numbers>;
    Values(std::initializer_list<std::pair<const std::string, Value>> values) : values_(values) {}
    void set(const std::string &name, Value value) { values_[name] = std::move(value); }

    std::optional<std::string> text(const char *name) const override {
        return get<std::string>(name);
    }
    std::optional<std::int64_t> integer(const char *name) const override {
        return get<std::int64_t>(name);
    }
    std::optional<double> number(const char *name) const override { return get<double>(name); }
    std::optional<Integers> integers(const char *name) const override {
        return get<Integers>(name);
    }
    std::optional<Numbers> numbers(const char *name) const override { return get<Numbers>(name); }

  private:
    template <class T> std::optional<T> get(const char *name) const {
        const auto place = values_.find(name);
        if (place == values_.end()) return std::nullopt;
        if (const T *value = std::get_if<T>(&place->second)) return *value;
        throw std::invalid_argument(std::string(name) + " has another type");
    }
    std::map<std::string, Value> values_;
};

// The class axis counted from the end: -3, or -1.
std::int64_t class_axis(std::int64_t axis, const Tensor &logits, const std::string &name) {
    if (axis >= 0) axis -= logits.dim();
    if (axis != -3 && axis != -1)
        throw OperatorError(name, "axis must be -3 or -1 of images; volumes need Python");
    return axis;
}

// The last argument of an operator is its `check`, which is for devices.
Tensor argmax(Tensor logits, std::optional<std::int64_t> axis, std::optional<Integers> size,
              std::string grid, std::string nan, std::string) {
    const std::string name = "argmax";
    const std::int64_t classes_at = class_axis(axis.value_or(-3), logits, name);
    if (size && size->size() != 2)
        throw OperatorError(name, "size must be (H, W); volumes need Python");
    const segpost_array array = batch_of(logits, 4, name, "logits");
    const bool wide = array.shape[classes_at == -1 ? 3 : 1] > 256;
    const Argmax node(name, Values{{"grid", grid}, {"nan", nan}, {"axis", classes_at}}, wide);
    const auto shape = node.shape(array, size ? size->data() : nullptr);
    Tensor labels = make(logits, {shape.begin(), shape.end()},
                         wide ? ScalarType::Int : ScalarType::Byte, logits.dim() == 4);
    node.run(array, batch_of(labels, 3, name, "labels"), nullptr);
    return labels;
}

Tensor softmax(Tensor logits, std::int64_t axis, std::string nan, std::string) {
    const std::string name = "softmax";
    const Softmax node(name, Values{{"nan", nan}, {"axis", class_axis(axis, logits, name)}});
    const segpost_array array = batch_of(logits, 4, name, "logits");
    Tensor out = make(logits, {array.shape, array.shape + 4}, ScalarType::Float, logits.dim() == 4);
    node.run(array, batch_of(out, 4, name, "probabilities"));
    return out;
}

// The colors of a palette's text, (K, 3).
std::vector<std::uint8_t> colors_of(const std::string &text, const std::string &name) {
    if (text.empty() || text[0] != '{')
        throw OperatorError(name, "palette '" + text +
                                      "' is a name, which Python alone knows: export the graph "
                                      "with segpost.torch.as_text(segpost.Palette.named('" +
                                      text + "'))");
    std::vector<std::uint8_t> colors;
    try {
        const Json fields = Json::parse(text);
        for (const Json &color : fields["colors"].items)
            for (const Json &channel : color.items)
                colors.push_back(static_cast<std::uint8_t>(channel.number));
        if (colors.empty() || colors.size() != 3 * fields["colors"].items.size())
            throw std::invalid_argument("its colors are not (K, 3)");
    } catch (const std::invalid_argument &error) {
        throw OperatorError(name, std::string("palette cannot be read: ") + error.what());
    }
    return colors;
}

segpost_array palette_array(std::vector<std::uint8_t> &colors) {
    const std::int64_t shape[] = {static_cast<std::int64_t>(colors.size() / 3), 3};
    return segpost_packed(colors.data(), SEGPOST_UINT8, 2, shape);
}

Tensor colorize(Tensor labels, std::string palette, std::string) {
    const Colorize node("colorize");
    std::vector<std::uint8_t> colors = colors_of(palette, node.name());
    const segpost_array array = batch_of(labels, 3, node.name(), "labels");
    const auto shape = node.shape(array);
    Tensor color = make(labels, {shape.begin(), shape.end()}, ScalarType::Byte, labels.dim() == 3);
    node.run(array, palette_array(colors), batch_of(color, 4, node.name(), "color"));
    return color;
}

// An image, (N, H, W, 3) also where its channels are first.
segpost_array image_of(const Tensor &image, const std::string &name) {
    segpost_array array = batch_of(image, 4, name, "image");
    if (array.shape[3] != 3 && array.shape[1] == 3)
        for (std::int64_t *sides : {array.shape, array.strides})
            std::rotate(sides + 1, sides + 2, sides + 4);
    return array;
}

Tensor overlay(Tensor image, Tensor labels, std::string palette, Numbers alpha,
               std::int64_t contour, std::string) {
    const Overlay node("overlay", Values{{"contour", contour}});
    std::vector<std::uint8_t> colors = colors_of(palette, node.name());
    const segpost_array array = image_of(image, node.name());
    const auto shape = node.shape(array);
    Tensor blended = make(image, {shape.begin(), shape.end()}, ScalarType::Byte, image.dim() == 4);
    node.run(array, batch_of(labels, 3, node.name(), "labels"), palette_array(colors), alpha,
             batch_of(blended, 4, node.name(), "blended"));
    return blended;
}

Tensor confusion_matrix(Tensor preds, Tensor target, std::int64_t num_classes,
                        Integers ignore_index, std::int64_t axis, std::string grid, std::string) {
    const ConfusionMatrix node(
        "confusion_matrix", Values{{"num_classes", num_classes}, {"ignore_index", ignore_index}});
    const bool are_logits = preds.dim() == target.dim() + 1;
    Tensor matrix = make(target, {1, num_classes, num_classes}, ScalarType::Long, false);
    auto *counts = static_cast<std::int64_t *>(matrix.mutable_data_ptr());
    const segpost_array labels = batch_of(target, 3, node.name(), "target");
    if (!are_logits) {
        node.run(batch_of(preds, 3, node.name(), "preds"), labels, counts);
        return matrix;
    }
    const Argmax sampling(
        node.name(), Values{{"grid", grid}, {"axis", class_axis(axis, preds, node.name())}}, true);
    node.run_logits(sampling, batch_of(preds, 4, node.name(), "preds"), labels, counts);
    return matrix;
}

// The attributes of a CRF's text, or of the name of a preset.
Values crf_attributes(const std::string &text) {
    if (text.empty() || text[0] != '{') return {{"preset", text}};
    const Json fields = Json::parse(text);
    const auto refuse = [](const std::string &what) {
        throw std::invalid_argument(what + " needs Python");
    };
    Values values{{"iterations", static_cast<std::int64_t>(fields["iterations"].number)}};
    if (!fields["compatibility"].is("potts")) refuse("a compatibility that is not 'potts'");
    if (!fields["normalization"].is("symmetric")) refuse("a normalization that is not 'symmetric'");
    if (fields["own_term"].number != 1) refuse("own_term=False");
    if (!fields["unary"].is("probabilities")) refuse("a unary that is not 'probabilities'");
    if (fields["volume"].number != 0) refuse("a volume");
    if (fields["clamp"].number != 1e-5) refuse("a clamp that is not 1e-5");
    if (fields["tolerance"].kind != Json::Kind::null) refuse("a tolerance");
    if (fields["axis"].kind == Json::Kind::number && fields["axis"].number != -3)
        refuse("an axis that is not -3");
    if (fields["method"].is("exact"))
        values.set("quality", std::string("exact"));
    else if (fields["method"].is("lattice"))
        values.set("quality", fields["quality"].text);
    else
        refuse("a method that is neither 'lattice' nor 'exact'");
    const auto &gaussian = fields["gaussian"].items, &bilateral = fields["bilateral"].items;
    if (gaussian.size() > 1 || bilateral.size() > 1) refuse("more than one term of a kind");
    values.set("gaussian_weight", 0.0), values.set("bilateral_weight", 0.0);
    const auto copy = [&](const Json &term, const char *field, const char *attribute) {
        if (term[field].kind != Json::Kind::number) refuse("a term with a list of numbers");
        values.set(attribute, term[field].number);
    };
    for (const Json &term : gaussian)
        copy(term, "sigma", "gaussian_sigma"), copy(term, "weight", "gaussian_weight");
    for (const Json &term : bilateral)
        copy(term, "sigma_xy", "bilateral_sigma"), copy(term, "sigma_rgb", "bilateral_rgb"),
            copy(term, "weight", "bilateral_weight");
    return values;
}

DenseCrf crf_of(const std::string &text) {
    try {
        return DenseCrf("dense_crf", crf_attributes(text));
    } catch (const std::invalid_argument &error) {
        throw OperatorError("dense_crf", std::string("crf: ") + error.what());
    }
}

Tensor dense_crf(Tensor probabilities, std::optional<Tensor> image, std::string crf) {
    const DenseCrf node = crf_of(crf);
    const segpost_array array = batch_of(probabilities, 4, node.name(), "probabilities");
    if (!image) throw OperatorError(node.name(), "image is missing");
    const auto shape = node.shape(array);
    Tensor refined = make(probabilities, {shape.begin(), shape.end()}, ScalarType::Float,
                          probabilities.dim() == 4);
    node.run(array, image_of(*image, node.name()), batch_of(refined, 4, node.name(), "refined"));
    return refined;
}

// Whether segpost.torch has defined the same operators in this process: they are used then.
bool are_defined_by_python() {
    const char *process = std::getenv("SEGPOST_TORCH_PROCESS");
    return process && std::to_string(getpid()) == process;
}

} // namespace
} // namespace segpost::runtimes

STABLE_TORCH_LIBRARY_FRAGMENT(segpost, library) {
    using namespace segpost::runtimes;
    if (are_defined_by_python()) return;
    library.def("argmax(Tensor logits, *, int? axis=None, SymInt[]? size=None, "
                "str grid='half_pixel', str nan='raise', str check='sync') -> Tensor");
    library.def("softmax(Tensor logits, *, int axis=-3, str nan='raise', str check='sync') "
                "-> Tensor");
    library.def("colorize(Tensor labels, str palette, *, str check='sync') -> Tensor");
    library.def("overlay(Tensor image, Tensor labels, str palette, *, float[] alpha, "
                "int contour=0, str check='sync') -> Tensor");
    library.def("confusion_matrix(Tensor preds, Tensor target, *, int num_classes, "
                "int[] ignore_index=[], int axis=-3, str grid='half_pixel', str check='sync') "
                "-> Tensor");
    library.def("dense_crf(Tensor probabilities, Tensor? image=None, *, str crf) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(segpost, CompositeExplicitAutograd, library) {
    using namespace segpost::runtimes;
    if (are_defined_by_python()) return;
    library.impl("argmax", TORCH_BOX(&argmax));
    library.impl("softmax", TORCH_BOX(&softmax));
    library.impl("colorize", TORCH_BOX(&colorize));
    library.impl("overlay", TORCH_BOX(&overlay));
    library.impl("confusion_matrix", TORCH_BOX(&confusion_matrix));
    library.impl("dense_crf", TORCH_BOX(&dense_crf));
}
