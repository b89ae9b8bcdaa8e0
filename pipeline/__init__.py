"""The pipeline: settings, the DAG, the local run and the `ships` command."""
