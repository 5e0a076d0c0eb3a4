"""`pip install --no-build-isolation .`, or `python setup.py build_ext --inplace`."""

from Cython.Build import cythonize
from setuptools import Extension, setup

import segpost

setup(
    name="frames",
    ext_modules=cythonize(
        [Extension("frames", ["frames.pyx"], include_dirs=[str(segpost.get_include())])],
        language_level=3,
    ),
)
