"""The artifact between DataReport and DataGate."""

from tfx.types import artifact


class DataSetReport(artifact.Artifact):
    """Folder with `judgement.json`, the verdict, and `data_report.html`, the page that explains it."""

    TYPE_NAME = "DataSetReport"


PAGE_FILE = "data_report.html"
