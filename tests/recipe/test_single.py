from pathlib import Path

import pytest

from ontogeny.core.errors import UsageError
from ontogeny.lineage.workspace import Workspace
from ontogeny.recipe.single import run_single


@pytest.mark.parametrize(("recipe", "name"), [("import", "../../evil"), ("..", "base"), ("import", "")])
def test_only_a_name_names_an_artifact(tmp_path: Path, recipe: str, name: str) -> None:
    with pytest.raises(UsageError, match="is not a name") as caught:
        run_single(Workspace(tmp_path), recipe=recipe, name=name, body={"step": "import-model", "path": "x"})
    assert "letters" in (caught.value.hint or "")
    assert list(tmp_path.iterdir()) == []
