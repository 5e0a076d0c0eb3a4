// What a program needs of LiteRT's C interface, as it is in libLiteRt.so of the package
// ai-edge-litert 2.3.0, which has no headers. In older versions some of these functions have other
// arguments under the same names: neither compiler nor linker sees that.
#pragma once

#include <cstddef>
#include <cstdint>

namespace litert {

using Status = int; // 0 is success

using Environment = struct EnvironmentHandle *;
using Model = struct ModelHandle *;
using Signature = struct SignatureHandle *;
using Tensor = struct TensorHandle *;
using Options = struct OptionsHandle *;
using CompiledModel = struct CompiledModelHandle *;
using Requirements = struct RequirementsHandle *;
using Buffer = struct BufferHandle *;

enum ElementType : int {
    float32 = 1,
    int32 = 2,
    uint8 = 3,
    int16 = 7,
    int8 = 9,
    float16 = 10,
    uint16 = 17,
    bfloat16 = 19
};
enum LockMode : int { for_reading = 0, for_writing = 1 };
constexpr int on_cpu = 1; // of the set of accelerators

struct Layout {
    unsigned rank : 7;
    bool has_strides : 1;
    std::int32_t dimensions[8];
    std::uint32_t strides[8]; // without has_strides they mean nothing
};

struct TensorType {
    ElementType element;
    Layout layout;
};
static_assert(sizeof(TensorType) == 72, "the library reads and writes 72 bytes");

// The functions of an operator. The library calls them with the pointer that was registered, for
// every node of that name, and reads none of the statuses that they return.
struct Kernel {
    Status (*init)(void *self, const void *options, std::size_t bytes);
    Status (*output_layouts)(void *self, std::size_t inputs, const Layout *of_inputs,
                             std::size_t outputs, Layout *of_outputs);
    Status (*run)(void *self, std::size_t inputs, const Buffer *input, std::size_t outputs,
                  Buffer *output);
    Status (*destroy)(void *self);
};

extern "C" {
Status LiteRtCreateEnvironment(int count, const void *options, Environment *result);
void LiteRtDestroyEnvironment(Environment environment);

Status LiteRtCreateModelFromFile(Environment environment, const char *path, Model *result);
void LiteRtDestroyModel(Model model);
Status LiteRtGetModelSignature(Model model, std::size_t index, Signature *result);
Status LiteRtGetSignatureInputTensorByIndex(Signature signature, std::size_t index, Tensor *result);
Status LiteRtGetSignatureOutputTensorByIndex(Signature signature, std::size_t index,
                                             Tensor *result);
Status LiteRtGetRankedTensorType(Tensor tensor, TensorType *result);

Status LiteRtCreateOptions(Options *result);
void LiteRtDestroyOptions(Options options);
Status LiteRtSetOptionsHardwareAccelerators(Options options, int set);
Status LiteRtAddCustomOpKernelOption(Options options, const char *name, int version,
                                     const Kernel *kernel, void *self);

Status LiteRtCreateCompiledModel(Environment environment, Model model, Options options,
                                 CompiledModel *result);
void LiteRtDestroyCompiledModel(CompiledModel model);
Status LiteRtGetCompiledModelInputBufferRequirements(CompiledModel model, std::size_t signature,
                                                     std::size_t index, Requirements *result);
Status LiteRtGetCompiledModelOutputBufferRequirements(CompiledModel model, std::size_t signature,
                                                      std::size_t index, Requirements *result);
Status LiteRtRunCompiledModel(CompiledModel model, std::size_t signature, std::size_t inputs,
                              Buffer *input, std::size_t outputs, Buffer *output);

Status LiteRtCreateManagedTensorBufferFromRequirements(Environment environment,
                                                       const TensorType *type,
                                                       Requirements requirements, Buffer *result);
void LiteRtDestroyTensorBuffer(Buffer buffer);
Status LiteRtGetTensorBufferTensorType(Buffer buffer, TensorType *result);
Status LiteRtLockTensorBuffer(Buffer buffer, void **address, LockMode mode);
Status LiteRtUnlockTensorBuffer(Buffer buffer);
}

} // namespace litert
