"""What a run leaves where it ends or is stopped: a policy and a summary; where it ends, its experience and a film."""

import json
from collections.abc import Mapping

from awac import checkpoint, storage
from awac.errors import EnvironmentFault
from awac.experience import write_experience
from awac.session import Session
from awac.video import RendererUnavailable, record


def leave(session: Session, metrics: Mapping[str, float]) -> None:
    """Writes policy, experience, summary and film, in this order: without a summary a resume makes the first two again.

    Raises:
        StorageError: something cannot be written; `awac resume` tries again.
    """
    experiment, folder = session.experiment, session.folder
    if session.learner.algorithm.act is None:
        session.learner.policy(session.card()).save(folder.policy)
    else:
        session.display.message(f"no policy file: {experiment.algorithm} acts through its critic, not its actor")
    if session.finished:  # one that was told to stop has five seconds: its experience waits in the journal
        _experience(session)
    best = checkpoint.best_step(folder.checkpoints)
    summary = {"step": session.step, "finished": session.finished, "best_checkpoint": best, **metrics}
    storage.write_file(folder.summary, json.dumps(summary, indent=2).encode() + b"\n")
    if session.finished and experiment.video:
        _film(session)


def _experience(session: Session) -> None:
    journal, cuts = session.journal, session.progress.cuts
    if journal.count:
        write_experience(journal, journal.count, cuts, session.folder.experience, session.experiment, session.env)


def _film(session: Session) -> None:
    experiment, path = session.experiment, session.folder.figures / "policy.mp4"
    if experiment.evaluation_parallel == 1:  # it is there once, and in use
        session.display.message(f"no film: evaluation_parallel is 1; see awac evaluate {session.folder.path} --video")
        return
    try:
        record(experiment.env, experiment.env_options, session.act_best, path, seed=session.evaluator.seed)
    except (EnvironmentFault, RendererUnavailable) as error:
        session.display.message(f"no film: {error}")
