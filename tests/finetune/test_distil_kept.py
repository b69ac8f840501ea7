"""What a teacher said, kept on disk: the same as if it were asked, and asked once."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ontogeny.core.errors import ArtifactError, UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.finetune.distil_kept import KeptAnswers, keep_top_tokens, places_of, record_type
from ontogeny.finetune.distil_teacher import Teacher
from ontogeny.model.divergence import TeacherStates, top_tokens
from ontogeny.tokenizer.codec import Tokenizer
from ontogeny.train.batches import Batch, Batches
from tests.finetune.distilled import Examples, make_student, make_teacher, make_tuning
from tests.finetune.test_step_adapters import Notes

COUNT = 6


def keep(
    teacher: Teacher,
    batches: Batches,
    path: Path,
    tokenizer: Tokenizer,
    *,
    count: int = COUNT,
    notes: Notes | None = None,
) -> KeptAnswers:
    return keep_top_tokens(
        teacher,
        batches,
        path=path,
        count=count,
        vocab_size=tokenizer.vocab_size,
        temperature=1.5,
        dtype=torch.float32,
        progress=notes or QuietProgress(),
    )


@pytest.fixture
def batches(tokenizer: Tokenizer, examples: Examples) -> Batches:
    return make_tuning(tokenizer, examples).batches(make_student(tokenizer))


def test_it_is_what_the_teacher_says(tmp_path: Path, tokenizer: Tokenizer, batches: Batches) -> None:
    teacher, notes = make_teacher(tokenizer), Notes()
    kept = keep(teacher, batches, tmp_path / "kept", tokenizer, notes=notes)
    places = places_of(batches)
    for step in range(3):  # other rows beside each other than when it was asked
        for batch, where in zip(batches.micro_batches(step), places.micro_batches(step), strict=True):
            found = kept.at(where.targets)
            expected = top_tokens(
                teacher.states(batch), count=COUNT, vocab_size=tokenizer.vocab_size, temperature=1.5
            )
            assert torch.equal(found.ids, expected.ids)
            torch.testing.assert_close(found.log_probabilities, expected.log_probabilities)
            torch.testing.assert_close(found.log_rest, expected.log_rest)
    size = (tmp_path / "kept").stat().st_size
    targets = sum(batch.supervised for batch in batches.every_row())
    assert size == targets * (8 * COUNT + 4)
    told = f"distil: the teacher's 6 likeliest tokens at {targets:,} places are computed once and kept, "
    assert notes.lines == [f"{told}{size / 1000:.1f} kB"]


@pytest.mark.parametrize("left", [0, 1, 1000, 10**9])
def test_an_attempt_that_was_killed_is_gone_on_with(
    tmp_path: Path, tokenizer: Tokenizer, batches: Batches, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept"
    teacher = make_teacher(tokenizer)
    keep(teacher, batches, path, tokenizer)
    whole, asked = path.read_bytes(), []
    path.write_bytes(whole[:left])

    def counted(self: Teacher, batch: Batch) -> TeacherStates:
        asked.append(batch.supervised)
        return states(self, batch)

    states = Teacher.states
    monkeypatch.setattr(Teacher, "states", counted)
    keep(teacher, batches, path, tokenizer)
    assert path.read_bytes() == whole
    missing = len(whole) - min(left, len(whole)) // record_type(COUNT).itemsize * record_type(COUNT).itemsize
    assert sum(asked) * record_type(COUNT).itemsize >= missing
    assert sum(asked[1:]) * record_type(COUNT).itemsize <= missing  # of the first batch a part may be there


def test_as_many_tokens_as_there_are(tmp_path: Path, tokenizer: Tokenizer, batches: Batches) -> None:
    with pytest.raises(
        UsageError, match=r"`top_tokens` \(\d+\) must be fewer than the \d+ that there are"
    ) as caught:
        keep(make_teacher(tokenizer), batches, tmp_path / "kept", tokenizer, count=tokenizer.vocab_size)
    assert caught.value.hint == "lower it, or leave it out to have the teacher asked in every step"


def test_a_folder_that_cannot_be_written(tmp_path: Path, tokenizer: Tokenizer, batches: Batches) -> None:
    with pytest.raises(ArtifactError, match="while keeping what the teacher says"):
        keep(make_teacher(tokenizer), batches, tmp_path / "nowhere" / "kept", tokenizer)
    assert not list(tmp_path.iterdir())
