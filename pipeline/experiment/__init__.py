"""Experiments: the same pipeline with other settings, side by side in one table and one plot."""
