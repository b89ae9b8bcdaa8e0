"""Baseline: the latest pushed model, found through the model store rather than a TFX resolver.

Kubeflow Pipelines v2 has no resolver executors; a component that looks into the store works everywhere.
"""
