"""One of the processes that run a step together: `python -m ontogeny.recipe.rank JOB.json`, started by torchrun."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from ontogeny.core.errors import OntogenyError
from ontogeny.core.process import end_with_parent, keep_arrow_from_pandas
from ontogeny.core.progress import Progress, QuietProgress
from ontogeny.recipe.job import Job
from ontogeny.recipe.relay import ToldProgress
from ontogeny.train.ranks import OnlyFirstGoesOn, meet

PIPE = "ONTOGENY_PROGRESS"  # environment: where progress is told
WIDTH = "ONTOGENY_PROGRESS_WIDTH"  # characters
RESTARTS = "TORCHELASTIC_RESTART_COUNT"  # torchrun's


def main() -> None:
    """Run the job of the command line as the rank that torchrun gave.

    An error that a user can act on is the outcome of the job, and this process ends well, so that torchrun does not
    try again; whatever else happens ends it with a traceback, and torchrun starts all ranks anew.
    """
    end_with_parent(signal.SIGKILL)
    keep_arrow_from_pandas()
    job, rank = Job.read(Path(sys.argv[1])), int(os.environ["RANK"])
    if job.outcome_path.exists():
        return
    try:
        progress = _progress() if rank == 0 else QuietProgress()
        _note_restart(progress, job)
        with meet(job.device):
            outputs = job.run(rank, progress)
        if rank == 0:
            job.succeed(outputs)
    except OnlyFirstGoesOn:
        return
    except OntogenyError as error:
        job.fail(error)
    except Exception:
        if not job.outcome_path.exists():  # else it is the end of another process that was felt here
            raise


def _progress() -> Progress:
    """A line to the process that started torchrun, where there is one."""
    pipe = os.environ.get(PIPE)
    if pipe is None:
        return QuietProgress()
    return ToldProgress(Path(pipe).open("w"), width=int(os.environ[WIDTH]))


def _note_restart(progress: Progress, job: Job) -> None:
    """Say that torchrun started everything anew, where it did."""
    number = int(os.environ.get(RESTARTS, "0"))
    if number:
        progress.note(
            f"a process of this step died, and all were started anew (restart {number}); what it said, if anything, "
            f"is in {job.folder}/logs"
        )


if __name__ == "__main__":
    main()
