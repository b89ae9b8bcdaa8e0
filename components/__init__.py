"""Stages of the ship-segmentation pipeline: one folder a stage, plain functions beside the TFX component."""
