# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Cython as a user writes it: the double loop with typed memoryviews."""

from libc.math cimport expf


def upsample_argmax(
    const float[:, :, ::1] logits,
    const long long[::1] y0, const long long[::1] y1, const float[::1] wy,
    const long long[::1] x0, const long long[::1] x1, const float[::1] wx,
    const unsigned char[:, ::1] palette,
    unsigned char[:, ::1] labels,
    unsigned char[:, :, ::1] color,
):
    cdef Py_ssize_t y, x, k, classes = logits.shape[2]
    cdef bint paint = color.shape[0] > 0
    cdef float w00, w01, w10, w11, value, best
    cdef const float *a
    cdef const float *b
    cdef const float *c
    cdef const float *d
    cdef int label
    with nogil:
        for y in range(labels.shape[0]):
            for x in range(labels.shape[1]):
                w11 = wy[y] * wx[x]
                w10 = wy[y] - w11
                w01 = wx[x] - w11
                w00 = <float> 1.0 - wy[y] - w01
                a = &logits[y0[y], x0[x], 0]
                b = &logits[y0[y], x1[x], 0]
                c = &logits[y1[y], x0[x], 0]
                d = &logits[y1[y], x1[x], 0]
                label = 0
                best = w00 * a[0] + w01 * b[0] + w10 * c[0] + w11 * d[0]
                for k in range(1, classes):
                    value = w00 * a[k] + w01 * b[k] + w10 * c[k] + w11 * d[k]
                    if value > best:
                        best = value
                        label = <int> k
                labels[y, x] = label
                if paint:
                    color[y, x, 0] = palette[label, 0]
                    color[y, x, 1] = palette[label, 1]
                    color[y, x, 2] = palette[label, 2]


def upsample_confidence(
    const float[:, :, ::1] logits,
    const long long[::1] y0, const long long[::1] y1, const float[::1] wy,
    const long long[::1] x0, const long long[::1] x1, const float[::1] wx,
    const unsigned char[:, ::1] palette,
    float[::1] values,
    unsigned char[:, ::1] labels,
    float[:, ::1] confidence,
    unsigned char[:, :, ::1] color,
):
    cdef Py_ssize_t y, x, k, classes = logits.shape[2]
    cdef float w00, w01, w10, w11, best, total
    cdef int label
    with nogil:
        for y in range(labels.shape[0]):
            for x in range(labels.shape[1]):
                w11 = wy[y] * wx[x]
                w10 = wy[y] - w11
                w01 = wx[x] - w11
                w00 = <float> 1.0 - wy[y] - w01
                for k in range(classes):
                    values[k] = (
                        w00 * logits[y0[y], x0[x], k] + w01 * logits[y0[y], x1[x], k]
                        + w10 * logits[y1[y], x0[x], k] + w11 * logits[y1[y], x1[x], k]
                    )
                label = 0
                best = values[0]
                for k in range(1, classes):
                    if values[k] > best:
                        best = values[k]
                        label = <int> k
                total = 0
                for k in range(classes):
                    total += expf(values[k] - best)
                labels[y, x] = label
                confidence[y, x] = 1 / total
                color[y, x, 0] = palette[label, 0]
                color[y, x, 1] = palette[label, 1]
                color[y, x, 2] = palette[label, 2]


def argmax(const float[:, :, ::1] logits, unsigned char[:, ::1] labels):
    cdef Py_ssize_t y, x, k
    cdef float best
    cdef int label
    with nogil:
        for y in range(labels.shape[0]):
            for x in range(labels.shape[1]):
                label = 0
                best = logits[y, x, 0]
                for k in range(1, logits.shape[2]):
                    if logits[y, x, k] > best:
                        best = logits[y, x, k]
                        label = <int> k
                labels[y, x] = label


ctypedef fused label_t:
    unsigned char
    int
    long long


def count_pairs(
    const label_t[:, ::1] target, const label_t[:, ::1] pred, unsigned long long[:, ::1] table
):
    """Every pair in one addition, as cityscapesScripts does; void is a row like all others."""
    cdef Py_ssize_t y, x
    with nogil:
        for y in range(target.shape[0]):
            for x in range(target.shape[1]):
                table[target[y, x], pred[y, x]] += 1


def count_logits(
    const float[:, :, ::1] logits,
    const unsigned char[:, ::1] target,
    unsigned long long[:, ::1] table,
):
    cdef Py_ssize_t y, x, k
    cdef float best
    cdef int label
    with nogil:
        for y in range(target.shape[0]):
            for x in range(target.shape[1]):
                label = 0
                best = logits[y, x, 0]
                for k in range(1, logits.shape[2]):
                    if logits[y, x, k] > best:
                        best = logits[y, x, k]
                        label = <int> k
                table[target[y, x], label] += 1
