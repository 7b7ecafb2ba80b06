"""Commands run to their end, or, where they hang, to a word of where every Python process of theirs stood."""

import os
import signal
import subprocess
import tempfile

PATIENCE_S = 600


def finished(arguments, patience_s=PATIENCE_S, env=None, **options):
    """The CompletedProcess of a command with its output. One that hangs fails the test and names the line it is at."""
    surroundings = {**(os.environ if env is None else env), "PYTHONFAULTHANDLER": "1"}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            [str(word) for word in arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=surroundings,
            start_new_session=True, **options,
        )  # fmt: skip
        try:
            process.wait(timeout=patience_s)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGABRT)
            process.wait(timeout=60)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise AssertionError(
                f"{arguments} did not end within {patience_s} s:\n{_told(out)}\n{_told(err)}"
            ) from None
        written = _told(out), _told(err)
    return subprocess.CompletedProcess(arguments, process.returncode, *written)


def _told(file):
    file.seek(0)
    return file.read().decode(errors="replace")
