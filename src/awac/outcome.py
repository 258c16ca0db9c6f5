"""What a run leaves where it ends or is stopped: a policy and a summary; where it ends, its experience and a film."""

import json
from collections.abc import Mapping

from awac import storage
from awac.collect import action_bounds
from awac.experience import write_experience
from awac.session import Session
from awac.video import RendererUnavailable, record


def leave(session: Session, metrics: Mapping[str, float]) -> None:
    """Writes all of it. The summary comes after what a resume makes again where there is none, the film after that.

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
    summary = {"step": session.step, "finished": session.finished, **metrics}
    storage.write_file(folder.summary, json.dumps(summary, indent=2).encode() + b"\n")
    if session.finished and experiment.video:
        _film(session)


def _experience(session: Session) -> None:
    batch = session.journal.read()
    if batch is not None:
        bounds = action_bounds(session.env)
        write_experience(batch, session.progress.cuts, session.folder.experience, session.experiment, bounds)


def _film(session: Session) -> None:
    experiment, path = session.experiment, session.folder.figures / "policy.mp4"
    try:
        record(experiment.env, experiment.env_options, session.act_best, path, seed=session.evaluator.seed)
    except RendererUnavailable as error:
        session.display.message(f"no film: {error}")
