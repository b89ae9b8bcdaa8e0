"""A Kubeflow Pipelines API server of version v2beta1 over HTTP, with the rules of the real one.

Paths in comments are those of kubeflow/pipelines, under backend/src/apiserver. What it lacks is a cluster: a
run goes one step further each time that it is asked for.
"""

import json
import sys
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import yaml
from backend_rules import in_order, problems

_V2 = "/apis/v2beta1"
# common/util/consts.go, GetMaxParameterBytes: unless the variable MAX_PARAMETER_BYTES says otherwise.
_PARAMETER_BYTES = 10_000
_START = datetime.now(UTC)


class RefusedError(Exception):
    """What the server answers instead of what was asked for."""

    def __init__(self, status, message, **headers):
        super().__init__(message)
        self.status = status
        self.headers = headers


@dataclass
class KfpServer:
    """State of the server, and what a test wants of it.

    Attributes:
        token: bearer token that is demanded, "" for none.
        multi_user: whether namespaces are demanded.
        page_size: of lists, whatever is asked for.
        fails: task -> message of its failure.
        stuck: task that never ends.
        outages: number of answers from now on that are 503.
        on_run: called each time that a run is asked for.
    """

    token: str = ""
    multi_user: bool = False
    page_size: int = 2
    fails: dict = field(default_factory=dict)
    stuck: str = ""
    outages: int = 0
    on_run: object = lambda: None
    host: str = ""
    pipelines: list = field(default_factory=list)
    versions: list = field(default_factory=list)
    experiments: list = field(default_factory=list)
    runs: list = field(default_factory=list)
    steps: dict = field(default_factory=dict)

    def answer(self, method, path, query, headers, body):
        if self.outages and path != f"{_V2}/healthz":
            self.outages -= 1
            raise RefusedError(503, "upstream connect error")
        if self.token and headers.get("Authorization") is None:
            raise RefusedError(401, "Request header error: there is no user identity header.")
        if self.token and headers["Authorization"] != f"Bearer {self.token}":
            raise RefusedError(403, "User 'someone' is not authorized with reason: ")
        return self._route(method, path.removeprefix(_V2 + "/").split("/"), query, headers, body)

    def _route(self, method, parts, query, headers, body):  # noqa: PLR0911 (a table of the API)
        match method, parts:
            case "GET", ["healthz"]:
                return {"multi_user": self.multi_user}
            case "GET", ["pipelines"]:
                return self._page("pipelines", self._of_namespace(self.pipelines, query), query)
            case "POST", ["pipelines"]:
                return self._create(self.pipelines, "pipeline_id", json.loads(body))
            case "POST", ["pipelines", "upload_version"]:
                return self._upload(query, headers, body)
            case "GET", ["pipelines", pipeline, "versions"]:
                found = [version for version in self.versions if version["pipeline_id"] == pipeline]
                return self._page("pipeline_versions", found, query)
            case "GET", ["pipelines", pipeline, "versions", version]:
                return self._version(pipeline, version)
            case "GET", ["experiments"]:
                return self._page("experiments", self._of_namespace(self.experiments, query), query)
            case "POST", ["experiments"]:
                return self._create(self.experiments, "experiment_id", json.loads(body))
            case "POST", ["runs"]:
                return self._run(json.loads(body))
            case "GET", ["runs", run]:
                return self._look(run)
        raise RefusedError(404, "Not Found")

    def _of_namespace(self, things, query):
        """server/experiment_server.go, canAccessExperiment; a server for one user takes no notice."""
        namespace = query.get("namespace", "")
        if self.multi_user and not namespace:
            raise RefusedError(400, "An experiment cannot have an empty namespace in multi-user mode")
        return [thing for thing in things if not self.multi_user or thing["namespace"] == namespace]

    def _page(self, name, things, query):
        """Filtered by name, in pages, by `server/list_request_util.go`."""
        if query.get("filter"):
            (predicate,) = json.loads(query["filter"])["predicates"]
            assert (predicate["operation"], predicate["key"]) == (1, "display_name")
            things = [thing for thing in things if thing["display_name"] == predicate["stringValue"]]
        start = int(query.get("page_token") or 0)
        end = start + self.page_size
        page = {"total_size": len(things)}
        if things[start:end]:
            page[name] = things[start:end]
        if end < len(things):
            page["next_page_token"] = str(end)
        return page

    def _create(self, things, key, thing):
        self._of_namespace([], thing)
        if not thing.get("display_name"):
            raise RefusedError(400, "name is empty")
        if any(
            (other["display_name"], other.get("namespace")) == (thing["display_name"], thing.get("namespace"))
            for other in things
        ):
            raise RefusedError(409, f"The name {thing['display_name']} already exists")
        things.append({**thing, key: str(uuid.uuid4())})
        return things[-1]

    def _upload(self, query, headers, body):
        """server/pipeline_upload_server.go, UploadPipelineVersion; its errors have another form."""
        content = b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body
        (part,) = message_from_bytes(content, policy=HTTP).iter_parts()
        assert part.get_param("name", header="content-disposition") == "uploadfile"
        if not part.get_filename().endswith((".yaml", ".yml")):
            raise RefusedError(400, "Failed to create a pipeline version")
        if not any(pipeline["pipeline_id"] == query["pipelineid"] for pipeline in self.pipelines):
            raise RefusedError(400, "Failed to create a pipeline version")
        name = query["name"]
        siblings = [version for version in self.versions if version["pipeline_id"] == query["pipelineid"]]
        if any(version["display_name"] == name for version in siblings):
            raise RefusedError(409, "Failed to create a pipeline version")
        spec = _template(part.get_payload(decode=True))
        self.versions.append(
            {
                "pipeline_id": query["pipelineid"],
                "pipeline_version_id": str(uuid.uuid4()),
                "display_name": name,
                "pipeline_spec": spec,
            }
        )
        return self.versions[-1]

    def _version(self, pipeline, name):
        for version in self.versions:
            if version["pipeline_version_id"] == name:
                if version["pipeline_id"] != pipeline:
                    raise RefusedError(400, "pipeline ID should be parent of pipeline version.")
                return version
        raise RefusedError(404, f"PipelineVersion {name} not found")

    def _run(self, run):
        """server/run_server.go, createRun."""
        if not run.get("display_name"):
            raise RefusedError(400, "The run name is empty. Please specify a valid name")
        if run["experiment_id"] not in {group["experiment_id"] for group in self.experiments}:
            raise RefusedError(404, f"Experiment {run['experiment_id']} not found")
        reference = run["pipeline_version_reference"]
        documents = self._version(reference["pipeline_id"], reference["pipeline_version_id"])["pipeline_spec"]
        parameters = run["runtime_config"].get("parameters", {})
        if len(json.dumps(parameters)) > _PARAMETER_BYTES:
            raise RefusedError(400, f"The input parameter length exceed maximum size of {_PARAMETER_BYTES}")
        _check_parameters(documents["pipeline_spec"], parameters)
        if found := problems(documents["pipeline_spec"], documents["platform_spec"]):
            raise RefusedError(400, f"Failed to compile job: {found}")
        self.runs.append(
            {**run, "run_id": str(uuid.uuid4()), "created_at": _rfc3339(_START), "state": "PENDING"}
        )
        self.steps[self.runs[-1]["run_id"]] = 0
        return self.runs[-1]

    def _look(self, run_id):
        self.on_run()
        run = next((run for run in self.runs if run["run_id"] == run_id), None)
        if run is None:
            raise RefusedError(404, f"Run {run_id} not found")
        self._advance(run)
        self.steps[run_id] += 1
        return run

    def _advance(self, run):
        """Nodes of Argo as the API shows them: drivers, executors and DAGs beside the tasks themselves."""
        reference = run["pipeline_version_reference"]
        version = self._version(reference["pipeline_id"], reference["pipeline_version_id"])
        tasks = in_order(version["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"])
        begun = [name for number, name in enumerate(tasks) if self.steps[run["run_id"]] > 2 * number + 1]
        for stop in (self.stuck, *self.fails):
            if stop in begun:
                begun = begun[: begun.index(stop) + 1]
        nodes, run["state"] = [_node("root", "RUNNING", 0), _node("root-driver", "SUCCEEDED", 0)], "RUNNING"
        for number, name in enumerate(begun):
            ended = name != self.stuck and self.steps[run["run_id"]] > 2 * number + 2
            state = ("FAILED" if name in self.fails else "SUCCEEDED") if ended else "RUNNING"
            nodes += [_node(f"{name}-driver", "SUCCEEDED", number), _node("executor", state, number)]
            nodes.append(_node(name, state, number, self.fails.get(name, "")))
            if state == "FAILED" or (ended and name == tasks[-1]):
                run["state"] = state
                run["finished_at"] = _rfc3339(_START + timedelta(seconds=10 * len(begun)))
        if not self.steps[run["run_id"]]:
            run["state"] = "PENDING"
        run["run_details"] = {"task_details": nodes}


def _template(content):
    """template/v2_template.go, NewV2SpecTemplate."""
    documents = list(yaml.safe_load_all(content))
    specs = [document for document in documents if "pipelineInfo" in document]
    if not specs:
        raise RefusedError(400, "no pipeline spec is provided")
    version = specs[0].get("schemaVersion")
    if version != "2.1.0":
        raise RefusedError(
            400, f"KFP only supports schema version 2.1.0, but the pipeline spec has version {version}"
        )
    (platform,) = (document for document in documents if "platforms" in document)
    return {"pipeline_spec": specs[0], "platform_spec": platform}


def _check_parameters(spec, parameters):
    """template/v2_template.go, validatePipelineJobInputs."""
    declared = spec["root"]["inputDefinitions"]["parameters"]
    for name, definition in declared.items():
        if name not in parameters and not definition.get("isOptional") and "defaultValue" not in definition:
            raise RefusedError(
                400,
                f"parameter {name} is not optional, yet has neither default value nor user provided value",
            )
        if not isinstance(parameters.get(name, ""), str):
            raise RefusedError(400, f"input parameter {name} requires type string")
    if extra := set(parameters) - set(declared):
        raise RefusedError(400, f"parameter(s) provided are not required by pipeline: {', '.join(extra)}")


def _node(name, state, number, message=""):
    started = _START + timedelta(seconds=10 * number)
    node = {"display_name": name, "state": state, "start_time": _rfc3339(started)}
    # util/workflow.go gives the zero time to what has not ended.
    node["end_time"] = (
        _rfc3339(started + timedelta(seconds=7)) if state != "RUNNING" else "1970-01-01T00:00:00Z"
    )
    return {**node, "error": {"code": 13, "message": message}} if message else node


def _rfc3339(when):
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def serving(server):
    """Let it listen on a free port, `server.host`."""

    class Handler(BaseHTTPRequestHandler):
        def _handle(self):
            address = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(address.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                status, told = 200, server.answer(self.command, address.path, query, self.headers, body)
            except RefusedError as error:
                status, told = error.status, {"error": str(error), "code": 3, "message": str(error)}
                if "upload" in address.path:
                    told = {"error_message": str(error), "error_details": str(error)}
            self._send(status, "application/json", json.dumps(told).encode())

        def _send(self, status, kind, content):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _handle  # noqa: N815 (http.server's names)

        def log_message(self, *arguments):
            pass

    class Listening(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            # Clients that Ctrl-C ends hang up in the middle of an answer.
            if not isinstance(sys.exception(), ConnectionError):
                super().handle_error(request, client_address)

    with Listening(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        server.host = f"http://127.0.0.1:{listening.server_port}"
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()
