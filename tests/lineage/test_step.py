from typing import Annotated, Literal

from ontogeny.core.seeds import derive_seed
from ontogeny.lineage.fingerprint import fingerprint, material
from ontogeny.lineage.step import Immaterial, Outputs, Ref, Reference, Settings, Step, StepConfig, references


class Mixture(Settings):
    source: Annotated[str, Ref("tokens")]
    weight: float = 1.0


class Text(Settings):
    type: Literal["text"] = "text"
    path: str


class Jsonl(Settings):
    type: Literal["jsonl"] = "jsonl"
    path: str


class Config(StepConfig):
    step: Literal["demo"] = "demo"
    corpus: Annotated[str, Ref("corpus")]
    model: Annotated[str, Ref("model", "adapter")] | None = None
    data: tuple[Annotated[str, Ref("examples")], ...] = ()
    mixture: tuple[Mixture, ...] = ()
    source: Text | Jsonl | None = None
    steps: int = 10
    workers: Annotated[int, Immaterial()] = 1
    beside: Annotated[str, Ref("model", words=("nothing",))] | None = None


STEP = Step("demo", 1, Config, "model", lambda config, inputs, context: Outputs({}))


def key(config: Config, **changes: object) -> str:
    arguments: dict[str, object] = {
        "seed": derive_seed(1, "a"),
        "device": "cpu",
        "inputs": {},
        "external": {},
    }
    return fingerprint(STEP, config, **(arguments | changes))  # type: ignore[arg-type]


def test_references_are_found_at_any_depth() -> None:
    config = Config(corpus="c", model="m", data=["a", "b"], mixture=[Mixture(source="t", weight=2)])
    assert list(references(config)) == [
        Reference("corpus", "c", ("corpus",)),
        Reference("model", "m", ("model", "adapter")),
        Reference("data.0", "a", ("examples",)),
        Reference("data.1", "b", ("examples",)),
        Reference("mixture.0.source", "t", ("tokens",)),
    ]


def test_a_word_of_the_field_is_no_reference_and_counts_in_the_fingerprint() -> None:
    word, name = Config(corpus="c", beside="nothing"), Config(corpus="c", beside="m")
    assert [found.role for found in references(word)] == ["corpus"]
    assert [found.role for found in references(name)] == ["corpus", "beside"]
    assert material(word) == {"beside": "nothing"} and material(name) == {}


def test_an_absent_reference_is_none() -> None:
    assert [found.role for found in references(Config(corpus="c"))] == ["corpus"]


def test_only_what_can_change_the_result_is_in_the_key() -> None:
    plain = Config(corpus="c")
    assert key(plain) == key(Config(corpus="renamed", workers=7, steps=10))
    different = [
        key(plain),
        key(Config(corpus="c", steps=11)),
        key(Config(corpus="c", source=Text(path="x"))),
        key(Config(corpus="c", source=Jsonl(path="x"))),
        key(Config(corpus="c", mixture=[Mixture(source="t")])),
        key(Config(corpus="c", mixture=[Mixture(source="t", weight=2)])),
        key(plain, seed=2),
        key(plain, device="cuda"),
        key(plain, inputs={"corpus": "blake3:1"}),
        key(plain, external={"a": "blake3:1"}),
        key(plain, limit=5),
    ]
    assert len(set(different)) == len(different)
    assert key(plain, external={"a": "blake3:1"}) == key(plain, external={"moved": "blake3:1"})


def test_material_keeps_the_discriminator_of_a_union() -> None:
    assert material(Config(corpus="c", source=Jsonl(path="x"))) == {"source": {"type": "jsonl", "path": "x"}}


def test_the_first_metric_that_was_measured_stands_for_a_step() -> None:
    step = Step("demo", 1, Config, "model", STEP.run, summary=("accuracy", "bits_per_byte"))
    assert step.key_metric({"accuracy": 0.5, "bits_per_byte": 2.0}) == ("accuracy", 0.5)
    assert step.key_metric({"accuracy": None, "bits_per_byte": 2.0}) == ("bits per byte", 2.0)
    assert step.key_metric({"results": []}) is None
