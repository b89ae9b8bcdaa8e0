"""What several end-to-end tests run on."""

import pytest

from pipeline.demo.dataset import generate


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """A generated data set, broken images among it; only to be read."""
    folder = tmp_path_factory.mktemp("data")
    generate(folder, scenes=12, tiles_per_scene=3, seed=3)
    return folder
