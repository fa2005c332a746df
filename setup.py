"""The one thing pyproject.toml cannot say: the native module, which may fail to build.

Without a C compiler bpflab installs all the same and uses its pure twin.
"""

from setuptools import setup

setup(cffi_modules=["loader/native/build.py:ffibuilder"])
