"""Evaluator: masks, ships and classifier on the test splits in TFMA, by slice, beside the pushed model."""
