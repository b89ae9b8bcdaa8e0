"""Thousands of requests, some broken, while versions come and go: none lost, memory flat."""

import json
import os
import shutil
import threading
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from brightness_networks import encoded, scene
from running_server import running

REQUESTS = int(os.environ.get("SOAK_REQUESTS", "3000"))
BROKEN_OF = 100
GOOD = encoded(scene(96, 64, (20, 30, 12, 25)))


def _body(image: bytes) -> bytes:
    return json.dumps({"instances": [{"b64": b64encode(image).decode()}]}).encode()


@pytest.mark.slow
def test_none_is_lost_and_memory_stays_flat(saved_model, tmp_path):
    shutil.copytree(saved_model, tmp_path / "ships" / "1")
    bodies = {False: _body(GOOD), True: _body(GOOD[:-20])}
    process = psutil.Process()
    with running(tmp_path) as client, ThreadPoolExecutor(4) as pool:

        def ask(number: int) -> tuple[bool, int]:
            broken = number % BROKEN_OF == 0
            return broken, client.predict(bodies[broken]).status

        def swap() -> None:
            for version in range(2, 6):
                shutil.copytree(saved_model, tmp_path / "ships" / str(version))
                client.server.versions.refresh()
                client.server.versions.refresh()

        third = REQUESTS // 3
        answers = list(pool.map(ask, range(third)))
        swapping = threading.Thread(target=swap)
        swapping.start()
        answers += pool.map(ask, range(third))
        swapping.join()
        assert client.server.versions.served == 5
        before = process.memory_info().rss
        answers += pool.map(ask, range(third))
        grown_mb = (process.memory_info().rss - before) / 2**20
    assert {(broken, status) for broken, status in answers} == {(False, 200), (True, 400)}
    print(f"{len(answers)} requests, {grown_mb:.1f} MB more after the last third")
    assert grown_mb < 30
