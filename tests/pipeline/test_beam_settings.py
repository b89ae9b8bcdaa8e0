"""What the settings of the section beam become, by the parser of the Beam release that is installed."""

import socket

import pytest
from apache_beam.options.pipeline_options import (
    FlinkRunnerOptions,
    GoogleCloudOptions,
    PipelineOptions,
    PortableOptions,
    StandardOptions,
    WorkerOptions,
)
from apache_beam.options.pipeline_options import (
    TestOptions as DryRunOptions,
)
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.runners import create_runner
from apache_beam.runners.dataflow.dataflow_runner import DataflowRunner
from apache_beam.runners.portability.flink_runner import FlinkRunner
from tfx.utils.dependency_utils import make_beam_dependency_flags

from components.errors import SettingsError
from pipeline.beam_settings import check_reached, outside_runner
from pipeline.settings import load_settings

PORTABLE = {"runner": "portable", "job_endpoint": "localhost:8099", "worker_pool": "localhost:50000"}
FLINK = {"runner": "flink", "flink_master": "flink-rest:8081", "worker_pool": "localhost:50000"}
DATAFLOW = {
    "runner": "dataflow",
    "project": "sea",
    "region": "europe-west4",
    "temp_location": "gs://bucket/temp",
    "worker_image": "registry.example/ships-beam:v1",
}


def _settings(changes):
    given = [f"beam.{name}={value}" for name, value in changes.items() if value != ""]
    return load_settings("default", given).beam


def _parsed(changes):
    """The options as Beam understands them, after it has found nothing that it does not know or want."""
    options = PipelineOptions(_settings(changes).options())
    everything = options.get_all_options(retain_unknown_options=True)
    assert set(everything) == set(options.get_all_options())
    runner = create_runner(options.view_as(StandardOptions).runner)
    # Else Dataflow's are asked for over the network.
    options.view_as(DryRunOptions).dry_run = True
    assert PipelineOptionsValidator(options, runner).validate() == []
    return options


def test_local_has_no_options():
    assert _settings({}).options() == []


def test_args_alone_are_passed_on_whatever_runner_they_name():
    assert _settings({"args": "[--runner=SparkRunner, --x]"}).options() == ["--runner=SparkRunner", "--x"]


@pytest.mark.parametrize("settings", [PORTABLE, FLINK, {**FLINK, "job_endpoint": "flink-jobs:8099"}])
def test_a_worker_pool_is_an_external_environment(settings):
    portable = _parsed(settings).view_as(PortableOptions)
    assert (portable.environment_type, portable.environment_config) == ("EXTERNAL", "localhost:50000")
    assert portable.job_endpoint == settings.get("job_endpoint")
    # The default, 300 s, ends longer jobs.
    assert portable.job_server_timeout > 24 * 3600


@pytest.mark.parametrize("settings", [PORTABLE, FLINK])
def test_an_image_is_a_docker_environment(settings):
    options = _parsed({**settings, "worker_pool": "", "worker_image": "registry.example/ships-beam:v1"})
    portable = options.view_as(PortableOptions)
    assert portable.environment_type == "DOCKER"
    assert portable.environment_config == "registry.example/ships-beam:v1"


def test_flink_is_told_its_master_and_how_many_tasks():
    options = _parsed({**FLINK, "parallelism": 8, "args": "[--flink_version=1.19]"})
    flink = options.view_as(FlinkRunnerOptions)
    assert (flink.flink_master, flink.parallelism, flink.flink_version) == ("flink-rest:8081", 8, "1.19")
    assert isinstance(create_runner(options.view_as(StandardOptions).runner), FlinkRunner)


def test_dataflow_is_told_project_place_and_image():
    options = _parsed({**DATAFLOW, "parallelism": 8, "args": "[--service_account_email=a@b]"})
    cloud, workers = options.view_as(GoogleCloudOptions), options.view_as(WorkerOptions)
    assert (cloud.project, cloud.region, cloud.temp_location) == ("sea", "europe-west4", "gs://bucket/temp")
    assert cloud.service_account_email == "a@b"
    assert workers.sdk_container_image == "registry.example/ships-beam:v1"
    assert workers.max_num_workers == 8
    assert isinstance(create_runner(options.view_as(StandardOptions).runner), DataflowRunner)


@pytest.mark.parametrize("settings", [PORTABLE, FLINK, DATAFLOW])
def test_tfx_does_not_pack_itself_for_workers_that_have_it(settings):
    options = _settings(settings).options()
    assert make_beam_dependency_flags(options) == options


def test_a_job_service_is_looked_for_before_a_run():
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"127.0.0.1:{server.getsockname()[1]}"
        check_reached(endpoint)
    with pytest.raises(SettingsError, match=f"beam.job_endpoint = '{endpoint}': nobody listens there"):
        check_reached(endpoint)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"runner": "spark"}, ["beam.runner", "'spark'", "local, portable, flink, dataflow"]),
        ({"runner": "portable"}, ["portable", "job_endpoint", "host:port"]),
        ({**PORTABLE, "job_endpoint": "localhost"}, ["beam.job_endpoint", "'localhost'", "host:port"]),
        ({**PORTABLE, "worker_pool": "http://a:1/"}, ["beam.worker_pool", "'http://a:1/'", "host:port"]),
        ({**PORTABLE, "worker_pool": ""}, ["portable", "worker_pool", "worker_image", "neither"]),
        ({**PORTABLE, "worker_image": "a"}, ["portable", "worker_pool", "worker_image", "both"]),
        ({"job_endpoint": "localhost:8099"}, ["job_endpoint", "'localhost:8099'", "portable", "local"]),
        ({**PORTABLE, "parallelism": 4}, ["parallelism", "4", "flink and dataflow"]),
        ({**FLINK, "parallelism": 0}, ["beam.parallelism", "0", ">= 1"]),
        ({**FLINK, "flink_master": ""}, ["flink", "flink_master", "job_endpoint"]),
        ({**FLINK, "flink_master": "flink"}, ["beam.flink_master", "'flink'", "host:port"]),
        ({"runner": "dataflow"}, ["project", "region", "temp_location", "worker_image", "gs://"]),
        ({**DATAFLOW, "region": ""}, ["dataflow", "beam.region", "europe-west4"]),
        ({**DATAFLOW, "temp_location": "/tmp"}, ["beam.temp_location", "'/tmp'", "gs://"]),
        ({**DATAFLOW, "worker_pool": "localhost:1"}, ["worker_pool", "dataflow"]),
        ({**DATAFLOW, "args": "[--runner=FlinkRunner]"}, ["args", "runner", "dataflow"]),
    ],
)
def test_what_cannot_work_is_refused_with_what_to_do(changes, parts):
    with pytest.raises(SettingsError) as error:
        _settings(changes)
    for part in parts:
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("options", "runner"),
    [
        ([], ""),
        (["--direct_num_workers=2"], ""),
        (["--runner=FlinkRunner", "--flink_version=1.19"], "FlinkRunner"),
        (["--flink_version=1.19", "--runner", "apache_beam.runners.SparkRunner"], "SparkRunner"),
        (["--runner=DirectRunner"], ""),
        (["--runner=directrunner"], ""),
        (["--runner=apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"], ""),
    ],
)
def test_a_runner_outside_is_told_from_one_in_the_process(options, runner):
    assert outside_runner(options) == runner
