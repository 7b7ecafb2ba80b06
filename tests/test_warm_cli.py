"""The commands that start warm end as those that start cold do: output, folder, environment, status, and signals."""

import os
import signal
import subprocess
import time

import pytest

WAIT_S = 60


@pytest.fixture
def shell(warm_cli, tmp_path):
    """Runs a line of sh with the warm commands in front."""

    def run(line, **options):
        environment = {**os.environ, "PATH": f"{warm_cli}:{os.environ['PATH']}", "MARK": "here"}
        return subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            **options,
        )

    return run


@pytest.mark.parametrize(
    ("line", "status", "out", "err"),
    [
        ("ceruleanml nonsense", 2, "", "ceruleanml: No such command 'nonsense'.\n"),
        ("python -c 'import os; print(os.getcwd(), os.environ[\"MARK\"])'", 0, "{folder} here\n", ""),
        ("echo 'import sys; print(sys.argv, sys.path[0])' | python - a", 0, "['-', 'a'] \n", ""),
        ("echo 'print(__name__, __file__[-4:])' > a.py; python a.py", 0, "__main__ a.py\n", ""),
        ("python -c 'import sys; sys.exit(\"why\")'", 1, "", "why\n"),
        ("python -c 'import atexit; atexit.register(print, 1); print(0)'", 0, "0\n1\n", ""),
        ("python -c 'print(1, end=str())' | cat; exit ${PIPESTATUS[0]}", 0, "1", ""),
        ("exec python -c 'import os; os.kill(os.getpid(), 9)'", -9, "", ""),
        ("exec python -c 'import os; os.kill(os.getpid(), 15)'", -15, "", ""),
    ],
)
def test_a_command_ends_as_its_process_does(shell, tmp_path, line, status, out, err):
    done = shell(line)
    assert (done.returncode, done.stdout, done.stderr) == (status, out.format(folder=tmp_path), err)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGABRT])
def test_a_signal_to_the_command_ends_what_it_started(warm_cli, tmp_path, number):
    began = tmp_path / "began"
    code = f"import os, time; open({str(began)!r}, 'x').write(str(os.getpid())); time.sleep({WAIT_S})"
    with subprocess.Popen([warm_cli / "python", "-c", code]) as process:
        until = time.monotonic() + WAIT_S
        while not (began.exists() and began.read_text()):
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(number)
        assert process.wait(timeout=WAIT_S) == -number
    child = f"/proc/{began.read_text()}"
    while os.path.exists(child):
        assert time.monotonic() < until
        time.sleep(0.02)
