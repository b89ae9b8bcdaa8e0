"""Too much at once, too slow, and never a server that stays down."""

import shutil
import socket
import time

import pytest
from brightness_networks import encoded, scene
from running_server import running

from components.errors import InputError
from pipeline.serving.command import check_store
from pipeline.serving.options import Limits

pytestmark = pytest.mark.slow

SMALL = encoded(scene(40, 40))
LARGE = encoded(scene(1400, 1400))


@pytest.fixture(scope="module")
def strained(saved_model, tmp_path_factory):
    """One request at once, half a second for each."""
    models = tmp_path_factory.mktemp("strained")
    shutil.copytree(saved_model, models / "ships" / "1")
    with running(models, Limits(concurrency=1, threads=1, timeout_s=0.5)) as client:
        yield client


def _answers_again(client):
    end = time.monotonic() + 20
    while (answer := client.http("/find", SMALL)).status == 503:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert answer.status == 200


def test_a_slow_sender_keeps_its_place_for_the_timeout_only(strained):
    with socket.create_connection(("127.0.0.1", strained.server.rest_port), timeout=20) as slow:
        slow.sendall(b"POST /find HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx")
        time.sleep(0.1)
        refused = strained.http("/find", SMALL)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert "1 requests are under way" in refused.json["error"]
        assert b" 408 " in slow.recv(1000)
    _answers_again(strained)


def test_a_request_that_takes_too_long_is_told_and_holds_its_place_until_it_ends(strained):
    import base64

    body = {"instances": [{"b64": base64.b64encode(LARGE).decode()}] * 60}
    late = strained.predict(body)
    assert late.status == 504
    assert "0.5 s" in late.json["error"]
    assert strained.http("/find", SMALL).status == 503
    _answers_again(strained)


def test_a_sender_who_hangs_up_leaves_no_trace(strained):
    with socket.create_connection(("127.0.0.1", strained.server.rest_port), timeout=20) as cut:
        cut.sendall(b"POST /find HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx")
    _answers_again(strained)


def test_without_a_model_the_server_answers_that_it_is_not_ready(tmp_path):
    with running(tmp_path) as client:
        assert client.http("/healthz").status == 200
        for answer in (client.http("/readyz"), client.http("/find", SMALL)):
            assert answer.status == 503
            assert "no version of ships" in answer.json["error"]
        assert client.http("/v1/models/ships").json == {"model_version_status": []}
        assert client.http("/").status == 200


def test_a_folder_of_versions_is_not_a_folder_of_models(tmp_path):
    (tmp_path / "ships" / "1").mkdir(parents=True)
    (tmp_path / "ships" / "1" / "saved_model.pb").touch()
    assert check_store(tmp_path, "ships") == tmp_path / "ships"
    with pytest.raises(InputError, match="--name ships"):
        check_store(tmp_path / "ships", "ships")
    with pytest.raises(InputError, match="no such folder"):
        check_store(tmp_path / "nothing", "ships")
