"""What holds for every test: shapes and types are checked where arrays flow, and no run differs from the last.

The learner's modules are imported with jaxtyping and beartype switched on, so that a signature that does not tell the
truth fails. Implicit rank promotion is an error: it is how a critic's (n, 1) minus (n,) turns into (n, n) unseen.
"""

from pathlib import Path

import jax
import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

LEARNER = ("objectives", "distributions", "networks", "algorithm", "algorithms", "data.buffer", "data.goals")
LEARNER += ("behavior", "divergences", "dual_objectives", "natural_gradient", "pessimism", "projections", "returns")
LEARNER += ("critics", "soft", "data.trajectories")
MAPPED_FILES = Path("/proc/self/maps")  # of Linux, where a process may map 65 530 regions
MAPPED_LIMIT = 30_000

jax.config.update("jax_numpy_rank_promotion", "raise")
install_import_hook([f"awac.{module}" for module in LEARNER], "beartype.beartype")

# a busy machine is slow, which says nothing about the code
settings.register_profile(
    "awac", deadline=None, max_examples=30, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("awac")


@pytest.fixture(scope="module")
def quick_compilation():
    """Compiles fast rather than well: for tests of what is computed, where compiling is most of their time.

    Programs compiled so round otherwise in the last digit, and JAX keeps them: they are forgotten at the end, or a test
    that compares bits with another process would meet them.
    """
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    jax.clear_caches()


@pytest.fixture(autouse=True)
def room_for_programs():
    """Forgets compiled programs before they fill the process: each maps regions, and XLA aborts where none is left."""
    yield
    if MAPPED_FILES.exists() and MAPPED_FILES.read_bytes().count(b"\n") > MAPPED_LIMIT:
        jax.clear_caches()
