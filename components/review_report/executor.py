"""Executor of ReviewReport: the edges between TFX and the page."""

import posixpath

from absl import logging
from tfx import v1 as tfx
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import json_utils

from components.files import write_bytes
from components.review_report.card import model_card
from components.review_report.page import Origin, code_digests, render
from components.review_report.review import Sources, review
from components.review_report.settings import CARD_FILE, PAGE_FILE, ReviewSettings

# In place of an id in the commands, where the platform gives none.
_ANY_RUN = "RUN"


class Executor(base_executor.BaseExecutor):
    """Writes the page about a judged model; a plain pass over the drawn images, without Beam."""

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[tfx.dsl.Artifact]],
        output_dict: dict[str, list[tfx.dsl.Artifact]],
        exec_properties: dict[str, object],
    ) -> None:
        """Inputs and outputs as `ReviewReport` declares them."""
        artifacts = {name: made[0] for name, made in input_dict.items() if made}
        uris = {name: artifact.uri for name, artifact in artifacts.items()}
        found = review(
            Sources(**uris),
            json_utils.loads(str(exec_properties["example_splits"])),
            ReviewSettings.model_validate_json(str(exec_properties["settings"])),
        )
        run = getattr(self._context, "pipeline_run_id", None) if self._context else None
        origin = Origin(
            run=run or _ANY_RUN,
            root=str(exec_properties["root"]),
            artifacts=tuple(
                (name.replace("_", " "), str(artifact.id), artifact.uri)
                for name, artifact in sorted(artifacts.items())
            ),
            digests=(("data digest", str(exec_properties["data_digest"])), *code_digests()),
        )
        folder = artifact_utils.get_single_uri(output_dict["review"])
        page = posixpath.join(folder, PAGE_FILE)
        write_bytes(page, render(found, origin).encode())
        write_bytes(posixpath.join(folder, CARD_FILE), model_card(found, origin).encode())
        logging.info(
            "ReviewReport: %d of %d images looked at; the page is %s",
            len(found.sample.images),
            found.sample.total,
            page,
        )
