#include "network.hpp"

#include <chrono>
#include <sstream>
#include <stdexcept>

namespace {

// Kernels that OpenVINO keeps for the shapes that it has seen. Pictures come in any size, and each
// size would stay in memory.
constexpr const char *KERNELS = "16";

template <class Ports> std::string text_of(const Ports &ports) {
    std::ostringstream text;
    for (const auto &port : ports)
        text << (text.tellp() > 0 ? ", " : "") << port.get_element_type() << " "
             << port.get_partial_shape();
    return text.str();
}

// Refuse a model of other inputs or outputs, before a picture comes.
void check_ends(const std::string &path, const ov::CompiledModel &model) {
    const auto is = [](const auto &ports, std::int64_t rank) {
        return ports.size() == 1 && ports[0].get_element_type() == ov::element::u8 &&
               ports[0].get_partial_shape().rank() == ov::Dimension(rank);
    };
    if (!is(model.outputs(), 3))
        throw std::invalid_argument(path + " has not one output of uint8 and 3 axes, labels, but " +
                                    text_of(model.outputs()) +
                                    "; segpost append gives it that end");
    if (!is(model.inputs(), 4))
        throw std::invalid_argument(path +
                                    " has not one input of uint8 and 4 axes (1, H, W, 3), but " +
                                    text_of(model.inputs()));
}

} // namespace

Network::Network(const std::string &model, const std::string &operators, int threads) {
    ov::Core core;
    if (!operators.empty()) core.add_extension(operators);
    // Pictures are computed side by side, each by one thread.
    compiled_ = core.compile_model(model, "CPU", ov::num_streams(threads),
                                   ov::inference_num_threads(threads),
                                   ov::hint::inference_precision(ov::element::f32),
                                   ov::AnyMap::value_type("CPU_RUNTIME_CACHE_CAPACITY", KERNELS));
    check_ends(model, compiled_);
    for (int i = 0; i < threads; ++i) idle_.push_back(compiled_.create_infer_request());
}

Labels Network::find_labels(Picture &picture, const std::atomic<bool> &is_late) {
    ov::InferRequest request;
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        request = idle_.back();
        idle_.pop_back();
    }
    struct Return {
        Network &network;
        ov::InferRequest &request;
        ~Return() {
            const std::lock_guard<std::mutex> lock(network.mutex_);
            network.idle_.push_back(request);
        }
    } back{*this, request};
    request.set_input_tensor(
        ov::Tensor(ov::element::u8, {1, picture.height, picture.width, 3}, picture.pixels.data()));
    request.start_async();
    while (!request.wait_for(std::chrono::milliseconds(20)))
        if (is_late) request.cancel(); // then the wait ends with an exception
    const ov::Tensor labels = request.get_output_tensor();
    const auto *first = labels.data<std::uint8_t>();
    return {picture.height, picture.width, {first, first + labels.get_size()}};
}
