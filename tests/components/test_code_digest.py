import pytest

from components import code_digest as module
from components.code_digest import code_digest


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """A package of four modules: trainer imports loss, loss imports formula; reader stands apart."""
    monkeypatch.setattr(module, "_ROOT", tmp_path)
    package = tmp_path / "components"
    package.mkdir()
    for name, text in {
        "__init__": "",
        "trainer": "def run():\n    from components import loss\n",
        "loss": "import numpy\nfrom components.formula import dice\n",
        "formula": "def dice(): ...\n",
        "reader": "import components.progress\n",
        "progress": "",
    }.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    return package


def test_an_edit_changes_the_digest_of_those_who_import_it_at_any_depth(sources):
    trainer, reader = code_digest("components.trainer"), code_digest("components.reader")
    (sources / "formula.py").write_text("def dice(): return 1\n", encoding="utf-8")
    assert code_digest("components.trainer") != trainer
    assert code_digest("components.reader") == reader


def test_an_edit_of_the_progress_display_changes_nothing(sources):
    reader = code_digest("components.reader")
    (sources / "progress.py").write_text("WIDTH = 80\n", encoding="utf-8")
    assert code_digest("components.reader") == reader


@pytest.mark.parametrize("name", ["components.nothing", "components/reader.py"])
def test_a_name_that_is_no_module_is_refused(sources, name):
    with pytest.raises(ModuleNotFoundError):
        code_digest(name)
