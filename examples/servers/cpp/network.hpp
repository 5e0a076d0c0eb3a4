// A model of OpenVINO that takes pixels and ends in labels.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include <openvino/openvino.hpp>

#include "pictures.hpp"

class Network {
  public:
    // `operators` is the library of segpost's operators for OpenVINO, or empty.
    Network(const std::string &model, const std::string &operators, int threads);

    // Labels of a picture, in the caller's thread. Where `is_late` becomes true, the model stops.
    Labels find_labels(Picture &picture, const std::atomic<bool> &is_late);

  private:
    ov::CompiledModel compiled_;
    std::mutex mutex_;
    std::vector<ov::InferRequest> idle_; // one a thread
};
