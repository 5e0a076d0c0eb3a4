/* Calls of the C interface that a file lists, on any platform: arrays are files, and so are
 * reports.
 *
 *     capi_calls CALLS REPORTS
 *
 * CALLS has words: the name of a function, then its arguments in order. A table or an array begins
 * with the name of a file that holds its bytes, or with - where it is null; after the call the
 * bytes are written to the file of that name with .out at its end. An array goes on with: where its
 * first element is, in bytes, its type, its number of axes, and for each axis the size and the
 * stride. A number is an integer; a real number is the integer with its bits. REPORTS gets a line
 * for every call.
 */
#include <segpost/capi.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int use_level(const char *name); /* levels.cpp */
const char *level_name(int i);

enum { MOST_BUFFERS = 16 };

typedef struct {
    char name[64];
    char *bytes;
    size_t size;
} buffer;

static FILE *calls, *reports;
static buffer buffers[MOST_BUFFERS]; /* of one call */
static int buffer_count;
static segpost_array arrays[MOST_BUFFERS];
static int array_count;

static void fail(const char *what, const char *name) {
    fprintf(stderr, "capi_calls: %s: %s\n", what, name);
    exit(2);
}

static int next_word(char *word) { return fscanf(calls, "%63s", word) == 1; }

static int64_t integer(void) {
    char word[64];
    if (!next_word(word)) fail("the calls end", "a number");
    return strtoll(word, NULL, 10);
}

static double real(void) {
    const int64_t bits = integer();
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The bytes of the file that the next word names, or null. */
static void *table(void) {
    buffer *to = &buffers[buffer_count];
    long size = -1;
    FILE *file;
    if (!next_word(to->name)) fail("the calls end", "a file");
    if (!strcmp(to->name, "-")) return NULL;
    if (++buffer_count == MOST_BUFFERS) fail("too many arrays", to->name);
    file = fopen(to->name, "rb");
    if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0) fail("not read", to->name);
    rewind(file);
    to->size = (size_t)size;
    to->bytes = malloc(to->size + 1);
    if (!to->bytes || fread(to->bytes, 1, to->size, file) != to->size) fail("not read", to->name);
    fclose(file);
    return to->bytes;
}

static const segpost_array *array(void) {
    segpost_array *to = &arrays[array_count];
    char *bytes = table();
    int i;
    if (!bytes) return NULL;
    ++array_count;
    memset(to, 0, sizeof *to);
    to->data = bytes + integer();
    to->dtype = (int32_t)integer();
    to->ndim = (int32_t)integer();
    for (i = 0; i < to->ndim; ++i) {
        const int64_t size = integer(), stride = integer();
        if (i < 4) to->shape[i] = size, to->strides[i] = stride;
    }
    return to;
}

static void write_buffers(void) {
    int i;
    for (i = 0; i < buffer_count; ++i) {
        char name[sizeof buffers[i].name + sizeof ".out"];
        FILE *file;
        strcpy(name, buffers[i].name);
        file = fopen(strcat(name, ".out"), "wb");
        if (!file || fwrite(buffers[i].bytes, 1, buffers[i].size, file) != buffers[i].size ||
            fclose(file))
            fail("not written", name);
        free(buffers[i].bytes);
    }
    buffer_count = array_count = 0;
}

static segpost_argmax_options argmax_options(void) {
    segpost_argmax_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = (size_t)integer();
    options.grid = (int32_t)integer();
    options.nan = (int32_t)integer();
    options.has_threshold = (int32_t)integer();
    options.fast_confidence = (int32_t)integer();
    options.threshold = real();
    options.scale = real();
    options.zero_point = real();
    options.palette = table();
    options.palette_size = integer();
    options.image = array();
    options.alpha = table();
    options.alpha_count = integer();
    return options;
}

static segpost_crf_options crf_options(void) {
    segpost_crf_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = (size_t)integer();
    options.quality = (int32_t)integer();
    options.iterations = (int32_t)integer();
    options.gaussian_sigma = real();
    options.gaussian_weight = real();
    options.bilateral_sigma = real();
    options.bilateral_rgb = real();
    options.bilateral_weight = real();
    return options;
}

static segpost_binarize_options binarize_options(void) {
    segpost_binarize_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = (size_t)integer();
    options.grid = (int32_t)integer();
    options.nan = (int32_t)integer();
    options.thresholds = table();
    options.threshold_count = integer();
    options.scale = real();
    options.zero_point = real();
    options.packed_width = integer();
    return options;
}

static int call_argmax(const segpost_api *api, segpost_report *report) {
    const segpost_array *logits = array();
    const segpost_argmax_options options = argmax_options();
    const segpost_array *labels = array(), *color = array(), *confidence = array();
    return api->argmax(logits, &options, labels, color, confidence, array(), report);
}

static int call_softmax(const segpost_api *api, segpost_report *report) {
    const segpost_array *logits = array();
    const segpost_argmax_options options = argmax_options();
    return api->softmax(logits, &options, array(), report);
}

static int call_colorize(const segpost_api *api, segpost_report *report) {
    const segpost_array *labels = array();
    const uint8_t *palette = table();
    const int64_t size = integer();
    return api->colorize(labels, palette, size, array(), report);
}

static int call_overlay(const segpost_api *api, segpost_report *report) {
    const segpost_array *image = array(), *labels = array();
    const uint8_t *palette = table();
    const int64_t size = integer();
    const double *alpha = table();
    const int64_t alpha_count = integer(), contour = integer();
    return api->overlay(image, labels, palette, size, alpha, alpha_count, contour, array(), report);
}

static int call_confusion_matrix(const segpost_api *api, segpost_report *report) {
    const segpost_array *preds = array(), *target = array();
    const int64_t classes = integer();
    const int64_t *ignored = table();
    const int64_t ignored_count = integer();
    return api->confusion_matrix(preds, target, classes, ignored, ignored_count, table(), report);
}

static int call_confusion_matrix_of_logits(const segpost_api *api, segpost_report *report) {
    const segpost_array *logits = array();
    const segpost_argmax_options options = argmax_options();
    const segpost_array *target = array();
    const int64_t classes = integer();
    const int64_t *ignored = table();
    const int64_t ignored_count = integer();
    return api->confusion_matrix_of_logits(logits, &options, target, classes, ignored,
                                           ignored_count, table(), report);
}

static int call_dense_crf(const segpost_api *api, segpost_report *report) {
    const segpost_array *probabilities = array(), *image = array();
    const segpost_crf_options options = crf_options();
    return api->dense_crf(probabilities, image, &options, array(), report);
}

static int call_set_num_threads(const segpost_api *api, segpost_report *report) {
    api->set_num_threads((int32_t)integer());
    report->bad = api->num_threads();
    return SEGPOST_OK;
}

static int call_binarize(const segpost_api *api, segpost_report *report) {
    const segpost_array *logits = array();
    const segpost_binarize_options options = binarize_options();
    return api->binarize(logits, &options, array(), report);
}

static int call_binarize_runs(const segpost_api *api, segpost_report *report) {
    const segpost_array *logits = array();
    const segpost_binarize_options options = binarize_options();
    const int64_t height = integer(), width = integer();
    int64_t *counts = table();
    const int64_t capacity = integer();
    return api->binarize_runs(logits, &options, height, width, counts, capacity, table(), report);
}

static int call_regions(const segpost_api *api, segpost_report *report) {
    const segpost_array *labels = array();
    segpost_region *out = table();
    const int64_t capacity = integer();
    return api->regions(labels, out, capacity, table(), report);
}

static int call_region_counts(const segpost_api *api, segpost_report *report) {
    const segpost_array *labels = array();
    int64_t *counts = table();
    const int64_t capacity = integer();
    int64_t *ends = table();
    return api->region_counts(labels, counts, capacity, ends, integer(), report);
}

static int call_compress_counts(const segpost_api *api, segpost_report *report) {
    const int64_t *counts = table(), *ends = table();
    const int64_t masks = integer();
    uint8_t *characters = table();
    const int64_t capacity = integer();
    return api->compress_counts(counts, ends, masks, characters, capacity, table(), report);
}

/* The kernels of a SIMD level from here on; the report counts the levels that the processor has. */
static int call_use_level(const segpost_api *api, segpost_report *report) {
    char name[64];
    (void)api;
    while (level_name((int)report->bad)) ++report->bad;
    return next_word(name) && use_level(name) ? SEGPOST_OK : SEGPOST_FAILED;
}

static const struct {
    const char *name;
    int (*call)(const segpost_api *, segpost_report *);
} functions[] = {
    {"argmax", call_argmax},
    {"softmax", call_softmax},
    {"colorize", call_colorize},
    {"overlay", call_overlay},
    {"confusion_matrix", call_confusion_matrix},
    {"confusion_matrix_of_logits", call_confusion_matrix_of_logits},
    {"dense_crf", call_dense_crf},
    {"set_num_threads", call_set_num_threads},
    {"binarize", call_binarize},
    {"binarize_runs", call_binarize_runs},
    {"regions", call_regions},
    {"region_counts", call_region_counts},
    {"compress_counts", call_compress_counts},
    {"use_level", call_use_level},
};

int main(int argc, char **argv) {
    const segpost_api *api = segpost_get_api(SEGPOST_ABI);
    char name[64];
    int i;
    if (argc != 3) fail("wants two names of files", "CALLS REPORTS");
    calls = fopen(argv[1], "r");
    reports = fopen(argv[2], "wb");
    if (!calls) fail("not read", argv[1]);
    if (!reports) fail("not written", argv[2]);
    if (!api || segpost_get_api(SEGPOST_ABI + 1)) fail("wrong", "segpost_get_api");
    fprintf(reports, "%d %d %s", (int)api->abi, (int)(api->size == sizeof *api), api->version);
    for (i = 0; level_name(i); ++i) fprintf(reports, " %s", level_name(i));
    fprintf(reports, "\n");
    while (next_word(name)) {
        const int known = (int)(sizeof functions / sizeof *functions);
        segpost_report report;
        int status;
        memset(&report, 0, sizeof report);
        for (i = 0; i < known && strcmp(functions[i].name, name); ++i) {
        }
        if (i == known) fail("no such function", name);
        status = functions[i].call(api, &report);
        fprintf(reports, "%s %d %d %d %s\n", name, status, (int)report.bad, (int)report.first,
                report.message);
        write_buffers();
    }
    return fclose(reports) != 0;
}
