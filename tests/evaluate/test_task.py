"""Tasks as suites: what is asked, gathered, left out, and told."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from ontogeny.core.errors import DataError, OntogenyError, UsageError
from ontogeny.core.progress import QuietProgress
from ontogeny.data.classifier import train_classifier
from ontogeny.data.texts import Texts
from ontogeny.evaluate import task
from ontogeny.evaluate.config import EvaluateConfig
from ontogeny.evaluate.record import record_of
from ontogeny.evaluate.runner import Assignment, Evaluation, Source, evaluate
from ontogeny.evaluate.step import task_files
from ontogeny.evaluate.subject import Subject
from ontogeny.evaluate.suites import TaskSuite
from tests.evaluate.conftest import FakeReader, FakeSubject, subject

CHOOSING = """
type: multiple-choice
data: rows.jsonl
question: q
choices: c
answer: a
cluster: topic
metrics: [acc, acc_norm, mcc, brier_score]
"""


class Noting(QuietProgress):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """24 questions whose right choice repeats a word of the question, in 12 topics; a task that writes; a group."""
    rows = [
        {
            "q": f"About word{n} mean",
            "c": [f"word{n} in short", f"nothing{n % 5}"],
            "a": n % 7 == 0,
            "topic": n // 2,
        }
        for n in range(24)
    ]
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps(row | {"a": int(row["a"])}) + "\n" for row in rows)
    )
    (tmp_path / "choosing.yaml").write_text(CHOOSING)
    (tmp_path / "halved.yaml").write_text(CHOOSING.replace("question: q", 'question: "So: {{q}}"'))
    (tmp_path / "writing.yaml").write_text(
        "type: generate\ndata: rows.jsonl\nquestion: q\nanswer: topic\nrepeats: 2\ntemperature: 1\n"
    )
    (tmp_path / "texts.yaml").write_text("type: perplexity\ndata: rows.jsonl\ntext: q\n")
    (tmp_path / "both.yaml").write_text("group: both\ntask: [choosing, halved]\n")
    return tmp_path


def suite(folder: Path, file: str, **options: object) -> TaskSuite:
    return TaskSuite.model_validate({"task": str(folder / f"{file}.yaml"), **options})


def run(
    *suites: TaskSuite, model: Subject | None = None, limit: int | None = None, **options: object
) -> Evaluation:
    asked = [Assignment(one, Source(Path(), one.task, task.digest_of(one))) for one in suites]
    base = subject("r/base@1", FakeReader(skill=0.0), conversational=False)
    return evaluate(
        model or subject("r/m@1", FakeReader(skill=4.0)), asked, baseline=base, limit=limit, **options
    )


def test_every_metric_has_its_value_interval_and_comparison(folder: Path) -> None:
    evaluation = run(suite(folder, "choosing"))
    rows = {(row.metric, row.model): row for row in evaluation.results}
    for metric in ("acc", "acc_norm", "mcc", "brier_score"):
        row = rows[metric, "r/m@1"]
        assert (row.task, row.n, row.groups) == ("choosing", 24, 12)
        assert row.stderr is not None and row.ci95 is not None and row.ci95[0] <= row.value <= row.ci95[1]
    found = evaluation.scores["choosing"]["r/m@1"]
    assert rows["acc", "r/m@1"].value == sum(bool(row.correct) for row in found.rows) / 24
    assert found.figures == {"chance": 0.5}
    compared = {row.metric: row for row in evaluation.comparisons}
    assert compared["mcc"].test == "swap" and 0 < compared["mcc"].p_value <= 1
    assert compared["acc"].test == "sign-flip" and compared["acc"].difference == pytest.approx(
        compared["acc"].a - compared["acc"].b
    )


def test_each_row_tells_what_was_asked_and_made_of_it(folder: Path) -> None:
    row = run(suite(folder, "choosing")).scores["choosing"]["r/m@1"].rows[0]
    assert (row.suite, row.type, row.task, row.form) == ("choosing", "task", "choosing", "plain")
    assert row.prompt == "About word0 mean" and row.choices == ("word0 in short", "nothing0")
    assert row.logprobs is not None and len(row.logprobs) == 2 and row.neutral_logprobs is None
    assert row.row == 1, "of the data"
    assert row.scores is not None
    assert [one.metric for one in row.scores] == ["acc", "acc_norm", "brier_score"], "no item has an mcc"
    assert all(one.bottom == 1.0 for one in row.scores)


def test_what_is_written_is_judged_and_kept(folder: Path) -> None:
    rows = run(suite(folder, "writing")).scores["writing"]["r/m@1"].rows
    assert len(rows) == 24 and rows[0].references == ("0",) and rows[0].seconds == 1.0
    assert rows[0].outputs is not None and len(set(rows[0].outputs)) == 2, "each repeat has a seed of its own"
    again = run(suite(folder, "writing", n=5)).scores["writing"]["r/m@1"].rows
    by_item = {row.item: row.outputs for row in rows}
    assert all(by_item[row.item] == row.outputs for row in again), (
        "an item's seeds do not depend on the others"
    )


def test_how_far_company_moves_a_score_is_told(folder: Path) -> None:
    reader = FakeReader(skill=4.0)
    found = run(suite(folder, "choosing"), model=subject("r/m@1", reader))
    assert found.scores["choosing"]["r/m@1"].company == 0.0 and "alone" in reader.calls
    assert run(suite(folder, "writing")).scores["writing"]["r/m@1"].company is None


def test_perplexities(folder: Path) -> None:
    evaluation = run(suite(folder, "texts"))
    rows = {(row.metric, row.model): row for row in evaluation.results}
    bits = rows["bits_per_byte", "r/m@1"].value
    assert bits == pytest.approx(2.0 / math.log(2))
    assert rows["byte_perplexity", "r/m@1"].value == pytest.approx(2**bits)


def test_a_group_has_results_of_each_task(folder: Path) -> None:
    evaluation = run(suite(folder, "both"))
    rows = {(row.task, row.metric): row for row in evaluation.results if row.model == "r/m@1"}
    parts = [rows[f"both/{name}", "acc"] for name in ("choosing", "halved")]
    assert rows["both", "acc"].n == 48 and [part.n for part in parts] == [24, 24]
    assert rows["both", "acc"].value == pytest.approx(sum(part.value for part in parts) / 2)
    assert rows["both", "acc"].groups == 12, "one document in two tasks is one source"
    figures = evaluation.scores["both"]["r/m@1"].figures
    assert figures == {"chance": 0.5, "chance/choosing": 0.5, "chance/halved": 0.5}


def test_every_task_of_a_group_may_count_alike(folder: Path) -> None:
    (folder / "few.jsonl").write_text('{"q": "x", "c": ["x", "y"], "a": 1, "topic": 0}\n' * 3)
    (folder / "few.yaml").write_text(CHOOSING.replace("rows.jsonl", "few.jsonl"))
    (folder / "both.yaml").write_text(
        "group: both\ntask: [choosing, few]\naggregate_metric_list: [{metric: acc, weight_by_size: false}]\n"
    )
    rows = {
        row.task: row.value
        for row in run(suite(folder, "both")).results
        if (row.metric, row.model) == ("acc", "r/m@1")
    }
    assert rows["both"] == pytest.approx((rows["both/choosing"] + rows["both/few"]) / 2)


def test_what_does_not_fit_is_left_out_and_counted(folder: Path) -> None:
    rows = '{"q": "x", "c": ["y", "z"], "a": 1, "topic": 0}\n{"q": "x", "c": ["y", "a long one"], "a": 1, "topic": 0}\n'
    (folder / "rows.jsonl").write_text(rows * 2)
    noting = Noting()
    evaluation = run(
        suite(folder, "choosing"), model=subject("r/m@1", FakeReader(context=9)), progress=noting
    )
    found = evaluation.scores["choosing"]["r/m@1"]
    assert found.counts == {"truncated_prompts": 0, "left_out_items": 2, "doubled_choices": 0}
    assert "choosing: 2 items left out: a text to score is longer than the context (r/m@1)" in noting.notes
    assert [row.choices for row in found.rows] == [("y", "z")] * 2
    (row,) = [row for row in evaluation.comparisons if row.metric == "acc"]
    assert row.n == 2, "compared on the items that both have"


def test_no_item_fits(folder: Path) -> None:
    with pytest.raises(DataError, match=r"no item of 'choosing' fits"):
        run(suite(folder, "choosing"), model=subject("r/m@1", FakeReader(context=3)))


def test_truncated_contexts_are_counted(folder: Path) -> None:
    noting = Noting()
    found = run(
        suite(folder, "choosing"), model=subject("r/m@1", FakeReader(context=20)), progress=noting
    ).scores["choosing"]["r/m@1"]
    assert found.counts["truncated_prompts"] == 24 and found.counts["left_out_items"] == 0
    (said,) = [note for note in noting.notes if "cut" in note]
    assert said == "choosing: 24 prompts cut at the beginning: longer than the context (r/m@1)"


def test_chat_needs_a_template(folder: Path) -> None:
    plain = FakeSubject("r/m@1", Path(), "blake3:m", False, False)
    with pytest.raises(DataError, match="the model has no chat template"):
        run(suite(folder, "choosing", form="chat"), model=plain)
    row = run(suite(folder, "choosing", form="chat")).scores["choosing"]["r/m@1"].rows[0]
    assert (row.form, row.prompt) == ("chat", "<user>About word0 mean<assistant>"), (
        "as the template writes it"
    )


def test_a_model_that_never_learnt_to_converse_is_asked_in_chat_with_a_word(folder: Path) -> None:
    noting = Noting()
    base = FakeSubject("r/raw@1", Path(), "blake3:raw", True, False, untuned=True)
    evaluation = run(
        suite(folder, "choosing", form="chat"), suite(folder, "halved"), model=base, progress=noting
    )
    (said,) = [note for note in noting.notes if "never tuned to converse" in note]
    assert said.startswith("r/raw@1 was never tuned to converse: ") and said.endswith(
        " (asked in chat: choosing)"
    )
    chat, plain = record_of(evaluation, ()).suites
    assert (chat.untuned, plain.untuned) == (("r/raw@1",), ())


def test_limits_and_samples(folder: Path) -> None:
    assert len(run(suite(folder, "choosing"), limit=5).scores["choosing"]["r/m@1"].rows) == 5
    every = run(suite(folder, "choosing")).scores["choosing"]["r/m@1"].rows
    some = run(suite(folder, "choosing", n=7)).scores["choosing"]["r/m@1"].rows
    assert len(some) == 7
    assert all(every[int(str(row.row)) - 1].item == row.item for row in some), (
        "rows are numbered as in the data"
    )


def test_equal_choices_and_keys_without_effect_are_told(folder: Path) -> None:
    (folder / "rows.jsonl").write_text('{"q": "x", "c": ["y", "y"], "a": 1, "topic": 0}\n' * 2)
    (folder / "own.yaml").write_text(
        "task: own\ndataset_path: ./rows.jsonl\ntest_split: t\noutput_type: multiple_choice\ndoc_to_text: q\n"
        "doc_to_choice: c\ndoc_to_target: a\nunsafe_code: true\n"
    )
    noting = Noting()
    run(suite(folder, "own"), progress=noting)
    assert any("unsafe_code has no effect here" in note for note in noting.notes)
    assert "own: 2 items with two equal choices, of which the first counts as chosen" in noting.notes


def test_a_table_of_choices_needs_as_many_everywhere(folder: Path) -> None:
    with (folder / "rows.jsonl").open("a") as file:
        file.write('{"q": "x", "c": ["a", "b", "c"], "a": 1, "topic": 99}\n')
    with pytest.raises(DataError, match=r"mcc needs the same number of choices everywhere"):
        run(suite(folder, "choosing"))


def test_the_digest_follows_the_content(folder: Path) -> None:
    digest = task.digest_of(suite(folder, "choosing"))
    assert task.digest_of(suite(folder, "choosing", name="other")) == digest
    assert task.digest_of(suite(folder, "halved")) != digest
    (folder / "rows.jsonl").write_text('{"q": "x", "c": ["a", "b"], "a": 1, "topic": 99}\n')
    assert task.digest_of(suite(folder, "choosing")) != digest


def config(*suites: object, **more: object) -> EvaluateConfig:
    return EvaluateConfig.model_validate({"model": "m", "suites": list(suites), **more})


def test_the_step_names_the_files_it_reads(folder: Path) -> None:
    one = {"type": "task", "task": str(folder / "both.yaml")}
    names = [Path(str(path)).name for path in task_files(config(one))]
    assert names == ["both.yaml", "choosing.yaml", "halved.yaml", "rows.jsonl"]


def test_absent_data_is_told_before_anything_runs(folder: Path) -> None:
    with pytest.raises(
        UsageError, match=r"reads hellaswag/hellaswag-val.txt below a folder that you name"
    ) as caught:
        task_files(config({"type": "task", "task": "hellaswag"}))
    assert caught.value.place == ("suites", 0, "task") and "github.com" in str(caught.value.hint)
    with pytest.raises(UsageError, match=r"the data of task 'hellaswag' is not there: .*hellaswag-val.txt"):
        task_files(config({"type": "task", "task": "hellaswag", "data_root": str(folder)}))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"primary": "acc_bytes"}, "the task does not measure 'acc_bytes'; it measures acc, acc_norm"),
        ({"num_fewshot": -1}, "greater than or equal to 0"),
        ({"form": "poem"}, "Input should be 'plain' or 'chat'"),
    ],
)
def test_what_a_suite_cannot_be(folder: Path, more: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config({"type": "task", "task": str(folder / "choosing.yaml"), **more})


def test_gates_know_what_a_task_measures(folder: Path) -> None:
    one = {"type": "task", "task": str(folder / "choosing.yaml"), "name": "c"}
    config(
        one,
        gates=[
            {"name": "g", "metric": "c/mcc", "at_least": 0.1},
            {"name": "h", "metric": "c/acc", "above": "chance"},
        ],
    )
    with pytest.raises(ValueError, match=r"no metric 'c/macc'; .*Did you mean"):
        config(one, gates=[{"name": "g", "metric": "c/macc", "at_least": 0.1}])
    with pytest.raises(ValueError, match="only the accuracy of all choices can be above chance"):
        config(one, gates=[{"name": "g", "metric": "c/mcc", "above": "chance"}])


def test_an_unknown_task_is_refused_as_the_suite_is_read() -> None:
    with pytest.raises(OntogenyError, match=r"there is no task 'helaswag'. Did you mean 'hellaswag'"):
        config({"type": "task", "task": "helaswag"})


def test_slices_have_results_of_their_own(folder: Path) -> None:
    evaluation = run(suite(folder, "choosing", slices=["length", "field:topic"], n=20))
    rows = {row.task: row for row in evaluation.results if (row.metric, row.model) == ("acc", "r/m@1")}
    parts = [name for name in rows if name.startswith("choosing/topic=")]
    assert sum(rows[name].n for name in parts) == rows["choosing"].n == 20
    assert {name for name in rows if "length=" in name} <= {
        f"choosing/length={third}" for third in ("short", "middling", "long")
    }
    found = evaluation.scores["choosing"]["r/m@1"]
    ids = set(found.slices["topic=3"])
    own = [row for row in found.rows if row.item in ids]
    assert rows["choosing/topic=3"].value == sum(bool(row.correct) for row in own) / len(own)


def test_slices_of_a_group_stand_beside_its_tasks(folder: Path) -> None:
    names = run(suite(folder, "both", slices=["length"])).scores["both"]["r/m@1"].slices
    assert list(names)[:2] == ["choosing", "halved"] and "length=short" in names


def test_flawed_questions_are_compared_with_plain_ones(folder: Path) -> None:
    evaluation = run(suite(folder, "choosing", perturb=["capitals", "whitespace"]))
    plain = run(suite(folder, "choosing"))
    rows = {(row.task, row.metric, row.model): row for row in evaluation.results}
    for key, row in {(row.task, row.metric, row.model): row for row in plain.results}.items():
        assert rows[key] == row, "the plain results are as they were"
    assert evaluation.comparisons == plain.comparisons
    base, flawed = rows["choosing", "acc", "r/m@1"], rows["choosing/capitals", "acc", "r/m@1"]
    assert flawed.n == base.n and flawed.value < base.value, "capitals share no word with the choices"
    compared = {(row.task, row.metric, row.model_a): row for row in evaluation.robustness}
    assert len(compared) == 2 * 4 * 2, "kinds, metrics, models"
    hurt = compared["choosing/capitals", "acc", "r/m@1"]
    assert hurt.model_b == "r/m@1" and hurt.difference == pytest.approx(flawed.value - base.value)
    assert (hurt.form_a, hurt.form_b, hurt.verdict) == ("plain, capitals", "plain", "undecided")
    assert hurt.improvement < 0 and hurt.p_adjusted is not None and hurt.p_adjusted >= hurt.p_value
    assert compared["choosing/whitespace", "acc", "r/m@1"].difference == 0.0
    found = evaluation.scores["choosing"]["r/m@1"]
    shown = [row.prompt for row in found.rows if row.suite == "choosing/capitals"]
    assert len(shown) == 24 and shown[0] == "ABOUT WORD0 MEAN"


def test_what_flaws_touched_is_told(folder: Path) -> None:
    notes = Noting()
    task.prepare(suite(folder, "choosing", perturb=["case"]), limit=5, progress=notes)
    assert notes.notes == ["choosing: flaws (case) in 5 of 5 questions"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"slices": ["lenght"]},
            "no slice 'lenght'; there is language, length, source, field:NAME. Did you mean",
        ),
        ({"slices": ["length", "length"]}, "it names 'length' twice"),
        ({"perturb": ["case", "case"]}, "it names 'case' twice"),
        ({"classifier": "r/c@1"}, "no metric of the task asks a classifier"),
    ],
)
def test_slices_and_flaws_that_cannot_be(folder: Path, more: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        suite(folder, "choosing", **more)


def test_toxicity_asks_the_classifier_that_the_suite_names(folder: Path, tmp_path: Path) -> None:
    toxic = (folder / "writing.yaml").read_text() + "metrics: [toxicity]\n"
    (folder / "toxic.yaml").write_text(toxic)
    with pytest.raises(ValueError, match="by a classifier, and none is named; train one with"):
        suite(folder, "toxic")
    trained = train_classifier(
        Texts.of([f" {n * 7} {n % 10} wretched {n}" for n in range(400)]),
        Texts.of([f"a kind word, and {n} more" for n in range(400)]),
    )
    trained.save(tmp_path / "classifier")
    named = suite(folder, "toxic", classifier="r/c@1")
    material = task.prepare(named, limit=4, progress=QuietProgress(), classifier=tmp_path / "classifier")
    found = task.score(named, material, FakeReader(), model="m", seed=0, progress=QuietProgress())
    row = found.rows[0]
    assert row.outputs is not None and row.scores is not None
    assert row.scores[0].top == pytest.approx(float(trained.score(Texts.of(row.outputs)).mean()))


def test_an_item_that_cannot_be_judged_is_told_before_the_model_is_asked(folder: Path) -> None:
    (folder / "pairs.yaml").write_text(CHOOSING.replace("metrics: [acc", "metrics: [auroc, acc"))
    assert run(suite(folder, "pairs")).results
    rows = (folder / "rows.jsonl").read_text().splitlines()
    odd = json.loads(rows[3])
    rows[3] = json.dumps(odd | {"c": [*odd["c"], "a third"]})
    (folder / "rows.jsonl").write_text("\n".join(rows))
    with pytest.raises(
        DataError, match="cannot be judged: auroc tells two classes apart, and this item has 3"
    ):
        task.prepare(suite(folder, "pairs"), limit=None, progress=QuietProgress())
