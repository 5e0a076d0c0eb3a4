// The entries of ONNX Runtime's C interface that the operators need, declared here because its
// packages have no headers. The table only ever grows at its end, so a place in it is the same in
// every release.
#pragma once

#include <cstddef>
#include <cstdint>

namespace segpost::runtimes::ort {

constexpr std::uint32_t api_version = 17; // of ONNX Runtime 1.17, and of every later one

struct Status;
struct SessionOptions;
struct Domain;
struct KernelInfo;
struct KernelContext;
struct Value;
struct ShapeInfo;

enum ErrorCode : int { fail = 1, invalid_argument = 2 };

// The types of elements, as in ONNX.
enum ElementType : int {
    undefined = 0,
    float32 = 1,
    uint8 = 2,
    int8 = 3,
    uint16 = 4,
    int16 = 5,
    int32 = 6,
    int64 = 7,
    float16 = 10,
    float64 = 11,
    uint32 = 12,
    uint64 = 13,
    bfloat16 = 16
};

enum Presence : int { required = 0, optional = 1 };

struct Api {
    const void *entries[234];
};

struct ApiBase {
    const Api *(*get_api)(std::uint32_t version);
    const char *(*version_string)();
};

// A function of the table; the last argument of the template is its place.
template <class Function, std::size_t place> struct Entry {
    template <class... Arguments> static auto call(const Api &api, Arguments... arguments) {
        return reinterpret_cast<Function *>(const_cast<void *>(api.entries[place]))(arguments...);
    }
};

using CreateStatus = Entry<Status *(ErrorCode, const char *), 0>;
using CreateDomain = Entry<Status *(const char *, Domain **), 26>;
struct CustomOperator;
using AddToDomain = Entry<Status *(Domain *, const CustomOperator *), 27>;
using AddDomain = Entry<Status *(SessionOptions *, Domain *), 28>;
using MutableData = Entry<Status *(Value *, void **), 51>;
using GetElementType = Entry<Status *(const ShapeInfo *, ElementType *), 60>;
using DimensionsCount = Entry<Status *(const ShapeInfo *, std::size_t *), 61>;
using Dimensions = Entry<Status *(const ShapeInfo *, std::int64_t *, std::size_t), 62>;
using TypeAndShape = Entry<Status *(const Value *, ShapeInfo **), 65>;
using FloatAttribute = Entry<Status *(const KernelInfo *, const char *, float *), 85>;
using IntegerAttribute = Entry<Status *(const KernelInfo *, const char *, std::int64_t *), 86>;
using TextAttribute = Entry<Status *(const KernelInfo *, const char *, char *, std::size_t *), 87>;
using InputCount = Entry<Status *(const KernelContext *, std::size_t *), 88>;
using OutputCount = Entry<Status *(const KernelContext *, std::size_t *), 89>;
using GetInput = Entry<Status *(const KernelContext *, std::size_t, const Value **), 90>;
using GetOutput =
    Entry<Status *(KernelContext *, std::size_t, const std::int64_t *, std::size_t, Value **), 91>;
using ReleaseStatus = Entry<void(Status *), 93>;
using ReleaseShapeInfo = Entry<void(ShapeInfo *), 99>;
using FloatsAttribute =
    Entry<Status *(const KernelInfo *, const char *, float *, std::size_t *), 162>;
using IntegersAttribute =
    Entry<Status *(const KernelInfo *, const char *, std::int64_t *, std::size_t *), 163>;

// The struct of functions that describes an operator, as of api_version.
struct CustomOperator {
    std::uint32_t version;
    void *(*create_kernel)(const CustomOperator *, const Api *, const KernelInfo *);
    const char *(*name)(const CustomOperator *);
    const char *(*execution_provider)(const CustomOperator *);
    ElementType (*input_type)(const CustomOperator *, std::size_t);
    std::size_t (*input_count)(const CustomOperator *);
    ElementType (*output_type)(const CustomOperator *, std::size_t);
    std::size_t (*output_count)(const CustomOperator *);
    void (*compute)(void *, KernelContext *);
    void (*destroy)(void *);
    Presence (*input_presence)(const CustomOperator *, std::size_t);
    Presence (*output_presence)(const CustomOperator *, std::size_t);
    int (*input_memory)(const CustomOperator *, std::size_t);
    int (*variadic_inputs_least)(const CustomOperator *);
    int (*variadic_inputs_same)(const CustomOperator *);
    int (*variadic_outputs_least)(const CustomOperator *);
    int (*variadic_outputs_same)(const CustomOperator *);
    Status *(*create_kernel_or_fail)(const CustomOperator *, const Api *, const KernelInfo *,
                                     void **);
    Status *(*compute_or_fail)(void *, KernelContext *);
    Status *(*infer_shapes)(const CustomOperator *, void *);
    int (*first_version)(const CustomOperator *);
    int (*last_version)(const CustomOperator *);
    void *later[8]; // of later versions, which do not read them here
};

} // namespace segpost::runtimes::ort
