"""Readers of images, label maps, arrays and tables, the listing of data sets, and writers.

A file is never trusted: its size is checked before it is decoded, and nothing is unpickled. What
is wrong with one is a `ValueError` or an `OSError`. A file is written as a whole or not at all.
"""

from segpost.files.arrays import read_array
from segpost.files.images import limit_pixels, read_image, read_labels, read_unconverted
from segpost.files.listing import DataFile, is_single_file, list_files
from segpost.files.nifti import is_nifti, read_nifti, read_nifti_header, read_nifti_labels
from segpost.files.nifti_writing import write_nifti
from segpost.files.tables import read_json_object, read_names
from segpost.files.writing import atomic_write, write_array, write_arrays, write_png, write_text

__all__ = [
    "DataFile",
    "atomic_write",
    "is_nifti",
    "is_single_file",
    "limit_pixels",
    "list_files",
    "read_array",
    "read_image",
    "read_json_object",
    "read_labels",
    "read_names",
    "read_nifti",
    "read_nifti_header",
    "read_nifti_labels",
    "read_unconverted",
    "write_array",
    "write_arrays",
    "write_nifti",
    "write_png",
    "write_text",
]
