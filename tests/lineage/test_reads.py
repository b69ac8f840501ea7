"""What a model has learnt from, read out of manifests."""

from __future__ import annotations

import shutil

from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.reads import Reads
from tests.lineage.conftest import Publish


def tuned(publish: Publish) -> tuple[Artifact, dict[str, Artifact]]:
    """A model tuned on examples, after a pretraining on a corpus whose tokenizer learnt from another one."""
    made = {"other": publish("other", kind="corpus", text="other")}
    made["tokenizer"] = publish("tokenizer", kind="tokenizer", text="t", inputs=(made["other"],))
    made["filter"] = publish("filter", kind="corpus", text="only decides")
    made["corpus"] = publish("corpus", kind="corpus", text="c", inputs=(made["filter"],))
    made["tokens"] = publish(
        "tokens",
        kind="tokens",
        text="k",
        inputs=(made["corpus"], made["tokenizer"]),
        roles=("corpus", "tokenizer"),
    )
    made["base"] = publish("base", text="b", inputs=(made["tokens"],), roles=("data.0.tokens",))
    made["examples"] = publish("examples", kind="examples", text="e")
    made["general"] = publish("general", kind="corpus", text="g")
    tutor = publish(
        "tutor", text="m", inputs=(made["base"], made["examples"], made["general"]), roles=("model", "data", "general")
    )  # fmt: skip
    return tutor, made


def names(reads: Reads) -> list[str]:
    return [text.manifest.step for text in reads.texts]


def test_texts_of_all_ancestors_and_nothing_that_only_shaped_or_judged(publish: Publish) -> None:
    tutor, _ = tuned(publish)
    assert names(Reads.of(tutor)) == ["examples", "corpus"]
    export = publish("export", kind="export", text="x", inputs=(tutor,), roles=("model",))
    reads = Reads.of(export)
    assert (names(reads), reads.unknown, reads.missing) == (["examples", "corpus"], (), ())


def test_a_teacher_counts_and_a_text_is_named_once(publish: Publish) -> None:
    tutor, made = tuned(publish)
    student = publish(
        "student",
        text="s",
        inputs=(tutor, made["base"], made["examples"]),
        roles=("teacher", "model", "data"),
    )
    assert sorted(names(Reads.of(student))) == ["corpus", "examples"]


def test_what_an_imported_model_read_is_not_known(publish: Publish) -> None:
    imported = publish("smollm2", text="w", step_type="import-model")
    assert Reads.of(imported) == Reads((), ("demo/smollm2@1",), (), {imported.digest: imported.name})
    examples = publish("examples", kind="examples", text="e")
    reads = Reads.of(publish("tutor", text="m", inputs=(imported, examples), roles=("model", "data")))
    assert (names(reads), reads.unknown) == (["examples"], ("demo/smollm2@1",))


def test_an_ancestor_that_is_gone_or_another_one_is_missing(publish: Publish) -> None:
    tutor, made = tuned(publish)
    (made["examples"].path / "data.txt").unlink()
    reads = Reads.of(tutor)
    assert (names(reads), reads.missing) == (["corpus"], ("demo/examples@1",))
    shutil.rmtree(made["tokens"].path)
    assert Reads.of(tutor).missing == ("demo/examples@1", "demo/tokens@1")


def test_models_are_kin_by_weights_or_a_teacher(publish: Publish) -> None:
    tutor, made = tuned(publish)
    other = publish("other-base", text="o", inputs=(made["corpus"],), roles=("data",))
    student = publish("student", text="s", inputs=(tutor, other), roles=("teacher", "init"))
    assert Reads.of(tutor).kin(Reads.of(tutor)) == tutor.name
    assert Reads.of(made["base"]).kin(Reads.of(tutor)) == made["base"].name
    assert Reads.of(student).kin(Reads.of(made["base"])) == made["base"].name
    same_tokens = publish("same-tokens", text="p", inputs=(made["tokens"],), roles=("data.0.tokens",))
    for stranger in (other, same_tokens):
        assert Reads.of(stranger).kin(Reads.of(tutor)) is None  # what both have read makes no kin


def test_kin_by_a_model_that_is_gone(publish: Publish) -> None:
    tutor, made = tuned(publish)
    sibling = publish("sibling", text="s", inputs=(made["base"],), roles=("init",))
    shutil.rmtree(made["base"].path)
    assert Reads.of(tutor).kin(Reads.of(sibling)) == made["base"].name
