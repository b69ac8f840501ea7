"""Decontamination of a corpus in portions: what goes, what is reported, and that nothing depends on how it was cut."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ontogeny.data.decide import Decisions, decide
from ontogeny.data.decontaminate.corpus import contamination_table, drop_contaminated
from ontogeny.data.document import Document, Text, make_doc_id, to_row
from ontogeny.data.portions import Portion, stored_schema, write_portion
from ontogeny.data.rules import Need
from ontogeny.data.rules.decontaminate import Decontaminate, judge_decontaminate
from ontogeny.data.signals.overlap import group_of, item_files, overlap_name
from ontogeny.data.texts import Texts

QUESTION = (
    "Why does the copper kettle whistle so much louder in the cold kitchen than it does outside on the stove"
)
PASSAGE = " ".join(f"passage{number}" for number in range(40))
BOILERPLATE = "all rights to this page and to its pictures are reserved by the owner of this web site"
ITEMS = [
    {"id": "kettle", "question": QUESTION, "answer": "cold metal rings"},
    {
        "id": "passage",
        "passage": PASSAGE,
        "question": "what does the passage with all the numbers say of them",
    },
    {"id": "boiler", "question": f"{' '.join(f'own{n}' for n in range(60))} {BOILERPLATE}"},
]
DOCUMENTS = {
    "leak": f"Some page. {QUESTION}? Because cold metal rings. And so on.",
    "copy": f"Another page. {QUESTION}?",
    "article": f"From an encyclopedia: {PASSAGE}.",
    "plain": "Nothing of any interest, but with the words cold metal rings in it.",
    "half": " ".join(f"own{number}" for number in range(30)),
    **{f"page {number}": f"Page {number}. {BOILERPLATE}" for number in range(12)},
}


@pytest.fixture
def items(tmp_path: Path) -> Path:
    path = tmp_path / "exam.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    return path


def rule_for(path: Path, **settings: Any) -> Decontaminate:
    return Decontaminate(type="decontaminate", against=(str(path),), **settings)


def decided(folder: Path, rule: Decontaminate, texts: dict[str, str], *, portions: int = 1) -> Decisions:
    group = group_of(rule)
    made: list[Portion] = []
    for number in range(portions):
        rows = [
            to_row(
                Document(
                    doc_id=make_doc_id("t", name), group=name, source="t", locator=name, content=Text(text)
                )
            )
            for name, text in list(texts.items())[number::portions]
        ]
        counts = {"records": len(rows), "documents": len(rows), "position": 0}
        table = pa.Table.from_pylist(rows, schema=stored_schema("text"))
        made.append(write_portion(folder / f"portion-{portions}-{number}", "text", table, [], counts))
        made[-1].add_signals(group, group.compute(made[-1].texts()))
    return decide(made, (), [Need(group, 0)])


def gone(found: Decisions) -> set[str]:
    """Locators of the documents that were dropped."""
    names = [portion.documents(["locator"]).column("locator").to_pylist() for portion in found.portions]
    return {
        str(names[portion][row])
        for portion, row, kept in zip(found.portion, found.row, found.kept, strict=True)
        if not kept
    }


def test_what_goes_and_what_stays(tmp_path: Path, items: Path) -> None:
    rule = rule_for(items)
    found = decided(tmp_path, rule, DOCUMENTS)
    contamination = drop_contaminated(found, rule)
    assert gone(found) == {"leak", "copy", "half"}
    assert {found.reasons[number].name for number in found.reason[~found.kept]} == {"contaminated"}
    assert found.reasons[-1].says == "of a question of exam stands in it"
    assert sorted(found.score[~found.kept].tolist())[1:] == [1.0, 1.0]
    table = contamination_table(contamination, found, held_out_fraction=0.0).to_pylist()
    told = {(row["item"], row["verdict"], row["answer"], row["kept"]) for row in table}
    assert told == {
        ("kettle", "contaminated", True, False),
        ("kettle", "contaminated", False, False),
        ("passage", "context_only", False, True),
        ("boiler", "contaminated", False, False),
    }
    assert {row["suite"] for row in table} == {"exam"}
    assert {row["split"] for row in table} == {"train"}
    assert make_doc_id("t", "leak") in {row["doc_id"] for row in table}
    figures = contamination.figures()
    assert figures["suites"] == {"exam": {"items": 3, "contaminated": 2, "context_only": 1, "documents": 4}}
    assert figures["candidates"] == 16


def test_common_n_grams_do_not_decide(tmp_path: Path, items: Path) -> None:
    """Twelve pages share eleven n-grams of an item: too common at ten documents, telling at twelve."""
    strict = rule_for(items, min_hits=8, max_documents=12)
    found = decided(tmp_path / "one", strict, DOCUMENTS)
    drop_contaminated(found, strict)
    assert {"page 0", "page 11"} <= gone(found)
    usual = rule_for(items, min_hits=8)
    found = decided(tmp_path / "two", usual, DOCUMENTS)
    drop_contaminated(found, usual)
    assert not any(name.startswith("page") for name in gone(found))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"context": "drop"}, {"leak", "copy", "half", "article"}),
        ({"require_answer": True}, {"leak"}),
        ({"min_hits": None}, {"leak", "copy"}),
        ({"action": "report"}, set()),
    ],
)
def test_settings(tmp_path: Path, items: Path, settings: dict[str, Any], expected: set[str]) -> None:
    rule = rule_for(items, **settings)
    found = decided(tmp_path, rule, DOCUMENTS)
    contamination = drop_contaminated(found, rule)
    assert gone(found) == expected
    assert contamination.findings


def test_neither_portions_nor_order_matter(tmp_path: Path, items: Path) -> None:
    tables = []
    for number, texts in enumerate([DOCUMENTS, dict(reversed(DOCUMENTS.items()))]):
        for portions in (1, 3):
            rule = rule_for(items)
            found = decided(tmp_path / str(number), rule, texts, portions=portions)
            tables.append(contamination_table(drop_contaminated(found, rule), found, held_out_fraction=0.5))
    assert all(table.equals(tables[0]) for table in tables[1:])
    assert set(tables[0].column("split").to_pylist()) <= {"train", "held_out"}


def test_the_group_is_named_by_the_items(tmp_path: Path, items: Path) -> None:
    name = overlap_name(rule_for(items))
    assert name.startswith("overlap-")
    assert rule_for(items).needs == (name,)
    assert overlap_name(rule_for(items, min_share=0.9, context="drop")) == name
    assert overlap_name(rule_for(items, n_gram=13)) != name
    copy = tmp_path / "other" / "exam.jsonl"
    copy.parent.mkdir()
    copy.write_bytes(items.read_bytes())
    assert overlap_name(rule_for(copy)) == name
    copy.write_text(json.dumps({"question": QUESTION}) + "\n")
    assert overlap_name(rule_for(copy)) != name
    assert item_files(rule_for(copy)) == [copy]


def test_the_group_can_be_sent_to_a_worker(items: Path) -> None:
    group = group_of(rule_for(items))
    assert group is group_of(rule_for(items))
    texts = Texts.of([DOCUMENTS["leak"], DOCUMENTS["plain"]])
    columns = pickle.loads(pickle.dumps(group)).compute(texts)
    assert columns[group.name].tolist() == [13, 0]


def test_the_columns_alone_drop_nothing(items: Path) -> None:
    rule = rule_for(items)
    texts = Texts.of([DOCUMENTS["leak"], DOCUMENTS["plain"]])
    judgement = judge_decontaminate(rule, group_of(rule).compute(texts))
    assert judgement.code.tolist() == [0, 0]


def test_unknown_columns_are_refused(items: Path) -> None:
    with pytest.raises(
        ValueError, match="`columns` names 'querry', but an item has question, context, answer, id"
    ):
        rule_for(items, columns={"querry": "q"})
