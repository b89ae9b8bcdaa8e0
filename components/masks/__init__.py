"""Masks as run-length strings: the Airbus codec in numpy and as TensorFlow graph code."""
