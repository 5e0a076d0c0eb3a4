# cython: boundscheck=False
"""Labels, pictures and counts of many frames in one loop without the GIL."""

from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset
from segpost cimport capi

import numpy as np

cdef const capi.segpost_api *api = capi.import_api()


def count_frames(
    const float[:, :, :, ::1] logits,
    const uint8_t[:, :, ::1] target,
    const uint8_t[:, ::1] palette,
    int ignore_index=255,
):
    """Labels and colors (N, H, W, 3) of N logits (C, h, w), and their confusion matrix.

    `target` is (N, H, W); `palette` has a row for every class.
    """
    cdef int64_t n, count = logits.shape[0], classes = logits.shape[1]
    cdef int64_t height = target.shape[1], width = target.shape[2]
    if target.shape[0] != count:
        raise ValueError(f"target has {target.shape[0]} frames, logits have {count}")
    labels = np.empty((count, height, width), np.uint8)
    color = np.empty((count, height, width, 3), np.uint8)
    counts = np.zeros((classes + 2, classes + 1), np.int64)
    cdef uint8_t[:, :, ::1] label = labels
    cdef uint8_t[:, :, :, ::1] rgb = color
    cdef int64_t[:, ::1] cell = counts
    cdef int64_t[4] small = [1, classes, logits.shape[2], logits.shape[3]]
    cdef int64_t[4] full = [1, height, width, 3]
    cdef int64_t ignored = ignore_index
    cdef capi.segpost_argmax_options options
    cdef capi.segpost_array given, made, painted, truth
    cdef capi.segpost_report report
    cdef int status = capi.SEGPOST_OK

    memset(&options, 0, sizeof(options))  # zeros are the defaults, of options to come too
    options.struct_size = sizeof(options)
    options.palette = &palette[0, 0]
    options.palette_size = palette.shape[0]
    with nogil:
        for n in range(count):
            given = capi.segpost_packed(<void *>&logits[n, 0, 0, 0], capi.SEGPOST_FLOAT32, 4, small)
            made = capi.segpost_packed(&label[n, 0, 0], capi.SEGPOST_UINT8, 3, full)
            painted = capi.segpost_packed(&rgb[n, 0, 0, 0], capi.SEGPOST_UINT8, 4, full)
            truth = capi.segpost_packed(<void *>&target[n, 0, 0], capi.SEGPOST_UINT8, 3, full)
            status = api.argmax(&given, &options, &made, &painted, NULL, NULL, &report)
            if status != capi.SEGPOST_OK:
                break
            status = api.confusion_matrix(
                &made, &truth, classes, &ignored, 1, &cell[0, 0], &report
            )
            if status != capi.SEGPOST_OK:
                break
    if status != capi.SEGPOST_OK:
        raise ValueError(f"frame {n}: {report.message.decode()}")
    return labels, color, counts[:classes, :classes]
