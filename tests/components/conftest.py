import pytest
from absl import logging
from apache_beam.options.pipeline_options import StandardOptions
from hypothesis import settings

# `make fuzz`: the files test_fuzz_*.py with this many examples a test.
settings.register_profile("fuzz", max_examples=5000, deadline=None)


@pytest.fixture(scope="session", autouse=True)
def beam_in_process():
    """Beam stages run in the test's process, as in a local run (see pipeline.local), and can be heard."""
    with pytest.MonkeyPatch.context() as patch:
        in_process = "apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"
        patch.setattr(StandardOptions, "DEFAULT_RUNNER", in_process)
        logging.set_verbosity(logging.INFO)
        yield
