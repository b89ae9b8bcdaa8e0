"""A served model for the tests of this folder."""

from served_models import client, saved_model  # noqa: F401 - fixtures
