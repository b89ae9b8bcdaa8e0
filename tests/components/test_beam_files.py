import pytest
from apache_beam.io.filesystems import FileSystems

from components.beam_files import read_bytes, use_beam_options
from components.errors import InputError
from components.ship_example_gen.listing import read_or_nothing


@pytest.fixture
def fresh(monkeypatch):
    """As in a process that has opened no other filesystem yet."""
    monkeypatch.setattr(FileSystems, "_pipeline_options", None)
    monkeypatch.setenv("SHIPS_BEAM_OPTIONS", "[]")
    # Nobody listens there, and nothing is to be looked up.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "x")


def test_an_address_of_no_filesystem_is_one_file_that_cannot_be_read(fresh):
    with pytest.raises(OSError, match=r"no filesystem that Beam knows.*s3://"):
        read_bytes("https://example.org/a.jpg")
    assert read_or_nothing("https://example.org/a.jpg", -1) == b""


def test_a_store_that_is_set_up_wrongly_is_no_lot_of_broken_images(fresh):
    use_beam_options(["--s3_endpoint_url=minio:9000"])
    with pytest.raises(InputError, match=r"s3://data/a\.jpg cannot be opened: .*minio:9000"):
        read_or_nothing("s3://data/a.jpg", -1)
