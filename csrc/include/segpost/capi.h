/* segpost without Python: the CPU kernels for C, C++ and Cython.
 *
 * Everything is reached through one table of functions:
 *
 *   C, C++ (link libsegpost):  const segpost_api *api = segpost_get_api(SEGPOST_ABI);
 *   Cython:                    from segpost cimport capi;  api = capi.import_api()
 *
 * A null pointer means that the library was built for another SEGPOST_ABI. The number changes when
 * a struct or a function does; new functions are added at the end of the table and change it not:
 * `size` says how much of it there is.
 *
 * Arrays are the caller's and are never kept. Functions return SEGPOST_OK or an error, with a
 * sentence and, where values were bad, their number and the first place in the report. Outputs are
 * written also where SEGPOST_BAD_VALUES is returned. Calls may come from any thread, at the same
 * time; one at a time gets the library's threads, the others work in their caller's.
 */
#ifndef SEGPOST_CAPI_H
#define SEGPOST_CAPI_H

#include <stddef.h>
#include <stdint.h>

#include "segpost/export.h"

#define SEGPOST_ABI 1

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SEGPOST_OK = 0,
    SEGPOST_BAD_ARGUMENT = 1, /* a shape, type, stride or option; nothing was written */
    SEGPOST_BAD_VALUES = 2,   /* NaN in the logits, labels without a color, ... */
    SEGPOST_NO_MEMORY = 3,
    SEGPOST_FAILED = 4
} segpost_status;

typedef enum {
    SEGPOST_FLOAT32 = 0,
    SEGPOST_FLOAT64,
    SEGPOST_FLOAT16,
    SEGPOST_BFLOAT16,
    SEGPOST_INT8,
    SEGPOST_UINT8,
    SEGPOST_INT16,
    SEGPOST_UINT16,
    SEGPOST_INT32,
    SEGPOST_INT64,
    SEGPOST_UINT32,
    SEGPOST_UINT64
} segpost_dtype;

typedef enum {
    SEGPOST_HALF_PIXEL = 0, /* torch's align_corners=False, TF2, OpenCV */
    SEGPOST_ALIGN_CORNERS,  /* TF1 DeepLab, segmentation_models_pytorch */
    SEGPOST_ASYMMETRIC      /* TF1's default */
} segpost_grid;

typedef enum {
    SEGPOST_NAN_RAISE = 0, /* SEGPOST_BAD_VALUES */
    SEGPOST_NAN_PROPAGATE  /* the first NaN wins, as in NumPy and torch */
} segpost_nan;

typedef enum {
    SEGPOST_QUALITY_DEFAULT = 0,
    SEGPOST_QUALITY_FAST,
    SEGPOST_QUALITY_HIGH,
    SEGPOST_EXACT /* the mean field of all pairs of pixels: slow */
} segpost_quality;

/* Strides are in bytes and may be anything that keeps elements aligned; an output's last axis must
 * be adjacent, and its elements must not share memory. Logits are (N, C, H, W), whatever their
 * strides: channels-last is a matter of those.
 */
typedef struct {
    void *data;
    int32_t dtype; /* segpost_dtype */
    int32_t ndim;
    int64_t shape[4];
    int64_t strides[4];
} segpost_array;

typedef struct {
    int64_t bad;   /* how many values are bad */
    int64_t first; /* flat index of the first, -1 for none */
    char message[400];
} segpost_report;

/* The geometry of an image that was resized and padded to a network's input: (height, width) each,
 * and the padding above and to the left. */
typedef struct {
    int64_t image[2], input[2], content[2], offset[2];
} segpost_letterbox;

/* Zeros everywhere but in struct_size are the defaults: segpost_argmax_options o = {sizeof o}. */
typedef struct {
    size_t struct_size;
    int32_t grid;               /* segpost_grid */
    int32_t nan;                /* segpost_nan */
    int32_t has_threshold;      /* one-channel head: label 1 where logit > threshold */
    int32_t fast_confidence;    /* within 1e-5 of float64, not 1e-6 */
    double threshold;           /* a logit */
    double scale, zero_point;   /* real logit = scale (value - zero_point); a scale of 0 is 1 */
    const uint8_t *palette;     /* (palette_size, 3) red, green, blue; for color and overlay */
    int64_t palette_size;       /* at least the number of classes */
    const segpost_array *image; /* (N, H, W, 3) uint8, for overlay */
    const double *alpha;        /* null: 0.5; else the weight of the colors, or one a class */
    int64_t alpha_count;        /* 1, or palette_size */
    const segpost_letterbox *letterbox; /* null: none; outputs have the size of its image */
} segpost_argmax_options;

typedef struct {
    size_t struct_size;
    int32_t quality;         /* segpost_quality */
    int32_t iterations;      /* 0: 10 */
    double gaussian_sigma;   /* pixels; 0: 3 */
    double gaussian_weight;  /* up to 1e6; 0: 3; a negative number: no such term */
    double bilateral_sigma;  /* pixels; 0: 80 */
    double bilateral_rgb;    /* of the image's values; 0: 13 */
    double bilateral_weight; /* up to 1e6; 0: 10; a negative number: no such term */
} segpost_crf_options;

typedef struct {
    size_t struct_size;
    int32_t grid;             /* segpost_grid */
    int32_t nan;              /* segpost_nan; NaN sets no pixel */
    const double *thresholds; /* null: 0; logits, ln(p / (1 - p)) of a probability p */
    int64_t threshold_count;  /* 1, or one a class */
    double scale, zero_point; /* real logit = scale (value - zero_point); a scale of 0 is 1 */
    int64_t packed_width;     /* 0: a byte a pixel; else the pixels of a row, eight in a byte */
} segpost_binarize_options;

/* The pixels of one label of an image. */
typedef struct {
    int64_t image, label, area;
    int64_t x, y, width, height; /* the smallest box */
    double centroid_x, centroid_y;
} segpost_region;

typedef struct segpost_api {
    int32_t abi;
    size_t size;
    const char *version;

    /* Labels (N, H, W), uint8 up to 256 classes or int32, of logits (N, C, h, w), upsampled to the
     * labels' size; one class needs a threshold. color and overlay (N, H, W, 3) uint8 and
     * confidence (N, H, W) float32 or uint8 may be null. */
    int (*argmax)(const segpost_array *logits, const segpost_argmax_options *options,
                  const segpost_array *labels, const segpost_array *color,
                  const segpost_array *confidence, const segpost_array *overlay,
                  segpost_report *report);

    /* Probabilities (N, C, H, W) float32, upsampled to their size. */
    int (*softmax)(const segpost_array *logits, const segpost_argmax_options *options,
                   const segpost_array *probabilities, segpost_report *report);

    /* Colors (N, H, W, 3) of labels (N, H, W), any integers below palette_size. */
    int (*colorize)(const segpost_array *labels, const uint8_t *palette, int64_t palette_size,
                    const segpost_array *out, segpost_report *report);

    /* The colors over an image; `alpha` and `alpha_count` as in the options above, `contour` is the
     * width of opaque lines between labels, 0 for none. */
    int (*overlay)(const segpost_array *image, const segpost_array *labels, const uint8_t *palette,
                   int64_t palette_size, const double *alpha, int64_t alpha_count, int64_t contour,
                   const segpost_array *out, segpost_report *report);

    /* Adds to counts, C order, [classes + 2][classes + 1]: rows are the target's classes, void, and
     * targets that are neither; columns the predicted classes, and predictions that are none.
     * `ignored`, sorted, are the targets that are void. */
    int (*confusion_matrix)(const segpost_array *preds, const segpost_array *target,
                            int64_t classes, const int64_t *ignored, int64_t ignored_count,
                            int64_t *counts, segpost_report *report);

    /* The same of logits of as many classes, without a label map. */
    int (*confusion_matrix_of_logits)(const segpost_array *logits,
                                      const segpost_argmax_options *options,
                                      const segpost_array *target, int64_t classes,
                                      const int64_t *ignored, int64_t ignored_count,
                                      int64_t *counts, segpost_report *report);

    /* Refined probabilities (C, H, W) float32 of probabilities (C, H, W) and an image (H, W, 3)
     * uint8, which may be null where there is no bilateral term. */
    int (*dense_crf)(const segpost_array *probabilities, const segpost_array *image,
                     const segpost_crf_options *options, const segpost_array *out,
                     segpost_report *report);

    void (*set_num_threads)(int32_t n); /* of the library; the nearest of 1..1024 */
    int32_t (*num_threads)(void);

    /* Masks (N, C, H, W) uint8, 1 where a logit (N, C, h, w), upsampled to the masks' size, exceeds
     * the threshold of its class. With packed_width the last axis has ceil(W / 8) bytes, and the
     * first pixel of a byte is its highest bit. */
    int (*binarize)(const segpost_array *logits, const segpost_binarize_options *options,
                    const segpost_array *masks, segpost_report *report);

    /* COCO's counts of the same masks of height x width pixels, one after another: lengths of runs
     * in column-major order, of 0, of 1, of 0, ... Mask i has counts[ends[i - 1]] to
     * counts[ends[i]]; there are N * C ends. Where more than `capacity` counts are needed, the
     * status is SEGPOST_BAD_ARGUMENT and report->bad says how many. */
    int (*binarize_runs)(const segpost_array *logits, const segpost_binarize_options *options,
                         int64_t height, int64_t width, int64_t *counts, int64_t capacity,
                         int64_t *ends, segpost_report *report);

    /* The regions of labels (N, H, W), any integers: one for every label of an image, in order of
     * image, then of label; `count` is their number. Where it exceeds `capacity`, the status is
     * SEGPOST_BAD_ARGUMENT and nothing else is written. */
    int (*regions)(const segpost_array *labels, segpost_region *out, int64_t capacity,
                   int64_t *count, segpost_report *report);

    /* COCO's counts of the same regions, in the same order, as of binarize_runs. `ends_capacity` is
     * at least the number of regions; report->bad says what a capacity must be. */
    int (*region_counts)(const segpost_array *labels, int64_t *counts, int64_t capacity,
                         int64_t *ends, int64_t ends_capacity, segpost_report *report);

    /* The compressed strings of counts, as in COCO's files, one after another without zeros between
     * them; string i ends before characters[stops[i]]. Twice as many characters as counts are
     * enough for most masks; report->bad says how many are needed. */
    int (*compress_counts)(const int64_t *counts, const int64_t *ends, int64_t masks,
                           uint8_t *characters, int64_t capacity, int64_t *stops,
                           segpost_report *report);
} segpost_api;

/* The table, or null where the library has another ABI than the one asked for. */
SEGPOST_EXPORT const segpost_api *segpost_get_api(int32_t abi);

/* C order: strides of an array whose elements are adjacent. */
static inline segpost_array segpost_packed(void *data, int32_t dtype, int32_t ndim,
                                           const int64_t *shape) {
    static const int8_t sizes[] = {4, 8, 2, 2, 1, 1, 2, 2, 4, 8, 4, 8};
    segpost_array array;
    int64_t step = dtype >= 0 && dtype < (int32_t)sizeof sizes ? sizes[dtype] : 0;
    int i;
    array.data = data;
    array.dtype = dtype;
    array.ndim = ndim;
    for (i = 3; i >= 0; --i) {
        array.shape[i] = i < ndim ? shape[i] : 1;
        array.strides[i] = step;
        step *= array.shape[i];
    }
    return array;
}

#ifdef __cplusplus
}
#endif

#endif
