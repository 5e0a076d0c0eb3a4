// The output of a graph of LiteRT that ends in segpost's labels, without Python.
//
//     labels MODEL [RUNS] < logits > labels
//
// MODEL is of make_model.py. Input and output are the bytes of the tensors. With RUNS the graph is
// run so many times, and the CPU time of one is said.
#include "argmax_op.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

using namespace litert;

namespace {

void done(Status status, const char *what) {
    if (status) throw std::runtime_error(what + (": LiteRT's status " + std::to_string(status)));
}

// A handle of LiteRT that its function destroys.
template <class Handle> using Owned =
    std::unique_ptr<std::remove_pointer_t<Handle>, void (*)(Handle)>;

std::size_t bytes_of(const TensorType &type) {
    std::size_t count = 1;
    for (unsigned axis = 0; axis < type.layout.rank; ++axis)
        count *= static_cast<std::size_t>(type.layout.dimensions[axis]);
    switch (type.element) {
    case int8:
    case uint8: return count;
    case float16:
    case bfloat16:
    case int16:
    case uint16: return 2 * count;
    case float32:
    case int32: return 4 * count;
    }
    throw std::runtime_error("a tensor of this type is not handled here");
}

// The bytes of a tensor and what holds them.
struct Memory {
    Owned<Buffer> buffer{nullptr, LiteRtDestroyTensorBuffer};
    std::size_t bytes = 0;

    Memory(Environment environment, Tensor tensor, Requirements requirements) {
        TensorType type;
        done(LiteRtGetRankedTensorType(tensor, &type), "the type of a tensor");
        Buffer made = nullptr;
        done(LiteRtCreateManagedTensorBufferFromRequirements(environment, &type, requirements,
                                                             &made),
             "the memory of a tensor");
        buffer.reset(made);
        bytes = bytes_of(type);
    }

    template <class Work> void with_data(LockMode mode, Work work) {
        void *data = nullptr;
        done(LiteRtLockTensorBuffer(buffer.get(), &data, mode), "the memory of a tensor");
        const std::size_t count = work(data);
        LiteRtUnlockTensorBuffer(buffer.get());
        if (count != bytes)
            throw std::runtime_error(std::to_string(count) + " bytes came through, not " +
                                     std::to_string(bytes));
    }
};

void run(const char *path, int runs) {
    ArgmaxOp op; // outlives what uses it

    Environment environment_handle = nullptr;
    done(LiteRtCreateEnvironment(0, nullptr, &environment_handle), "the environment");
    const Owned<Environment> environment(environment_handle, LiteRtDestroyEnvironment);

    Model model_handle = nullptr;
    done(LiteRtCreateModelFromFile(environment.get(), path, &model_handle), path);
    const Owned<Model> model(model_handle, LiteRtDestroyModel);

    Options options_handle = nullptr;
    done(LiteRtCreateOptions(&options_handle), "the options");
    const Owned<Options> options(options_handle, LiteRtDestroyOptions);
    done(LiteRtSetOptionsHardwareAccelerators(options.get(), on_cpu), "the options");
    op.add_to(options.get());

    CompiledModel compiled_handle = nullptr;
    const Status status =
        LiteRtCreateCompiledModel(environment.get(), model.get(), options.get(), &compiled_handle);
    const Owned<CompiledModel> compiled(compiled_handle, LiteRtDestroyCompiledModel);
    op.check(); // says more than the status
    done(status, "compiling the graph");

    Signature signature = nullptr;
    Tensor tensor = nullptr;
    Requirements requirements = nullptr;
    done(LiteRtGetModelSignature(model.get(), 0, &signature), "the signature");
    done(LiteRtGetSignatureInputTensorByIndex(signature, 0, &tensor), "the input");
    done(LiteRtGetCompiledModelInputBufferRequirements(compiled.get(), 0, 0, &requirements),
         "the input");
    Memory input(environment.get(), tensor, requirements);
    done(LiteRtGetSignatureOutputTensorByIndex(signature, 0, &tensor), "the output");
    done(LiteRtGetCompiledModelOutputBufferRequirements(compiled.get(), 0, 0, &requirements),
         "the output");
    Memory output(environment.get(), tensor, requirements);

    input.with_data(for_writing, [&](void *data) {
        const std::size_t count = std::fread(data, 1, input.bytes, stdin);
        return count + (std::getchar() != EOF); // a byte too many counts
    });
    Buffer inputs[] = {input.buffer.get()}, outputs[] = {output.buffer.get()};
    std::vector<double> times;
    do {
        const std::clock_t start = std::clock(); // of all threads
        const Status of_run = LiteRtRunCompiledModel(compiled.get(), 0, 1, inputs, 1, outputs);
        times.push_back(1000.0 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
        op.check();
        done(of_run, "running the graph");
    } while (static_cast<int>(times.size()) < runs);
    if (runs) {
        std::sort(times.begin(), times.end());
        std::fprintf(stderr, "labels: %.3f ms of CPU time\n", times[times.size() / 2]);
    }
    output.with_data(for_reading,
                     [&](void *data) { return std::fwrite(data, 1, output.bytes, stdout); });
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 2 && argc != 3) {
        std::fprintf(stderr, "usage: labels MODEL [RUNS] < logits > labels\n");
        return 2;
    }
    try {
        run(argv[1], argc == 3 ? std::atoi(argv[2]) : 0);
    } catch (const std::exception &error) {
        std::fprintf(stderr, "labels: %s\n", error.what());
        return 1;
    }
    return 0;
}
