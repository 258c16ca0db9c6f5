"""Signals, and runs that meet in one folder or are resumed otherwise than they began: cases 9, 11 and 12."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from awac.errors import ConfigError, LockedError
from awac.run import RunFolder
from awac.signals import StopRequest

SAVING = """
import sys
from pathlib import Path
import numpy as np
from awac.run import RunFolder
from awac.saver import Saver
from awac.signals import StopRequest
with RunFolder.create(Path(sys.argv[1]), {}) as run, StopRequest() as stop:
    saver, step = Saver(run.checkpoints), 0
    while not stop.requested:
        step += 1
        saver.save(step, lambda: ({"buffer": {"rewards": np.full(200_000, step)}}, {"step": step}))
        print(step, flush=True)
    saver.save(step + 1, lambda: ({}, {"step": "last"}), last=True)
sys.exit(stop.exit_code)
"""

STUCK = """
import time
from awac.signals import StopRequest
with StopRequest() as stop:
    print("ready", flush=True)
    while not stop.requested:
        time.sleep(0.001)
    print("asked", flush=True)
    time.sleep(60)
"""

HOLDING = """
import os, sys, time
from pathlib import Path
from awac.run import RunFolder
run = RunFolder.open(Path(sys.argv[1]))
if not os.fork():  # an environment's process, which a kill of the run leaves behind
    print(os.getpid(), flush=True)  # by itself: its parent would say so before the fork has come to its end there
time.sleep(60)
"""


def start(script: str, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_in_a_save_saves_and_leaves(tmp_path, number, code):
    with start(SAVING, tmp_path / "run") as process:
        process.stdout.readline()
        asked = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=5) == code
        assert time.monotonic() - asked < 5
    manifests = sorted((tmp_path / "run" / "checkpoints").glob("step-*/manifest.json"))
    assert '"last"' in manifests[-1].read_text()
    assert not list((tmp_path / "run").rglob(".tmp-*"))
    RunFolder.open(tmp_path / "run").close()


@pytest.mark.parametrize(("second", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_second_signal_leaves_at_once(second, code):
    with start(STUCK) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "asked\n"
        asked = time.monotonic()
        process.send_signal(second)
        assert process.wait(timeout=5) == code
        assert time.monotonic() - asked < 0.5


def test_the_second_signal_gives_the_terminal_back():
    master, slave = os.openpty()
    command = [sys.executable, "-c", STUCK.replace("with Stop", "print(end='\\x1b[?25l')\nwith Stop")]
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        shown = b""
        for word in (b"ready", b"asked"):
            while word not in shown:
                shown += os.read(master, 1000)
            process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 143
        assert b"\x1b[?25h" in os.read(master, 1000), "the cursor is shown again"
    os.close(master)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_flag_and_the_handlers(number, code):
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with StopRequest() as stop:
        assert (stop.requested, stop.exit_code) == (False, 0)
        signal.raise_signal(number)
        assert (stop.requested, stop.exit_code) == (True, code)
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


def test_handlers_are_restored_after_an_error():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyError), StopRequest():
        raise KeyError
    assert signal.getsignal(signal.SIGTERM) == before


def test_in_another_thread_it_is_inert():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work() -> None:
        with StopRequest() as stop:
            seen.append((stop.requested, stop.exit_code, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, 0, before)]


def test_a_second_run_is_refused_and_a_dead_holder_taken_over(tmp_path):
    RunFolder.create(tmp_path / "run", {}).close()
    with start(HOLDING, tmp_path / "run") as holder:
        worker = int(holder.stdout.readline())
        asked = time.monotonic()
        with pytest.raises(LockedError, match=rf"pid {holder.pid} on host {os.uname().nodename}") as caught:
            RunFolder.open(tmp_path / "run")
        assert time.monotonic() - asked < 1.0
        assert caught.value.exit_code == 7
        holder.kill()
        holder.wait()
        RunFolder.open(tmp_path / "run").close()  # although the worker lives
        os.kill(worker, signal.SIGKILL)


def test_a_resume_with_another_configuration_is_refused(tmp_path):
    RunFolder.create(tmp_path, {"seed": 1, "logging": {"interval": 10}}).close()
    before = {path: path.read_bytes() for path in Path(tmp_path).rglob("*.json") if path.name == "config.json"}
    with RunFolder.open(tmp_path) as run:
        run.check_config({"seed": 1, "logging": {"interval": 50}}, may_change=("logging",))
        with pytest.raises(ConfigError, match="seed: 1 there, 2 now") as caught:
            run.check_config({"seed": 2, "logging": {"interval": 10}}, may_change=("logging",))
    assert caught.value.exit_code == 2
    assert {path: path.read_bytes() for path in before} == before
