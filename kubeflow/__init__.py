"""The pipeline on Kubeflow Pipelines v2: compiling it, and running its tasks in containers.

Not to be installed beside the Kubeflow SDK, whose package on PyPI has the same name.
"""
