import pytest

from kubeflow.staging import Staging, make_folder


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("s3://bucket/a/b", "/s3/bucket/a/b"),
        ("minio://mlpipeline/v2/x", "/minio/mlpipeline/v2/x"),
        ("gs://bucket/a", "/gcs/bucket/a"),
        ("/mnt/ships/models", "/mnt/ships/models"),
    ],
)
def test_uris_and_the_launchers_paths_are_each_others_inverse(uri, path):
    assert Staging().path(uri) == path
    assert Staging().uri(path) == uri


def test_messages_name_uris(tmp_path):
    staging = Staging(tmp_path)
    page = staging.path("s3://bucket/run/report/page.html")
    assert staging.told(f"Look at {page}, then") == "Look at s3://bucket/run/report/page.html, then"


def test_the_marker_of_an_empty_folder_becomes_a_folder(tmp_path):
    marker = tmp_path / "model"
    marker.write_bytes(b"")
    make_folder(str(marker))
    assert marker.is_dir()


def test_a_folder_that_is_there_keeps_its_files_and_one_that_is_not_is_made(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    make_folder(str(tmp_path))
    assert (tmp_path / "file").is_file()
    make_folder(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()


def test_an_artifact_that_is_a_file_is_not_thrown_away(tmp_path):
    file = tmp_path / "artifact"
    file.write_bytes(b"content")
    with pytest.raises(FileExistsError):
        make_folder(str(file))
    assert file.read_bytes() == b"content"
