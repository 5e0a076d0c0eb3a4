# The kernels for Cython, without Python in between: `from segpost cimport capi`. What functions and
# fields mean is said in segpost/capi.h; compile with include_dirs=[segpost.get_include()].
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t

cdef extern from "segpost/capi.h" nogil:
    enum:
        SEGPOST_ABI

    ctypedef enum segpost_status:
        SEGPOST_OK
        SEGPOST_BAD_ARGUMENT
        SEGPOST_BAD_VALUES
        SEGPOST_NO_MEMORY
        SEGPOST_FAILED

    ctypedef enum segpost_dtype:
        SEGPOST_FLOAT32
        SEGPOST_FLOAT64
        SEGPOST_FLOAT16
        SEGPOST_BFLOAT16
        SEGPOST_INT8
        SEGPOST_UINT8
        SEGPOST_INT16
        SEGPOST_UINT16
        SEGPOST_INT32
        SEGPOST_INT64
        SEGPOST_UINT32
        SEGPOST_UINT64

    ctypedef enum segpost_grid:
        SEGPOST_HALF_PIXEL
        SEGPOST_ALIGN_CORNERS
        SEGPOST_ASYMMETRIC

    ctypedef enum segpost_nan:
        SEGPOST_NAN_RAISE
        SEGPOST_NAN_PROPAGATE

    ctypedef enum segpost_quality:
        SEGPOST_QUALITY_DEFAULT
        SEGPOST_QUALITY_FAST
        SEGPOST_QUALITY_HIGH
        SEGPOST_EXACT

    ctypedef struct segpost_array:
        void *data
        int32_t dtype
        int32_t ndim
        int64_t shape[4]
        int64_t strides[4]

    ctypedef struct segpost_report:
        int64_t bad
        int64_t first
        char message[400]

    ctypedef struct segpost_letterbox:
        int64_t image[2]
        int64_t input[2]
        int64_t content[2]
        int64_t offset[2]

    ctypedef struct segpost_argmax_options:
        size_t struct_size
        int32_t grid
        int32_t nan
        int32_t has_threshold
        int32_t fast_confidence
        double threshold
        double scale
        double zero_point
        const uint8_t *palette
        int64_t palette_size
        const segpost_array *image
        const double *alpha
        int64_t alpha_count
        const segpost_letterbox *letterbox

    ctypedef struct segpost_crf_options:
        size_t struct_size
        int32_t quality
        int32_t iterations
        double gaussian_sigma
        double gaussian_weight
        double bilateral_sigma
        double bilateral_rgb
        double bilateral_weight

    ctypedef struct segpost_binarize_options:
        size_t struct_size
        int32_t grid
        int32_t nan
        const double *thresholds
        int64_t threshold_count
        double scale
        double zero_point
        int64_t packed_width

    ctypedef struct segpost_region:
        int64_t image
        int64_t label
        int64_t area
        int64_t x
        int64_t y
        int64_t width
        int64_t height
        double centroid_x
        double centroid_y

    ctypedef struct segpost_api:
        int32_t abi
        size_t size
        const char *version
        int (*argmax)(const segpost_array *logits, const segpost_argmax_options *options,
                      const segpost_array *labels, const segpost_array *color,
                      const segpost_array *confidence, const segpost_array *overlay,
                      segpost_report *report) noexcept nogil
        int (*softmax)(const segpost_array *logits, const segpost_argmax_options *options,
                       const segpost_array *probabilities, segpost_report *report) noexcept nogil
        int (*colorize)(const segpost_array *labels, const uint8_t *palette, int64_t palette_size,
                        const segpost_array *out, segpost_report *report) noexcept nogil
        int (*overlay)(const segpost_array *image, const segpost_array *labels,
                       const uint8_t *palette, int64_t palette_size, const double *alpha,
                       int64_t alpha_count, int64_t contour, const segpost_array *out,
                       segpost_report *report) noexcept nogil
        int (*confusion_matrix)(const segpost_array *preds, const segpost_array *target,
                                int64_t classes, const int64_t *ignored, int64_t ignored_count,
                                int64_t *counts, segpost_report *report) noexcept nogil
        int (*confusion_matrix_of_logits)(const segpost_array *logits,
                                          const segpost_argmax_options *options,
                                          const segpost_array *target, int64_t classes,
                                          const int64_t *ignored, int64_t ignored_count,
                                          int64_t *counts, segpost_report *report) noexcept nogil
        int (*dense_crf)(const segpost_array *probabilities, const segpost_array *image,
                         const segpost_crf_options *options, const segpost_array *out,
                         segpost_report *report) noexcept nogil
        void (*set_num_threads)(int32_t n) noexcept nogil
        int32_t (*num_threads)() noexcept nogil
        int (*binarize)(const segpost_array *logits, const segpost_binarize_options *options,
                        const segpost_array *masks, segpost_report *report) noexcept nogil
        int (*binarize_runs)(const segpost_array *logits, const segpost_binarize_options *options,
                             int64_t height, int64_t width, int64_t *counts, int64_t capacity,
                             int64_t *ends, segpost_report *report) noexcept nogil
        int (*regions)(const segpost_array *labels, segpost_region *out, int64_t capacity,
                       int64_t *count, segpost_report *report) noexcept nogil
        int (*region_counts)(const segpost_array *labels, int64_t *counts, int64_t capacity,
                             int64_t *ends, int64_t ends_capacity,
                             segpost_report *report) noexcept nogil
        int (*compress_counts)(const int64_t *counts, const int64_t *ends, int64_t masks,
                               uint8_t *characters, int64_t capacity, int64_t *stops,
                               segpost_report *report) noexcept nogil

    segpost_array segpost_packed(void *data, int32_t dtype, int32_t ndim, const int64_t *shape)


# With the GIL, once: the table, or an ImportError where segpost was built for another ABI.
cdef inline const segpost_api *import_api() except NULL:
    from segpost import _cpu, num_threads

    num_threads()  # reads the environment, as the first call from Python does
    cdef const segpost_api *api = <const segpost_api *>PyCapsule_GetPointer(
        _cpu._capi, "segpost._cpu._capi"
    )
    if api.abi != SEGPOST_ABI:
        raise ImportError(
            f"segpost has ABI {api.abi}, and this module was compiled for {SEGPOST_ABI}: "
            "compile it again"
        )
    return api
