"""A run while it goes on: data, learner, environment and records, and the steps that the loop in `train` takes."""

import logging
import time
from collections import deque
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from awac import checkpoint, storage
from awac.algorithms import ALGORITHMS
from awac.batch import Batch, Provenance
from awac.collect import Act, Collector, EpisodeRecord, records_from_array, records_to_array
from awac.config import Experiment, seed_of
from awac.data.buffer import mix_of
from awac.data.goals import relabelling_of
from awac.display import Display
from awac.envs import goal_layout, make
from awac.envs.guard import Guard
from awac.errors import ConfigError, DivergedError
from awac.evaluate import Evaluator
from awac.exploration import Uniform
from awac.journal import Journal
from awac.learner import Learner, Sampling, check_sampling
from awac.metrics import METRICS, MetricsWriter
from awac.prior import check_unchanged, load_prior, scaling_for
from awac.progress import Progress, regret_of, rollout_metrics
from awac.rollout import OnStep
from awac.run import RunFolder, is_unfinished
from awac.runtime import Card
from awac.saver import Saver
from awac.sinks import open_trackers

logger = logging.getLogger(__name__)

RECENT = 20  # finished episodes over which `rollout/` metrics are averaged
COLLAPSED = 0.02  # effective share of a batch below which a few transitions decide everything


class Session:
    """The parts of a run. `experiment` decides all of them; nothing else does."""

    def __init__(self, experiment: Experiment[Any], folder: RunFolder, display: Display) -> None:
        """Loads the data, makes environment and learner; nothing is written yet."""
        self.experiment, self.folder, self.display = experiment, folder, display
        if experiment.offline_steps and not experiment.data:
            raise ConfigError(f"offline_steps={experiment.offline_steps} needs data; give --data, or --offline-steps 0")
        self.env = self.make_env()
        with ExitStack() as stack:
            stack.callback(self.env.close)  # a robot is let go where the rest cannot be made
            prior, self.held_out, self.contents = load_prior(experiment, self.env)
            scaling = scaling_for(experiment, self.env, prior)
            self.mix, self.relabelling = mix_of(dict(experiment.mix)), None
            if experiment.relabel:
                layout = goal_layout(self.env)
                self.relabelling = relabelling_of(dict(experiment.relabel), layout, scaling)
            algorithm = ALGORITHMS[experiment.algorithm]
            self.learner = Learner(
                algorithm, experiment.hyperparameters, scaling, experiment.seed, experiment.buffer_capacity
            )
            check_sampling(algorithm, self.sampling(experiment.batch_size))
            if prior is not None:
                self.learner.insert(prior)
            self.collector = Collector(self.env, Provenance.ONLINE, seed_of(experiment, "environment"))
            episodes, parallel = experiment.evaluation_episodes, experiment.evaluation_parallel
            self.evaluator = Evaluator(self.make_env, episodes, seed_of(experiment, "evaluation"), parallel)
            if parallel == 1:
                self.evaluator.envs.append(self.env)  # a robot is there once
            self.journal = Journal(folder.journal)
            self.saver = Saver(folder.checkpoints)
            self.progress = Progress()
            self.recent: deque[EpisodeRecord] = deque(maxlen=RECENT)
            self.metrics: dict[str, float] = {}
            self.start_time, self.start_total = time.monotonic(), 0
            stack.pop_all()

    def make_env(self) -> Guard:
        """The experiment's environment."""
        experiment = self.experiment
        options: dict[str, Any] = dict(experiment.env_options)
        return make(experiment.env, isolate=experiment.isolate, deadline=experiment.deadline, **options)

    @cached_property
    def writer(self) -> MetricsWriter:
        """The metrics of a run that starts; `resume` puts another in its place."""
        return MetricsWriter(self.folder.path, self._trackers())

    @property
    def phase(self) -> str:
        """`offline` until the first environment step, then `online`."""
        return "online" if self.progress.online else "offline"

    @property
    def phase_steps(self) -> tuple[int, int]:
        """Steps done of the present phase, and its length."""
        if self.phase == "offline":
            return self.progress.offline, self.experiment.offline_steps
        return self.progress.online, self.experiment.online_steps

    @property
    def step(self) -> int:
        """Environment steps; before the first of them, minus the offline updates still to come."""
        return self.progress.online or self.progress.offline - self.experiment.offline_steps

    @property
    def total(self) -> int:
        """Offline updates and environment steps together: what checkpoints are named after."""
        return self.progress.offline + self.progress.online

    @property
    def finished(self) -> bool:
        """Whether both phases are done, and evaluated."""
        return self.progress.evaluated and (
            self.progress.offline >= self.experiment.offline_steps
            and self.progress.online >= self.experiment.online_steps
        )

    def advance(self) -> None:
        """One interval of the present phase: Algorithm 1, lines 5 to 12."""
        experiment = self.experiment
        if self.progress.offline < experiment.offline_steps:
            batch_size = experiment.offline_batch_size or experiment.batch_size
            # nothing is online yet: the shares of `mix` begin with the online phase
            self._update(experiment.interval, self.sampling(batch_size)._replace(mix=(), newest=0))
            self.progress = replace(self.progress, offline=self.progress.offline + experiment.interval)
            return
        if self.progress.online < experiment.random_steps:
            generator = np.random.default_rng([seed_of(experiment, "exploration"), self.progress.online])
            self._collect(Uniform(self.env.action_space, generator), experiment.interval)
            return
        self.learner.go_online()
        self._collect(self.learner.act, experiment.interval)
        if self.progress.online <= experiment.random_steps + experiment.warmup_steps:
            return
        self._update(round(experiment.interval * experiment.updates_per_step), self.sampling(experiment.batch_size))

    def sampling(self, batch_size: int) -> Sampling:
        """How batches are drawn online; offline, `advance` leaves out `mix` and `newest`."""
        newest = self.experiment.interval if self.learner.algorithm.on_policy else 0
        return Sampling(batch_size, self.mix, self.experiment.return_steps, newest, self.relabelling)

    def _collect(self, act: Act, steps: int) -> None:
        self.metrics = {}  # those of an earlier update must not be logged where none follows
        batch = self.collector.collect(act, steps)
        if self.collector.previous_truncated:
            self.learner.truncate_newest()
            self.progress = replace(self.progress, cuts=(*self.progress.cuts, self.progress.online))
        self.learner.insert(batch)
        self.journal.append(batch, self.collector.success)
        self.recent.extend(self.collector.drain())
        self.progress = replace(self.progress, online=self.progress.online + steps)

    def _update(self, count: int, sampling: Sampling) -> None:
        if not count:
            return
        try:
            self.metrics = self.learner.update(count, sampling)
        except DivergedError as error:
            parts = {"learner": self.learner.state(), "batch": self.learner.failing_batch(sampling)}
            place = checkpoint.save(self.folder.path / "diverged", self.total, parts, {"error": str(error)})
            raise DivergedError(f"{error}; the state and the batch are in {place}") from error

    def act_best(self, observations: np.ndarray) -> np.ndarray:
        """The mean action, or what the method takes for its best."""
        return self.learner.act(observations, deterministic=True)

    def evaluate(self, on_step: OnStep | None = None) -> dict[str, float]:
        """Plays the evaluation episodes with the mean action and writes their metrics.

        In an environment that it shares with the run, the run's episode ends here.

        Args:
            on_step: as in `awac.rollout.play`. Where it raises, the evaluation stays due.

        Raises:
            EnvironmentFault: too many faults; likewise.
        """
        self.progress = replace(self.progress, evaluated=False)
        if self.env in self.evaluator.envs:
            self.collector.cut()
        metrics = self.evaluator.evaluate(self.act_best, on_step).metrics()
        self.progress = replace(self.progress, evaluated=True)
        regret = regret_of(metrics)
        if regret is not None and self.progress.online:
            total, count = self.progress.regret_sum + regret, self.progress.regret_count + 1
            self.progress = replace(self.progress, regret_sum=total, regret_count=count)
            metrics["eval/regret"] = total / count
        self.writer.write(self.step, self.phase, metrics)
        self._show(metrics)
        return metrics

    def log(self) -> None:
        """Writes the metrics of the last update, of the recent episodes, and of the clock."""
        seconds = time.monotonic() - self.start_time
        share = self.metrics.get("train/weight_effective_sample_size", 1.0)
        if share < COLLAPSED:
            logger.warning(
                "step %d: the actor learns from %.1f %% of its batch; see divergence_bound", self.step, 100 * share
            )
        timing = {
            "time/elapsed": seconds,
            "time/fps": (self.total - self.start_total) / seconds,
            "time/total_timesteps": self.progress.online,
        }
        fit = {} if self.held_out is None else self.learner.behavior_metrics(self.held_out)
        self.writer.write(self.step, self.phase, {**self.metrics, **fit, **rollout_metrics(self.recent), **timing})
        self._show(self.metrics)

    def _show(self, values: Mapping[str, float]) -> None:
        self.display.update(self.phase, *self.phase_steps, values)

    def save(self, best: bool = False, last: bool = False, again: bool = False) -> bool:
        """Saves a checkpoint from which the run goes on to the last bit."""

        def collect() -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
            parts = {"learner": self.learner.state(), "collector": self.collector.state()}
            parts |= {"recent": {"records": records_to_array(self.recent)}, "scaling": vars(self.learner.scaling)}
            meta = self.progress.to_json() | {"prior": dict(self.contents)}
            meta |= {"journal": self.journal.commit(), "metrics": self.writer.position()}
            return parts, meta

        return self.saver.save(self.total, collect, best, last, again)

    def due(self, every: int) -> bool:
        """Whether a multiple of `every` steps of the phase, or its end, was reached just now."""
        done, total = self.phase_steps
        return done % every == 0 or done == total

    def note_if_best(self, metrics: Mapping[str, float]) -> bool:
        """Notes an evaluation that is the best so far, by its success and then its return; whether it was."""
        value = (metrics.get("eval/success_rate", 0.0), metrics["eval/mean_reward"])  # some tasks tell of success alone
        if value <= self.progress.best:
            return False
        self.progress = replace(self.progress, best=value)
        return True

    def restart(self) -> None:
        """Begins a run, or begins one again that was killed before its first checkpoint."""
        self.journal.truncate(0)
        if (self.folder.path / METRICS).exists():
            self.writer = MetricsWriter.resume(self.folder.path, 0, self.step - 1, self._trackers())

    @property
    def summarized(self) -> bool:
        """Whether nothing is left to do, also not the summary: such a run is left as it is."""
        return self.finished and not is_unfinished(self.folder.path)

    def restore(self, saved: checkpoint.Checkpoint) -> None:
        """Takes over a checkpoint: the learner, the environment, and the buffer from data and journal.

        Raises:
            CheckpointError: checkpoint or journal do not belong to this run.
            DataError: the prior data have changed.
        """
        meta = dict(saved.meta)
        check_unchanged(meta.pop("prior", {}), self.contents)  # checkpoints of earlier versions do not say
        count, position = meta.pop("journal"), meta.pop("metrics")
        self.progress = Progress.from_json(meta)
        self.start_total = self.total
        self.journal.truncate(count)
        self._replay(self.journal.read(count))
        self.learner.restore(saved.parts["learner"])
        self.collector.restore(saved.parts["collector"])
        self.recent.extend(records_from_array(saved.parts["recent"]["records"]))
        checkpoint.discard_newer(saved)
        self.writer = MetricsWriter.resume(self.folder.path, position, self.step, self._trackers())
        if self.folder.policy.exists() and not self.summarized:  # of an earlier stop: not the present policy
            storage.remove_folder(self.folder.policy)

    def _replay(self, batch: Batch | None) -> None:
        if batch is None:
            return
        for cut in self.progress.cuts:
            batch.truncated[cut - 1] = True
        for start in range(0, batch.size, self.experiment.interval):
            self.learner.insert(batch.map(lambda array, start=start: array[start : start + self.experiment.interval]))

    def card(self) -> Card:
        """What a policy of this run says of itself."""
        return Card(algorithm=self.experiment.algorithm, environment=self.experiment.env, step=self.step)

    def close(self) -> None:
        """Closes environments and files: all of them, also where one raises."""
        with ExitStack() as stack:
            stack.callback(self.evaluator.close)
            if self.env not in self.evaluator.envs:
                stack.callback(self.env.close)
            if "writer" in vars(self):  # made at the first line: a tracker that does not start has none to close
                stack.callback(self.writer.close)

    def _trackers(self) -> list[Any]:
        return open_trackers(self.experiment.sinks, self.folder.path, dict(self.folder.config))
