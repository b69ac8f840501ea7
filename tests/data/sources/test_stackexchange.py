"""Stack Exchange posts: votes, threads, code, licences; damage counted."""

from __future__ import annotations

from html import escape
from pathlib import Path

from ontogeny.data.document import Document, Rejected
from ontogeny.data.sources.files import Reading
from ontogeny.data.sources.stackexchange import StackExchangeSource, read_stackexchange
from tests.data.sources.unit_reading import read_unit, reasons, shared, texts


def row(
    number: int,
    kind: int = 1,
    *,
    body: str = "<p>Why?</p>",
    score: str = "3",
    more: str = "",
    day: str = "2015-01-02",
) -> str:
    return (
        f'  <row Id="{number}" PostTypeId="{kind}" CreationDate="{day}T10:00:00.000" Score="{score}"'
        f' Body="{escape(body).replace(chr(10), "&#xA;")}" {more}/>\n'
    )


def read(rows: str, folder: Path, **settings: object) -> tuple[list[Document | Rejected], Reading]:
    path = folder / "Posts.xml"
    path.write_text(f'<?xml version="1.0" encoding="utf-8"?>\n<posts>\n{rows}</posts>')
    source = StackExchangeSource.model_validate(
        {"type": "stackexchange", "path": str(path), "name": "coffee", **settings}
    )
    return read_unit(source, read_stackexchange, path)


def test_a_question_and_its_answers_are_one_group(tmp_path: Path) -> None:
    answer = row(2, 2, body="<p>So:</p><pre><code>if a:\n    b()\n</code></pre>", more='ParentId="1"')
    records, _ = read(row(1, more='Title="How?"') + answer + row(3), tmp_path)
    documents = [record for record in records if isinstance(record, Document)]
    assert texts(records) == ["How?\n\nWhy?", "So:\n\nif a:\n    b()", "Why?"]
    assert documents[0].group == documents[1].group != documents[2].group
    data = (tmp_path / "Posts.xml").read_bytes()
    start, end = map(int, documents[1].locator.rpartition("=")[2].split("-"))
    assert data[start:end].decode().strip() == answer.strip()


def test_votes_and_kinds_are_asked_for(tmp_path: Path) -> None:
    rows = row(1, score="2") + row(2, 2) + row(3, 5) + row(4, body="") + row(5, score="none")
    assert reasons(read(rows, tmp_path, min_score=3)[0]) == [
        "low_score",
        "not_a_post",
        "no_text",
        "low_score",
    ]
    assert reasons(read(rows, tmp_path, min_score=None, posts="answers")[0]) == ["not_a_post"] * 4


def test_the_licence_follows_the_day(tmp_path: Path) -> None:
    days = ("2010-01-01", "2015-01-01", "2019-01-01")
    records, _ = read("".join(row(number, day=day) for number, day in enumerate(days)), tmp_path)
    assert [record.license for record in records if isinstance(record, Document)] == [
        "CC-BY-SA-2.5",
        "CC-BY-SA-3.0",
        "CC-BY-SA-4.0",
    ]
    assert read(row(1, more='ContentLicense="CC BY-SA 4.0" '), tmp_path)[0][0].license == "CC-BY-SA-4.0"  # type: ignore[union-attr]


def test_posts_before_damage_stand(tmp_path: Path) -> None:
    records, reading = read(row(1) + "<row Id=", tmp_path)
    assert len(texts(records)) == 1 and reasons(records) == ["damaged_file"]
    assert reading.count.bad == 1
    assert reasons(read("", tmp_path)[0]) == ["empty_file"]


def test_bodies_built_to_harm_are_left_out(tmp_path: Path) -> None:
    assert reasons(read(row(1, body="<div>" * 6_000), tmp_path)[0]) == ["nested_too_deeply"]


def test_the_real_site() -> None:
    path = shared("stackexchange-coffee") / "Posts.xml.gz"
    records, reading = read_unit(
        StackExchangeSource(type="stackexchange", path=str(path), min_score=3), read_stackexchange, path
    )
    assert len(records) == 592 and reading.count.bad == 0
    assert len(texts(records)) > 250
    assert not any("<p>" in text or "&lt;" in text for text in texts(records))
