// Devices and their memory, by the CUDA runtime. Nothing here runs before it is called, and a
// machine without a driver is an answer, not an error.
#include "cuda/runtime/launch.hpp"

#include "gpu.hpp"

#include <stdexcept>
#include <string>

namespace segpost::gpu {
namespace {

// The runtime keeps an error for the next call that asks; this clears it.
cudaError_t forget(cudaError_t error) {
    if (error != cudaSuccess) cudaGetLastError();
    return error;
}

// 13000 is version 13.0.
std::string version_in_words(int version) {
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// What the runtime says is meant for programmers; these are the usual states of a machine.
std::string in_words(cudaError_t error) {
    int driver = 0;
    switch (error) {
    case cudaErrorInsufficientDriver:
        if (forget(cudaDriverGetVersion(&driver)) != cudaSuccess || driver == 0)
            return "no NVIDIA driver is installed, or a container hides it (docker run --gpus all "
                   "shows it)";
        return "the NVIDIA driver is too old: it is for CUDA " + version_in_words(driver) +
               ", and the kernels were built with CUDA " + version_in_words(CUDART_VERSION) +
               ": install a newer driver";
    case cudaErrorNoDevice:
        return "no CUDA device is visible: the variable CUDA_VISIBLE_DEVICES hides devices";
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

int device_count(std::string &problem) {
    int count = 0;
    const cudaError_t error = forget(cudaGetDeviceCount(&count));
    if (error == cudaSuccess && count > 0) return count;
    problem = in_words(error == cudaSuccess ? cudaErrorNoDevice : error);
    return 0;
}

int capability(int device) {
    int major = 0, minor = 0;
    require(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device),
            "asking for the capability of a device");
    require(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device),
            "asking for the capability of a device");
    return major * 10 + minor;
}

int device_of(const void *memory) {
    cudaPointerAttributes attributes{};
    const cudaError_t error = forget(cudaPointerGetAttributes(&attributes, memory));
    if (error == cudaErrorInvalidValue || error == cudaErrorInsufficientDriver ||
        error == cudaErrorNoDevice)
        return -1; // memory that CUDA does not know
    require(error, "asking for the device of memory");
    const bool there =
        attributes.type == cudaMemoryTypeDevice || attributes.type == cudaMemoryTypeManaged;
    return there ? attributes.device : -1;
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

void copy_rows(Rows to, Rows from, std::size_t bytes, std::size_t rows, std::uintptr_t stream) {
    require(cudaMemcpy2DAsync(to.memory, to.pitch, from.memory, from.pitch, bytes, rows,
                              cudaMemcpyDeviceToDevice, stream_of(stream)),
            "copying on the device");
}

bool is_captured(std::uintptr_t stream) {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    const cudaError_t error = forget(cudaStreamIsCapturing(stream_of(stream), &status));
    // The default stream while another is captured: nothing can be done on it.
    if (error == cudaErrorStreamCaptureImplicit) return true;
    require(error, "asking a stream whether it is captured");
    return status != cudaStreamCaptureStatusNone;
}

void wait_stream(std::uintptr_t stream, std::uintptr_t other) {
    if (stream == other) return;
    cudaEvent_t event = nullptr;
    require(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "creating an event");
    cudaError_t error = forget(cudaEventRecord(event, stream_of(other)));
    if (error == cudaSuccess) error = forget(cudaStreamWaitEvent(stream_of(stream), event));
    forget(cudaEventDestroy(event)); // once it is reached
    require(error, "ordering streams");
}

std::uintptr_t record_event(std::uintptr_t stream) {
    if (is_captured(stream)) return 0;
    cudaEvent_t event = nullptr;
    require(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "creating an event");
    const cudaError_t error = forget(cudaEventRecord(event, stream_of(stream)));
    if (error != cudaSuccess) forget(cudaEventDestroy(event));
    require(error, "recording an event");
    return reinterpret_cast<std::uintptr_t>(event);
}

bool event_done(std::uintptr_t handle) {
    if (!handle) return true;
    const auto event = reinterpret_cast<cudaEvent_t>(handle);
    const cudaError_t error = forget(cudaEventQuery(event));
    // While another thread captures a graph nothing may be asked.
    if (error == cudaErrorNotReady || error == cudaErrorStreamCaptureUnsupported) return false;
    forget(cudaEventDestroy(event));
    return true; // or the device is lost, and nothing there will be read again
}

} // namespace segpost::gpu
