"""Evaluator: dice on the test splits in TFMA, by slice, against the latest pushed model."""
