from ontogeny.lineage.graph import Edge, lineage
from ontogeny.lineage.workspace import Workspace
from tests.lineage.conftest import Publish


def test_ancestors_and_descendants(workspace: Workspace, publish: Publish) -> None:
    corpus = publish("corpus", kind="corpus")
    tokenizer = publish("tokenizer", kind="tokenizer", inputs=(corpus,))
    base = publish("base", text="b", inputs=(corpus, tokenizer))
    publish("unrelated", text="u")
    up = lineage(workspace, [base.name], direction="up")
    assert [node.name for node in up.nodes] == ["demo/corpus@1", "demo/tokenizer@1", "demo/base@1"]
    assert Edge(tokenizer.name, "in1", base.name) in up.edges
    down = lineage(workspace, [corpus.name], direction="down")
    assert {node.name for node in down.nodes} == {corpus.name, tokenizer.name, base.name}
    assert [node.name for node in lineage(workspace, [base.name], direction="down").nodes] == [base.name]
