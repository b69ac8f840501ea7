import pytest

from ontogeny.core.errors import GateRefused, UsageError
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.manifest import Verdict
from ontogeny.lineage.registry import newest_verdicts, promote, rollback
from ontogeny.lineage.workspace import Workspace
from tests.lineage.conftest import Publish


def verdict(model: Artifact, *, passed: bool) -> Verdict:
    return Verdict(
        gate="quality", passed=passed, reason="2.4 > 2.2", model_digest=model.digest, suite_digest="s"
    )


def test_promotion_moves_and_rollback_returns(workspace: Workspace, publish: Publish) -> None:
    publish("base", text="one")
    publish("base", text="two")
    assert promote(workspace, "demo/base@1", "production")["from"] is None
    assert promote(workspace, "demo/base", "production") == {
        "alias": "production",
        "from": "demo/base@1",
        "to": "demo/base@2",
    }
    assert workspace.open("production").name == "demo/base@2"
    assert rollback(workspace, "production")["to"] == "demo/base@1"
    assert workspace.open("production").name == "demo/base@1"
    with pytest.raises(UsageError, match="nothing to go back to"):
        rollback(workspace, "production")
    assert [entry.body["action"] for entry in workspace.ledger.entries("promotion")] == [
        "promote",
        "promote",
        "rollback",
    ]


def test_a_refusal_holds_a_promotion_until_forced_or_passed(workspace: Workspace, publish: Publish) -> None:
    model = publish("base")
    publish("report", text="1", kind="evaluation", inputs=(model,), verdicts=(verdict(model, passed=False),))
    with pytest.raises(GateRefused, match=r"held back by quality \(2.4 > 2.2\)"):
        promote(workspace, "demo/base", "production")
    assert workspace.alias_targets() == {}
    promote(workspace, "demo/base", "staging", reason="a demonstration")
    assert workspace.ledger.entries("promotion")[0].body["reason"] == "a demonstration"
    publish("report", text="2", kind="evaluation", inputs=(model,), verdicts=(verdict(model, passed=True),))
    assert [one.passed for one in newest_verdicts(workspace, model.digest)] == [True]
    promote(workspace, "demo/base", "production")


def test_every_gate_that_refused_has_a_line(workspace: Workspace, publish: Publish) -> None:
    model = publish("base")
    refusals = [
        verdict(model, passed=False).model_copy(update={"gate": name}) for name in ("quality", "size")
    ]
    publish("report", kind="evaluation", inputs=(model,), verdicts=tuple(refusals))
    with pytest.raises(GateRefused) as refused:
        promote(workspace, "demo/base", "production")
    assert refused.value.message.splitlines() == [
        "demo/base@1 is held back by quality (2.4 > 2.2),",
        "  size (2.4 > 2.2)",
    ]


def test_only_models_and_only_names(workspace: Workspace, publish: Publish) -> None:
    publish("corpus", kind="corpus")
    publish("base")
    with pytest.raises(UsageError, match="is of kind 'corpus'"):
        promote(workspace, "demo/corpus", "production")
    with pytest.raises(UsageError, match="cannot be an alias"):
        promote(workspace, "demo/base", "a/b")


def test_moving_an_alias_is_compare_and_set(workspace: Workspace, publish: Publish) -> None:
    from ontogeny.lineage.registry import _move

    publish("base")
    with (
        pytest.raises(UsageError, match="moved to None in the meantime"),
        workspace.ledger.write() as writer,
    ):
        _move(writer, "production", expected="demo/base@9", to="demo/base@1", action="promote", reason=None)
