// The operators of segpost for OpenVINO in C++: core.add_extension(path). Built against the
// OpenVINO that is installed, because its C++ interface changes with every release.
#include <memory>

#include <openvino/core/extension.hpp>
#include <openvino/core/op_extension.hpp>
#include <openvino/op/constant.hpp>
#include <openvino/op/op.hpp>

#include "runtimes/openvino_node.hpp"
#include "runtimes/operators.hpp"

namespace segpost::runtimes {
namespace {

class ArgmaxNode : public Node {
  public:
    using Node::Node;

    void validate_and_infer_types() override {
        require_rank(0, "logits", 4);
        call([&] { Argmax(get_type_name(), stored(), is_wide()); });
        auto logits = get_input_partial_shape(0);
        if (logits.rank().is_dynamic()) logits = ov::PartialShape::dynamic(4);
        const int first = axis_ == -1 ? 1 : 2;
        ov::PartialShape shape{logits[0], logits[first], logits[first + 1]};
        if (const Integers box = whole(letterbox_); box.size() == 8) {
            shape[1] = box[0], shape[2] = box[1];
        } else if (get_input_size() > 1) {
            const auto size =
                ov::as_type_ptr<ov::op::v0::Constant>(input_value(1).get_node_shared_ptr());
            const auto sides = size ? size->cast_vector<std::int64_t>() : Integers{-1, -1};
            if (sides.size() == 2) shape[1] = sides[0], shape[2] = sides[1];
        }
        set_output_type(0, is_wide() ? ov::element::i32 : ov::element::u8, shape);
        if (confidence_) set_output_type(1, ov::element::f32, shape);
    }

    bool visit_attributes(ov::AttributeVisitor &visitor) override {
        visitor.on_attribute("grid", grid_);
        visitor.on_attribute("axis", axis_);
        visitor.on_attribute("threshold", threshold_);
        visitor.on_attribute("nan", nan_);
        visitor.on_attribute("quantization", quantization_);
        visitor.on_attribute("letterbox", letterbox_);
        visitor.on_attribute("confidence_mode", confidence_mode_);
        visitor.on_attribute("confidence", confidence_);
        return true;
    }

    bool evaluate(ov::TensorVector &outputs, const ov::TensorVector &inputs) const override {
        return call([&] {
            const Argmax node(get_type_name(), stored(), is_wide());
            const segpost_array logits = array_of(inputs[0], node.name(), "logits");
            std::optional<std::array<std::int64_t, 2>> size;
            if (inputs.size() > 1) size = size_of(inputs[1]);
            const auto shape = node.shape(logits, size ? size->data() : nullptr);
            const segpost_array labels = allocate(outputs[0], shape, node.name());
            std::optional<segpost_array> confidence;
            if (confidence_) confidence = allocate(outputs[1], shape, node.name());
            node.run(logits, labels, confidence ? &*confidence : nullptr);
        });
    }

  protected:
    virtual bool is_wide() const = 0;

    template <class Self> std::shared_ptr<ov::Node> copy(const ov::OutputVector &inputs) const {
        auto node = std::make_shared<Self>(static_cast<const Self &>(*this), inputs);
        return node;
    }

    ArgmaxNode(const ArgmaxNode &other, const ov::OutputVector &inputs)
        : Node(inputs), grid_(other.grid_), nan_(other.nan_),
          confidence_mode_(other.confidence_mode_), quantization_(other.quantization_),
          letterbox_(other.letterbox_), axis_(other.axis_), threshold_(other.threshold_),
          confidence_(other.confidence_) {}

  private:
    Integers whole(const std::string &text) const {
        const Numbers numbers = parse_list(text, get_type_name());
        return Integers(numbers.begin(), numbers.end());
    }

    // Plugins give integers as int32, whatever the graph says.
    std::array<std::int64_t, 2> size_of(const ov::Tensor &size) const {
        const auto type = size.get_element_type();
        if (size.get_size() == 2 && type == ov::element::i64) {
            const auto *sides = size.data<const std::int64_t>();
            return {sides[0], sides[1]};
        }
        if (size.get_size() == 2 && type == ov::element::i32) {
            const auto *sides = size.data<const std::int32_t>();
            return {sides[0], sides[1]};
        }
        throw OperatorError(get_type_name(), "size must be (2,) of integers: height and width");
    }

    Stored stored() const {
        Stored values;
        values.texts = {{"grid", grid_}, {"nan", nan_}, {"confidence_mode", confidence_mode_}};
        values.whole = {{"axis", axis_}};
        if (threshold_ != 0) values.real["threshold"] = threshold_;
        if (const Numbers pair = parse_list(quantization_, get_type_name()); !pair.empty())
            values.real_lists["quantization"] = pair;
        if (const Integers box = whole(letterbox_); !box.empty())
            values.whole_lists["letterbox"] = box;
        return values;
    }

    std::string grid_ = "half_pixel", nan_ = "raise", confidence_mode_ = "exact";
    std::string quantization_ = "[]", letterbox_ = "[]";
    std::int64_t axis_ = -3;
    double threshold_ = 0;
    bool confidence_ = false;
};

#define SEGPOST_ARGMAX_NODE(Self, type, wide)                                                      \
    class Self : public ArgmaxNode {                                                               \
      public:                                                                                      \
        OPENVINO_OP(type, "extension");                                                            \
        Self() = default;                                                                          \
        Self(const Self &other, const ov::OutputVector &inputs) : ArgmaxNode(other, inputs) {      \
            constructor_validate_and_infer_types();                                                \
        }                                                                                          \
        bool is_wide() const override { return wide; }                                             \
        std::shared_ptr<ov::Node>                                                                  \
        clone_with_new_inputs(const ov::OutputVector &inputs) const override {                     \
            return copy<Self>(inputs);                                                             \
        }                                                                                          \
    }

SEGPOST_ARGMAX_NODE(NarrowArgmaxNode, "Argmax", false);
SEGPOST_ARGMAX_NODE(WideArgmaxNode, "ArgmaxInt32", true);

class ColorizeNode : public Node {
  public:
    OPENVINO_OP("Colorize", "extension");
    ColorizeNode() = default;
    explicit ColorizeNode(const ov::OutputVector &inputs) : Node(inputs) {
        constructor_validate_and_infer_types();
    }
    void validate_and_infer_types() override {
        require_rank(0, "labels", 3);
        auto shape = get_input_partial_shape(0);
        if (shape.rank().is_dynamic()) shape = ov::PartialShape::dynamic(3);
        shape.push_back(3);
        set_output_type(0, ov::element::u8, shape);
    }
    std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector &inputs) const override {
        return std::make_shared<ColorizeNode>(inputs);
    }
    bool evaluate(ov::TensorVector &outputs, const ov::TensorVector &inputs) const override {
        return call([&] {
            const Colorize node("Colorize");
            const segpost_array labels = array_of(inputs[0], node.name(), "labels");
            const segpost_array color = allocate(outputs[0], node.shape(labels), node.name());
            node.run(labels, array_of(inputs[1], node.name(), "palette"), color);
        });
    }
};

class OverlayNode : public Node {
  public:
    OPENVINO_OP("Overlay", "extension");
    OverlayNode() = default;
    OverlayNode(const ov::OutputVector &inputs, std::int64_t contour)
        : Node(inputs), contour_(contour) {
        constructor_validate_and_infer_types();
    }
    void validate_and_infer_types() override {
        require_rank(0, "image", 4);
        set_output_type(0, ov::element::u8, get_input_partial_shape(0));
    }
    bool visit_attributes(ov::AttributeVisitor &visitor) override {
        visitor.on_attribute("contour", contour_);
        return true;
    }
    std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector &inputs) const override {
        return std::make_shared<OverlayNode>(inputs, contour_);
    }
    bool evaluate(ov::TensorVector &outputs, const ov::TensorVector &inputs) const override {
        return call([&] {
            Stored values;
            values.whole["contour"] = contour_;
            const Overlay node("Overlay", values);
            const segpost_array image = array_of(inputs[0], node.name(), "image");
            const segpost_array labels = array_of(inputs[1], node.name(), "labels");
            const segpost_array palette = array_of(inputs[2], node.name(), "palette");
            Numbers alpha;
            if (inputs.size() > 3)
                alpha = node.weights_of(array_of(inputs[3], node.name(), "alpha"));
            const segpost_array blended = allocate(outputs[0], node.shape(image), node.name());
            node.run(image, labels, palette, alpha, blended);
        });
    }

  private:
    std::int64_t contour_ = 0;
};

class ConfusionMatrixNode : public Node {
  public:
    OPENVINO_OP("ConfusionMatrix", "extension");
    ConfusionMatrixNode() = default;
    ConfusionMatrixNode(const ConfusionMatrixNode &other, const ov::OutputVector &inputs)
        : Node(inputs), ignore_index_(other.ignore_index_), num_classes_(other.num_classes_) {
        constructor_validate_and_infer_types();
    }
    void validate_and_infer_types() override {
        call([&] { node(); });
        set_output_type(0, ov::element::i64, ov::PartialShape{num_classes_, num_classes_});
    }
    bool visit_attributes(ov::AttributeVisitor &visitor) override {
        visitor.on_attribute("num_classes", num_classes_);
        visitor.on_attribute("ignore_index", ignore_index_);
        return true;
    }
    std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector &inputs) const override {
        return std::make_shared<ConfusionMatrixNode>(*this, inputs);
    }
    bool evaluate(ov::TensorVector &outputs, const ov::TensorVector &inputs) const override {
        return call([&] {
            const ConfusionMatrix counting = node();
            Integers matrix(static_cast<std::size_t>(num_classes_ * num_classes_));
            counting.run(array_of(inputs[0], counting.name(), "preds"),
                         array_of(inputs[1], counting.name(), "target"), matrix.data());
            const segpost_array out = allocate(outputs[0], counting.shape(), counting.name());
            if (out.dtype == SEGPOST_INT64)
                std::copy(matrix.begin(), matrix.end(), static_cast<std::int64_t *>(out.data));
            else // plugins give integers as int32, whatever the graph says
                std::transform(matrix.begin(), matrix.end(), static_cast<std::int32_t *>(out.data),
                               [](std::int64_t count) { return static_cast<std::int32_t>(count); });
        });
    }

  private:
    ConfusionMatrix node() const {
        Stored values;
        const Numbers ignored = parse_list(ignore_index_, "ConfusionMatrix");
        values.whole["num_classes"] = num_classes_;
        values.whole_lists["ignore_index"] = Integers(ignored.begin(), ignored.end());
        return {"ConfusionMatrix", values};
    }

    std::string ignore_index_ = "[]";
    std::int64_t num_classes_ = 0;
};

class DenseCrfNode : public Node {
  public:
    OPENVINO_OP("DenseCRF", "extension");
    DenseCrfNode() = default;
    DenseCrfNode(const DenseCrfNode &other, const ov::OutputVector &inputs)
        : Node(inputs), preset_(other.preset_), quality_(other.quality_),
          iterations_(other.iterations_), numbers_(other.numbers_) {
        constructor_validate_and_infer_types();
    }
    void validate_and_infer_types() override {
        require_rank(0, "probabilities", 4);
        call([&] { node(); });
        set_output_type(0, ov::element::f32, get_input_partial_shape(0));
    }
    bool visit_attributes(ov::AttributeVisitor &visitor) override {
        visitor.on_attribute("preset", preset_);
        visitor.on_attribute("iterations", iterations_);
        visitor.on_attribute("quality", quality_);
        for (std::size_t i = 0; i < numbers_.size(); ++i)
            visitor.on_attribute(names[i], numbers_[i]);
        return true;
    }
    std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector &inputs) const override {
        return std::make_shared<DenseCrfNode>(*this, inputs);
    }
    bool evaluate(ov::TensorVector &outputs, const ov::TensorVector &inputs) const override {
        return call([&] {
            const DenseCrf crf = node();
            const segpost_array probabilities = array_of(inputs[0], crf.name(), "probabilities");
            const segpost_array image = array_of(inputs[1], crf.name(), "image");
            crf.run(probabilities, image,
                    allocate(outputs[0], crf.shape(probabilities), crf.name()));
        });
    }

  private:
    static constexpr const char *names[] = {"gaussian_sigma", "gaussian_weight", "bilateral_sigma",
                                            "bilateral_rgb", "bilateral_weight"};
    static constexpr double of_preset = -1;

    DenseCrf node() const {
        Stored values;
        values.texts = {{"preset", preset_}, {"quality", quality_}};
        values.whole["iterations"] = iterations_;
        for (std::size_t i = 0; i < numbers_.size(); ++i)
            if (numbers_[i] != of_preset) values.real[names[i]] = numbers_[i];
        return {"DenseCRF", values};
    }

    std::string preset_ = "pydensecrf", quality_ = "default";
    std::int64_t iterations_ = 10;
    std::array<double, 5> numbers_{of_preset, of_preset, of_preset, of_preset, of_preset};
};

} // namespace
} // namespace segpost::runtimes

OPENVINO_CREATE_EXTENSIONS(std::vector<ov::Extension::Ptr>({
    std::make_shared<ov::OpExtension<segpost::runtimes::NarrowArgmaxNode>>(),
    std::make_shared<ov::OpExtension<segpost::runtimes::WideArgmaxNode>>(),
    std::make_shared<ov::OpExtension<segpost::runtimes::ColorizeNode>>(),
    std::make_shared<ov::OpExtension<segpost::runtimes::OverlayNode>>(),
    std::make_shared<ov::OpExtension<segpost::runtimes::ConfusionMatrixNode>>(),
    std::make_shared<ov::OpExtension<segpost::runtimes::DenseCrfNode>>(),
}));
