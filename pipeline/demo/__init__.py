"""Demo data: painted satellite scenes cut into Airbus-style tiles, so that anyone can run the pipeline."""
