"""`ships serve` as a process."""

import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from ipaddress import ip_address

import psutil
import pytest

_SHIPS = [sys.executable, "-c", "from pipeline.cli import main; main()", "serve"]


@pytest.mark.slow
def test_it_serves_until_told_to_end(saved_model, tmp_path):
    shutil.copytree(saved_model, tmp_path / "ships" / "4")
    command = [*_SHIPS, "--models", str(tmp_path), "--rest-port", "0", "--grpc-port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            log = ""
            while "is served" not in log:
                line = process.stderr.readline()
                assert line, log
                log += line
            port = int(re.search(r"http://127.0.0.1:(\d+)", log).group(1))
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=20) as answer:
                assert answer.read() == b"version 4\n"
            # Nobody else's machine can ask it.
            told = psutil.Process(process.pid).net_connections()
            listening = [one for one in told if one.status == "LISTEN"]
            assert len(listening) == 2
            # gRPC's is an IPv4 address within IPv6.
            addresses = [ip_address(one.laddr.ip) for one in listening]
            assert {str(getattr(one, "ipv4_mapped", None) or one) for one in addresses} == {"127.0.0.1"}
            # A second one on the same port ends with a message.
            taken = subprocess.run(
                [*command[:-3], str(port), "--grpc-port", "0"], capture_output=True, text=True, check=False
            )
            assert taken.returncode == 2
            assert f"cannot listen on 127.0.0.1:{port}" in taken.stderr
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()


def test_a_wrong_folder_ends_it_at_once(tmp_path):
    ended = subprocess.run(
        [*_SHIPS, "--models", str(tmp_path / "nothing")], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "no such folder" in ended.stderr
    assert "Traceback" not in ended.stderr
