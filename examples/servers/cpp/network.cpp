#include "network.hpp"

#include <chrono>

Network::Network(const std::string &model, const std::string &operators, int threads) {
    ov::Core core;
    if (!operators.empty()) core.add_extension(operators);
    // Pictures are computed side by side, each by one thread.
    compiled_ = core.compile_model(model, "CPU", ov::num_streams(threads),
                                   ov::inference_num_threads(threads),
                                   ov::hint::inference_precision(ov::element::f32));
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
