"""Judges every image by the curated schema and sets the outliers aside with their reasons."""
