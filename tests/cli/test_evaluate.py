import pytest

from ontogeny.cli.evaluate import _as_name
from ontogeny.lineage.workspace import NAME_PATTERN


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("SmolLM2-135M", "SmolLM2-135M"),
        ("my model (1)", "my-model-1"),
        (".hidden", "hidden"),
        ("模型", "model"),
        ("x" * 120, "x" * 100),
    ],
)
def test_the_folder_of_an_outside_model_gives_a_name(folder: str, name: str) -> None:
    assert _as_name(folder) == name
    assert NAME_PATTERN.fullmatch(name)
