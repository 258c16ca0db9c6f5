"""Environments that hang, die, refuse to begin or return nonsense (cases 24 to 26 of the list in docs/faults.md).

The run goes on, nothing bad is stored, and when it happens too often the run ends with exit code 5.
"""

import os
import signal
import subprocess
import sys
import textwrap
import time

import gymnasium
import numpy as np
import psutil
import pytest

from awac.batch import Provenance
from awac.collect import Collector
from awac.envs import Guard, make, snapshot
from awac.errors import CheckpointError, ConfigError, EnvironmentFault
from awac.exploration import Uniform

DEADLINE = 0.4

NASTY = """
    import os, time
    import gymnasium
    import numpy as np

    class Nasty(gymnasium.Env):
        def __init__(self, fault="none", at=20, always=False, render_mode=None):
            self.observation_space = gymnasium.spaces.Box(-1, 1, (3,), np.float32)
            self.action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
            self.fault, self.at, self.steps = fault, 1 if always else at, 0

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            if self.fault == "reset":
                time.sleep(1e6)
            self.position = np.zeros(3, np.float32)
            return self.position.copy(), {}

        def step(self, action):
            self.steps += 1
            self.position[:2] = action
            self.position[2] += 0.01
            if self.steps == self.at:
                if self.fault == "sleep":
                    time.sleep(1e6)
                if self.fault == "exit":
                    os._exit(7)
                if self.fault == "abort":
                    os.abort()
                if self.fault == "raise":
                    raise ValueError("the simulator is unwell")
            print("an environment may print")
            return self.position.copy(), 0.5, False, False, {"success": False, "other": object()}
"""


@pytest.fixture
def nasty(tmp_path, monkeypatch):
    """Makes the environment above in a process of its own; afterwards no process may be left."""
    (tmp_path / "nasty_environment.py").write_text(textwrap.dedent(NASTY))
    monkeypatch.syspath_prepend(str(tmp_path))
    made = []

    def build(**options):
        made.append(make("nasty_environment:Nasty", isolate=True, deadline=DEADLINE, **options))
        return made[-1]

    yield build
    for env in made:
        env.close()
    assert psutil.Process().children(recursive=True) == []


def act(observations):
    return np.full((len(observations), 2), 0.25, np.float32)


@pytest.mark.parametrize("fault", ["sleep", "exit", "abort", "raise"])
def test_a_run_survives_a_hang_a_crash_and_an_error(nasty, fault):
    collector = Collector(nasty(fault=fault, at=300), Provenance.ONLINE, 0)
    batch = collector.collect(act, 299)
    began = time.monotonic()
    following = collector.collect(act, 1)
    assert time.monotonic() - began < DEADLINE + 3.0  # under a second on an idle machine; this one may be busy
    assert collector.previous_truncated
    assert not batch.truncated.any()
    np.testing.assert_array_equal(following.observations, [[0.0, 0.0, 0.0]])  # a new episode
    assert (collector.budget.steps, collector.budget.faults) == (300, 1)


def test_a_fault_costs_one_process_and_the_next_one_is_alive(nasty):
    env = nasty(fault="exit", at=20)
    first = env.unwrapped.process.pid
    Collector(env, Provenance.ONLINE, 0).collect(act, 30)
    assert env.unwrapped.process.pid != first
    assert not psutil.pid_exists(first)


@pytest.mark.parametrize("fault", ["sleep", "exit", "reset"])
def test_five_in_a_row_end_the_run(nasty, fault):
    collector = Collector(nasty(fault=fault, always=True), Provenance.ONLINE, 0)
    with pytest.raises(EnvironmentFault, match="5 failures in a row; the last one: nasty_environment:Nasty") as caught:
        collector.collect(act, 10)
    assert caught.value.exit_code == 5


class Stubborn(gymnasium.Env):
    """Refuses to begin, some times."""

    observation_space = gymnasium.spaces.Box(-1, 1, (3,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, refusals):
        self.refusals = refusals

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.refusals -= 1
        if self.refusals >= 0:
            raise OSError("the robot is busy")
        return np.zeros(3, np.float32), {}

    def step(self, action):
        return np.zeros(3, np.float32), 0.0, False, False, {}


def test_a_reset_that_fails_three_times_is_tried_again():
    collector = Collector(Guard(Stubborn(3)), Provenance.ONLINE, 0)
    assert len(collector.collect(act, 2).rewards) == 2
    assert collector.budget.faults == 3


def test_a_reset_that_fails_five_times_ends_the_run():
    with pytest.raises(EnvironmentFault, match=r"5 failures in a row.*the robot is busy"):
        Collector(Guard(Stubborn(5)), Provenance.ONLINE, 0).collect(act, 2)


@pytest.mark.parametrize("fault", ["sleep", "none"])
def test_no_orphan_is_left_when_the_run_is_killed(nasty, tmp_path, fault):
    """The worker hangs in a step, or waits; the run gets SIGKILL; both are gone at once."""
    code = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        import numpy as np
        from awac.envs import make
        env = make("nasty_environment:Nasty", isolate=True, deadline=60.0, fault={fault!r}, at=2)
        env.reset(seed=0)
        env.step(np.zeros(2, np.float32))
        print(env.unwrapped.process.pid, flush=True)
        env.step(np.zeros(2, np.float32))
        input()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as run:
        while not (line := run.stdout.readline().strip()).isdigit():
            assert line == "an environment may print"
        time.sleep(0.3)
        worker = psutil.Process(int(line))
        run.kill()
        run.wait()
        _, alive = psutil.wait_procs([worker], timeout=3.0)
    assert alive == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_asks_the_run_to_stop_leaves_the_worker_to_answer(nasty, number):
    """Ctrl-C, schedulers and `timeout` reach every process; the run still wants the state of its environment."""
    env = nasty()
    env.reset(seed=0)
    os.kill(env.unwrapped.process.pid, number)
    env.step(np.zeros(2, np.float32))


def test_an_answer_to_another_question_is_refused(nasty, monkeypatch):
    env = nasty()
    env.reset(seed=0)
    monkeypatch.setattr(env.unwrapped.channel, "receive", lambda deadline: (1, {"value": None}))
    with pytest.raises(EnvironmentFault, match="answer 1 came to question 3"):
        env.step(np.zeros(2, np.float32))
    assert env.unwrapped.process is None


def test_isolation_changes_no_number():
    plain, apart = make("awac/DoorBinary-v0"), make("awac/DoorBinary-v0", isolate=True)
    try:
        assert str(plain.observation_space) == str(apart.observation_space)
        assert plain.action_space == apart.action_space
        assert apart.spec.id == "awac/DoorBinary-v0"
        assert apart.unwrapped.dapg_success_steps == 25
        one, two = Collector(plain, Provenance.ONLINE, 0), Collector(apart, Provenance.ONLINE, 0)
        batches = [c.collect(Uniform(plain.action_space, np.random.default_rng(0)), 230) for c in (one, two)]
        assert batches[0].map(np.ndarray.tobytes) == batches[1].map(np.ndarray.tobytes)
        state = two.state()
        assert all(isinstance(values, np.ndarray) for values in state.values())
        apart.close()  # a new process, with the state of the old one
        three = Collector(apart, Provenance.ONLINE, 0)
        three.restore(state)
        batches = [c.collect(Uniform(plain.action_space, np.random.default_rng(1)), 200) for c in (one, three)]
        assert batches[0].map(np.ndarray.tobytes) == batches[1].map(np.ndarray.tobytes)
        with pytest.raises(CheckpointError, match="integration"):
            snapshot.restore(apart, {"generator": np.frombuffer(b"{}", np.uint8), "env/integration": np.zeros(3)})
    finally:
        plain.close()
        apart.close()


def test_what_cannot_be_made_there_is_refused_here():
    with pytest.raises(ConfigError, match="nearest are awac/PenBinary-v0"):
        make("awac/PenBinry-v0", isolate=True)
    with pytest.raises(ConfigError, match="deadline=0 must be a positive number"):
        make("awac/PointMass-v0", isolate=True, deadline=0)


BAD = {
    "nan": np.float32([0.9, np.nan, 0.9]),
    "infinite": np.float32([0.9, np.inf, 0.9]),
    "shape": np.full(4, 0.9, np.float32),
    "dtype": np.full(3, 0.9, np.float64),
    "integers": np.full(3, 9),
    "nothing": None,
}


class Unreliable(gymnasium.Env):
    """Counts its steps in the observation, and now and then returns something else."""

    observation_space = gymnasium.spaces.Box(-1, 1, (3,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, kind, every):
        self.kind, self.every, self.calls, self.steps = kind, every, 0, 0

    def observe(self):
        return np.float32([self.steps, 0, 0]) / 1000

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.observe(), {}

    def step(self, action):
        self.calls += 1
        bad = self.calls % self.every == 0
        if not (bad and self.kind == "stale"):
            self.steps += 1
        observation, reward = self.observe(), 1.0
        if bad and self.kind == "reward":
            reward = np.nan
        elif bad and self.kind != "stale":
            observation = BAD[self.kind]
        return observation, reward, False, False, {}


@pytest.mark.parametrize("kind", [*BAD, "reward", "stale"])
def test_nothing_of_a_bad_step_is_stored(kind):
    collector = Collector(Guard(Unreliable(kind, every=150), stale_after=1), Provenance.ONLINE, 0)
    batch = collector.collect(act, 1000)
    assert all(np.isfinite(array).all() for array in batch.stored().values())
    steps = np.rint(1000 * batch.observations[:, 0]).astype(int)
    np.testing.assert_array_equal(np.rint(1000 * batch.next_observations[:, 0]).astype(int), steps + 1)
    assert np.flatnonzero(steps == 0).tolist() == [149 * i for i in range(7)]
    assert np.flatnonzero(batch.truncated).tolist() == [149 * i - 1 for i in range(1, 7)]
    assert collector.budget.faults == 6
    assert collector.drain() == []


@pytest.mark.parametrize("kind", [*BAD, "reward", "stale"])
def test_more_than_one_percent_ends_the_run(kind):
    collector = Collector(Guard(Unreliable(kind, every=90), stale_after=1), Provenance.ONLINE, 0)
    with pytest.raises(EnvironmentFault, match="steps failed, more than 1%") as caught:
        collector.collect(act, 10_000)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_clock_that_jumps_moves_no_deadline(nasty, monkeypatch, jump):
    env = nasty(fault="sleep", at=3)
    env.reset(seed=0)
    real, calls = time.time, []

    def jumping():
        calls.append(None)
        return real() + jump * len(calls)

    monkeypatch.setattr(time, "time", jumping)
    env.step(np.zeros(2, np.float32))
    env.step(np.zeros(2, np.float32))
    began = time.monotonic()
    with pytest.raises(EnvironmentFault, match=f"no answer within {DEADLINE:g} s"):
        env.step(np.zeros(2, np.float32))
    assert DEADLINE <= time.monotonic() - began < DEADLINE + 1.0
