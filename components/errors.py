"""Errors that a user can act on. Everything else that is raised is a bug."""


class ShipsError(Exception):
    """Base of the errors whose message is written for the user; the command line prints no traceback."""


class InputError(ShipsError):
    """The given folder, table or model cannot be used at all (a single bad file is quarantined instead)."""


class SettingsError(ShipsError):
    """A setting is unknown or has a wrong value; the message names field, value and expectation."""


class TrainingError(ShipsError):
    """Training cannot start or has diverged; the message names the cause and the setting to change."""
