"""What holds for all tests."""

import signal


def pytest_configure() -> None:
    """Take Ctrl-C up again where it is ignored: so a shell starts what it runs in the background.

    Tests that interrupt a wait would wait forever, and programs that they start inherit it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
