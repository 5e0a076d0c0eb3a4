// Devices and their memory, by the CUDA runtime. Nothing here runs before it is called, and a
// machine without a driver is an answer, not an error.
#include "run.hpp"

#include "gpu.hpp"

#include <stdexcept>
#include <string>

namespace segpost::gpu {
namespace {

// The runtime remembers errors for whoever asks next, which is not to find ours.
cudaError_t forget(cudaError_t error) {
    if (error != cudaSuccess) cudaGetLastError();
    return error;
}

// What the runtime says is meant for programmers; these are the usual states of a machine.
const char *in_words(cudaError_t error) {
    int driver = 0;
    switch (error) {
    case cudaErrorInsufficientDriver:
        if (forget(cudaDriverGetVersion(&driver)) != cudaSuccess || driver == 0)
            return "no NVIDIA driver is installed";
        return "the NVIDIA driver is too old for the CUDA version that segpost was built with";
    case cudaErrorNoDevice: return "no CUDA device is visible";
    case cudaErrorInitializationError:
        return "CUDA does not start; in a process forked from one that used CUDA it cannot (use "
               "the start method \"spawn\")";
    case cudaErrorSystemDriverMismatch:
        return "the NVIDIA driver's parts differ in version; a restart after an update mends that";
    default: return cudaGetErrorString(error);
    }
}

void require(cudaError_t error, const char *what) {
    if (forget(error) != cudaSuccess)
        throw std::runtime_error(std::string(what) + ": " + in_words(error));
}

} // namespace

int device_count(const char *&problem) {
    int count = 0;
    const cudaError_t error = forget(cudaGetDeviceCount(&count));
    problem = error != cudaSuccess ? in_words(error)
              : count == 0         ? in_words(cudaErrorNoDevice)
                                   : nullptr;
    return problem ? 0 : count;
}

int device_of(const void *memory) {
    cudaPointerAttributes found{};
    const cudaError_t error = forget(cudaPointerGetAttributes(&found, memory));
    if (error == cudaErrorInvalidValue || error == cudaErrorInsufficientDriver ||
        error == cudaErrorNoDevice)
        return -1; // memory that CUDA does not know
    require(error, "asking for the device of memory");
    const bool there = found.type == cudaMemoryTypeDevice || found.type == cudaMemoryTypeManaged;
    return there ? found.device : -1;
}

void use_device(int device, int &before) {
    require(cudaGetDevice(&before), "asking for the current device");
    if (before != device) require(cudaSetDevice(device), "changing the current device");
}

void *allocate(std::size_t bytes) {
    void *memory = nullptr;
    const std::string what = "allocating " + std::to_string(bytes) + " bytes on the device";
    require(cudaMalloc(&memory, bytes), what.c_str());
    return memory;
}

void release(void *memory) {
    if (!memory) return;
    const cudaError_t error = forget(cudaFree(memory));
    // At the end of a process CUDA may be gone before the last array is, and its memory with it.
    if (error != cudaErrorCudartUnloading) require(error, "releasing device memory");
}

void copy_in(void *to, const void *from, std::size_t bytes, std::uintptr_t stream) {
    require(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_of(stream)),
            "copying to the device");
    require(cudaStreamSynchronize(stream_of(stream)), "waiting for the device");
}

void copy_out(void *to, const void *from, std::size_t bytes, std::uintptr_t stream) {
    require(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_of(stream)),
            "copying from the device");
    require(cudaStreamSynchronize(stream_of(stream)), "waiting for the device");
}

void clear(void *memory, std::size_t bytes, std::uintptr_t stream) {
    require(cudaMemsetAsync(memory, 0, bytes, stream_of(stream)), "clearing device memory");
}

} // namespace segpost::gpu
