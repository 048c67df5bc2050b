"""`python -m pushbot` is the same as `pushbot`."""

import gc
import signal


def main() -> None:
    """The command line; a Ctrl-C while its parts are being loaded ends it without a traceback."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # and not ignored, as it is for what a shell runs in the background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from pushbot.cli import main as command  # noqa: PLC0415 - that is what takes time

    signal.signal(signal.SIGINT, before)
    try:
        command(prog_name="pushbot")
    finally:
        gc.freeze()  # else Python looks through all that there is once more on its way out


if __name__ == "__main__":
    main()
