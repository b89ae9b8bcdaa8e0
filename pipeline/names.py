"""Names that stand in metadata and in the model store. Imports nothing."""

PIPELINE_NAME = "ships"
MODEL_NAME = "ships"
