"""`ships submit` with the real `kfp.Client`, against a server that keeps the rules of the API."""

import contextlib
import os
import re
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
import yaml
from kfp_server import KfpServer, serving

from kubeflow.names import run_parameters
from pipeline import cli
from pipeline.settings import load_settings

TASKS = ("plan", "ship-example-gen", "pusher")


@pytest.fixture
def server(monkeypatch, tmp_path):
    for name in ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_UI_ENDPOINT", "KF_PIPELINES_SA_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    # What a wide terminal shows; else rich would fold long lines.
    monkeypatch.setenv("COLUMNS", "200")
    with serving(KfpServer()) as server:
        yield server


@pytest.fixture
def file(tmp_path):
    return write_pipeline(tmp_path / "ships.yaml")


@pytest.fixture
def ships(monkeypatch, capsys):
    """Calls `ships submit` in this process: exit code and all that was printed."""

    def call(server, *arguments):
        host = server.host if isinstance(server, KfpServer) else server
        monkeypatch.setattr(
            sys, "argv", ["ships", "submit", "--host", host, "--poll-s", "0.01", *map(str, arguments)]
        )
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return code, printed.out + printed.err

    return call


def write_pipeline(file, image="registry.example/ships:v1", schema="2.1.0"):
    """A chain of three tasks with the parameters of a run: what the server looks at, without TFX."""
    container = {"image": image, "command": ["python", "-m", "kubeflow.entrypoint"]}
    components, tasks, before = {}, {}, []
    for name in TASKS:
        components[f"comp-{name}"] = {"executorLabel": f"exec-{name}"}
        tasks[name] = {"taskInfo": {"name": name}, "componentRef": {"name": f"comp-{name}"}}
        tasks[name]["dependentTasks"] = before
        before = [name]
    parameters = {}
    for name, default, description in run_parameters("/mnt/ships"):
        parameters[name] = {"parameterType": "STRING", "description": description}
        if default is not None:
            parameters[name] |= {"defaultValue": default, "isOptional": True}
    spec = {
        "schemaVersion": schema,
        "pipelineInfo": {"name": "ships"},
        "root": {"inputDefinitions": {"parameters": parameters}, "dag": {"tasks": tasks}},
        "components": components,
        "deploymentSpec": {"executors": {f"exec-{name}": {"container": container} for name in TASKS}},
    }
    platform = {"platforms": {"kubernetes": {"deploymentSpec": {"executors": {"exec-plan": {}}}}}}
    file.write_text(yaml.safe_dump_all([spec, platform]), encoding="utf-8")
    return file


DATA = ("--images", "s3://data/images", "--labels", "s3://data/labels.csv")


def test_a_run_is_uploaded_started_and_waited_for(server, file, ships):
    code, printed = ships(server, "--pipeline", file, *DATA, "--approval", "manual")
    assert code == 0, printed
    (run,) = server.runs
    assert run["runtime_config"]["parameters"] == {
        "images": "s3://data/images",
        "labels": "s3://data/labels.csv",
        "approval": "manual",
    }
    assert server.experiments[0]["display_name"] == "ships"
    assert f"{server.host}/#/runs/details/{run['run_id']}" in printed
    told = re.findall(r"  (\S+) +(running|succeeded after 0:00:07)\n", printed)
    assert told == [(task, state) for task in TASKS for state in ("running", "succeeded after 0:00:07")]
    assert "Succeeded after 0:00:30" in printed
    # Of Argo's own nodes and of kfp's own links nothing is told.
    assert "driver" not in printed
    assert "details:" not in printed


def test_an_unchanged_file_is_not_uploaded_twice_and_a_changed_one_is_a_new_version(server, file, ships):
    submit = ("--pipeline", file, *DATA, "--no-wait")
    assert "Uploaded version" in ships(server, *submit)[1]
    for image in ("v2", "v3", "v4"):
        write_pipeline(file, image=image)
        assert "Uploaded version" in ships(server, *submit)[1]
    write_pipeline(file)
    code, printed = ships(server, *submit)
    assert code == 0
    assert "The server has version" in printed
    assert len(server.pipelines) == 1
    assert len({version["display_name"] for version in server.versions}) == len(server.versions) == 4
    used = [run["pipeline_version_reference"]["pipeline_version_id"] for run in server.runs]
    assert used[-1] == used[0] == server.versions[0]["pipeline_version_id"]
    assert len(server.experiments) == 1


def test_a_pipeline_is_found_beyond_the_first_page(server, file, ships):
    # A server that takes no notice of filters still sends pages.
    server._page = lambda name, things, query: KfpServer._page(
        server, name, things, {key: value for key, value in query.items() if key != "filter"}
    )
    for name in ("a", "b", "c"):
        server._create(server.pipelines, "pipeline_id", {"display_name": name})
    for _ in range(2):
        assert ships(server, "--pipeline", file, *DATA, "--no-wait")[0] == 0
    assert [pipeline["display_name"] for pipeline in server.pipelines] == ["a", "b", "c", "ships"]


def test_the_text_of_a_profile_reaches_the_run(server, file, ships, tmp_path):
    profile = tmp_path / "mine.yaml"
    profile.write_text("segmenter:\n  steps: 11\n", encoding="utf-8")
    assert ships(server, "--pipeline", file, *DATA, "--no-wait", "--profile", profile)[0] == 0
    assert server.runs[-1]["runtime_config"]["parameters"]["profile"] == profile.read_text(encoding="utf-8")
    assert ships(server, "--pipeline", file, *DATA, "--no-wait", "--profile", "real-cpu")[0] == 0
    assert server.runs[-1]["runtime_config"]["parameters"]["profile"] == "real-cpu"


@pytest.mark.parametrize("overrides", [["segmenter.steps=13"], ["kubeflow.gpu_count=3"]])
def test_single_settings_reach_the_run_as_the_plan_reads_them(server, file, ships, tmp_path, overrides):
    options = [word for override in overrides for word in ("--set", override)]
    sent = ("--pipeline", file, *DATA, "--no-wait", "--profile", "default", *options)
    assert ships(server, *sent)[0] == 0
    text = server.runs[-1]["runtime_config"]["parameters"]["profile"]
    # The plan reads the text in this way, or the name.
    sent_file = tmp_path / "sent.yaml"
    sent_file.write_text(text, encoding="utf-8")
    read = load_settings(str(sent_file) if ":" in text else text)
    wanted = load_settings("default", overrides)
    assert read.model_dump(exclude={"kubeflow"}) == wanted.model_dump(exclude={"kubeflow"})


def test_a_failed_run_names_its_task_and_the_reason(server, file, ships):
    server.fails = {"ship-example-gen": "images: no such folder"}
    code, printed = ships(server, "--pipeline", file, *DATA)
    assert code == 1
    assert "task ship-example-gen: images: no such folder" in printed
    assert "failed: http" in printed
    assert "pusher" not in printed


def test_ctrl_c_ends_the_waiting_and_the_run_is_waited_for_again(server, file, ships):
    server.stuck = "ship-example-gen"

    def interrupt():
        if server.steps and max(server.steps.values()) > 6:
            os.kill(os.getpid(), signal.SIGINT)

    server.on_run = interrupt
    code, printed = ships(server, "--pipeline", file, *DATA)
    assert code == 130
    (run,) = server.runs
    assert f"ships submit --host {server.host} --resume {run['run_id']}" in printed
    assert run["state"] == "RUNNING"
    server.stuck, server.on_run = "", lambda: None
    code, printed = ships(server, "--resume", run["run_id"])
    assert code == 0
    assert re.search(r"pusher +succeeded", printed)
    assert len(server.runs) == 1


def test_an_outage_does_not_end_the_waiting(server, file, ships):
    def once():
        server.on_run = lambda: None
        server.outages = 3

    server.on_run = once
    code, printed = ships(server, "--pipeline", file, *DATA)
    assert code == 0
    assert printed.count("Trying again") == 1


def test_tokens_are_read_anew_and_refusals_say_what_to_do(server, file, ships, tmp_path):
    server.token = "right"
    submit = ("--pipeline", file, *DATA)
    code, printed = ships(server, *submit)
    assert code == 2
    assert "refuses: 401" in printed
    assert "--token-file" in printed
    token = tmp_path / "token"
    token.write_text("wrong\n", encoding="utf-8")
    code, printed = ships(server, *submit, "--token-file", token)
    assert code == 2
    assert "refuses: 403" in printed
    assert "User 'someone' is not authorized" in printed
    token.write_text("right\n", encoding="utf-8")

    def renew():
        server.token = "renewed"
        token.write_text("renewed\n", encoding="utf-8")

    server.on_run = renew
    assert ships(server, *submit, "--token-file", token)[0] == 0


def test_a_token_that_expires_ends_the_waiting_with_the_command_to_resume(server, file, ships, tmp_path):
    token = tmp_path / "token"
    token.write_text("right", encoding="utf-8")
    server.token = "right"
    server.on_run = lambda: setattr(server, "token", "another" if any(server.steps.values()) else "right")
    code, printed = ships(server, "--pipeline", file, *DATA, "--token-file", token)
    assert code == 2
    assert f"--token-file {token} --resume {server.runs[0]['run_id']}" in printed


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--labels", "labels.csv"], "--images and --labels"),
        ([*DATA, "--pipeline", "nowhere.yaml"], "cannot be read"),
        ([*DATA, "--pipeline", "ships.json"], "expected a .yaml file"),
        ([*DATA, "--set", "segmenter.steps=3"], "say of which --profile"),
        ([*DATA, "--profile", "unheard-of"], "expected one of"),
        ([*DATA, "--token-file", "nowhere"], "--token-file nowhere: cannot be read"),
        (["--resume", "unheard-of"], "Run unheard-of not found"),
    ],
)
def test_wrong_command_lines(server, file, ships, arguments, told):
    given = [] if "--pipeline" in arguments else ["--pipeline", file]
    code, printed = ships(server, *given, *arguments)
    assert code == 2
    assert told in printed
    assert not server.runs


def test_the_server_s_own_words_are_told(server, file, ships, tmp_path):
    write_pipeline(file, schema="2.0.0")
    code, printed = ships(server, "--pipeline", file, *DATA)
    assert code == 2
    assert "KFP only supports schema version 2.1.0, but the pipeline spec has version 2.0.0" in printed
    # Another pipeline, whose runs take no parameters.
    other = tmp_path / "other.yaml"
    first, second = yaml.safe_load_all(write_pipeline(other).read_text(encoding="utf-8"))
    del first["root"]["inputDefinitions"]["parameters"]["images"]
    other.write_text(yaml.safe_dump_all([first, second]), encoding="utf-8")
    code, printed = ships(server, "--pipeline", other, *DATA)
    assert code == 2
    assert "not required by pipeline: images" in printed
    # The pipeline that was made for the refused file is there to be used.
    assert ships(server, "--pipeline", write_pipeline(file), *DATA, "--no-wait")[0] == 0
    assert len(server.pipelines) == 1


def test_a_file_that_is_no_pipeline_is_refused_before_anything_is_sent(server, file, ships):
    file.write_text("a: [1, 2", encoding="utf-8")
    code, printed = ships(server, "--pipeline", file, *DATA)
    assert code == 2
    assert "no compiled pipeline" in printed
    assert not server.pipelines


def test_namespaces_of_a_server_with_many_users(server, file, ships):
    server.multi_user = True
    code, printed = ships(server, "--pipeline", file, *DATA)
    assert code == 2
    assert "give yours by --namespace" in printed
    assert ships(server, "--pipeline", file, *DATA, "--namespace", "ann")[0] == 0
    assert ships(server, "--pipeline", file, *DATA, "--namespace", "bob", "--no-wait")[0] == 0
    assert [pipeline["namespace"] for pipeline in server.pipelines] == ["ann", "bob"]
    assert [group["namespace"] for group in server.experiments] == ["ann", "bob"]


def test_nobody_listens(file, ships):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code, printed = ships(f"http://127.0.0.1:{port}", "--pipeline", file, *DATA)
    assert code == 2
    assert "does not answer: " in printed
    assert "refused" in printed
    code, printed = ships("localhost:8080", "--pipeline", file, *DATA)
    assert code == 2
    assert "expected http://" in printed


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (404, "application/json", "has no API of version v2beta1"),
        (200, "text/html", "answers with a web page"),
        (500, "text/html", "answers 500"),
    ],
)
def test_a_server_that_is_something_else(file, ships, status, kind, told):
    with something_else(status, kind) as host:
        code, printed = ships(host, "--pipeline", file, *DATA)
    assert code == 2
    assert told in printed
    assert "<" not in printed


@contextlib.contextmanager
def something_else(status, kind):
    """A server of Kubeflow Pipelines 1, or a login page."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = b"<html>Log in</html>" if "html" in kind else b'{"error": "Not Found", "code": 5}'
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}"
        finally:
            listening.shutdown()
            thread.join()


@pytest.mark.slow
def test_what_is_compiled_on_the_way_is_a_version_by_its_settings(server, ships):
    image = ("--set", "kubeflow.image=registry.example/ships", "--set")
    for tag, told in (("v1", "Uploaded"), ("v1", "The server has"), ("v2", "Uploaded")):
        code, printed = ships(server, *DATA, "--no-wait", *image, f"kubeflow.tag={tag}")
        assert code == 0, printed
        assert f"{told} version" in printed
    # All three runs kept the rules that the server checks before it compiles for Argo.
    assert len(server.runs) == 3
