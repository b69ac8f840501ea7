"""Stack Exchange posts: votes, threads, code, licences; damage counted."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pytest
from pydantic import ValidationError

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


def test_a_licence_that_the_recipe_gives_is_that_of_posts_that_state_none(tmp_path: Path) -> None:
    rows = row(1) + row(2, more='ContentLicense="CC BY-SA 4.0" ')
    records, _ = read(rows, tmp_path, license="CC0-1.0")
    assert [each.license for each in records if isinstance(each, Document)] == ["CC0-1.0", "CC-BY-SA-4.0"]


def test_a_post_without_a_day_has_no_licence_that_we_know(tmp_path: Path) -> None:
    rows = row(1, day="") + row(2, 2, day="2019-01-01", more='ParentId="1"')
    for unit in ("post", "thread"):
        first = read(rows.replace('CreationDate="T10:00:00.000"', ""), tmp_path, unit=unit)[0][0]
        assert isinstance(first, Document) and (first.license, first.date) in (
            (None, None),
            (None, "2019-01-01"),
        )


@pytest.mark.parametrize(
    ("folder", "settings", "site"),
    [
        ("coffee.stackexchange.com", {}, "coffee.stackexchange.com"),
        ("stackoverflow.com-Posts", {}, "stackoverflow.com"),
        ("coffee.meta.stackexchange.com/again", {}, "coffee.meta.stackexchange.com"),
        ("coffee", {"site": "coffee.stackexchange.com"}, "coffee.stackexchange.com"),
        ("coffee", {}, None),
    ],
)
def test_addresses_follow_from_the_site(
    tmp_path: Path, folder: str, settings: dict[str, object], site: str | None
) -> None:
    (tmp_path / folder).mkdir(parents=True)
    records, _ = read(row(7) + row(8, 2, more='ParentId="7"'), tmp_path / folder, **settings)
    documents = [record for record in records if isinstance(record, Document)]
    expected = [f"https://{site}/questions/7", f"https://{site}/a/8"] if site else [None, None]
    assert [document.url for document in documents] == expected
    assert {document.domain for document in documents} == {site}
    (thread,) = read(row(7), tmp_path / folder, unit="thread", **settings)[0]
    assert isinstance(thread, Document) and (thread.url, thread.domain) == (expected[0], site)


def test_posts_before_damage_stand(tmp_path: Path) -> None:
    records, reading = read(row(1) + "<row Id=", tmp_path)
    assert len(texts(records)) == 1 and reasons(records) == ["damaged_file"]
    assert reading.count.bad == 1
    assert reasons(read("", tmp_path)[0]) == ["empty_file"]


def test_bodies_built_to_harm_are_left_out(tmp_path: Path) -> None:
    assert reasons(read(row(1, body="<div>" * 6_000), tmp_path)[0]) == ["nested_too_deeply"]


def test_a_thread_is_one_document_the_best_answer_first(tmp_path: Path) -> None:
    rows = (
        row(4, 2, body="<p>Early, few votes.</p>", score="2", more='ParentId="9"')
        + row(9, more='Title="How?" AcceptedAnswerId="12"', day="2010-01-02")
        + row(11, 2, body="<p>Many votes.</p>", score="50", more='ParentId="9"', day="2019-05-06")
        + row(12, 2, body="<p>Accepted.</p>", score="1", more='ParentId="9"')
        + row(13, 2, body="<p>Few, later.</p>", score="2", more='ParentId="9"')
        + row(14, 2, body="<p>Disliked.</p>", score="-3", more='ParentId="9"')
        + row(15, 2, body="", score="3", more='ParentId="9"')
        + row(16, body="<p>Alone?</p>")
        + row(17, score="0")
        + row(18, 2, more='ParentId="17"')
        + row(19, 2, more='ParentId="9999"')
        + row(20, body="")
        + row(21, 2, more='ParentId="20"')
    )
    records, _ = read(rows, tmp_path, unit="thread")
    answers = ("Accepted.", "Many votes.", "Early, few votes.", "Few, later.")
    assert texts(records) == [
        "\n\n".join(["Q: How?\n\nWhy?", *(f"A: {each}" for each in answers)]),
        "Q: Alone?",
    ]
    thread = next(record for record in records if isinstance(record, Document))
    assert thread.license == "CC-BY-SA-2.5 AND CC-BY-SA-3.0 AND CC-BY-SA-4.0"
    assert thread.date == "2019-05-06"
    assert thread.doc_id == thread.group == read(rows, tmp_path)[0][1].group  # type: ignore[union-attr]
    assert thread.locator.endswith("&answer=12&answer=11&answer=4&answer=13")
    assert sorted(reasons(records)) == ["low_score"] * 2 + ["no_question"] * 3 + ["no_text"] * 2
    assert "its question 9999 was left out, or is not in this file" in {
        record.detail.partition(": ")[2] for record in records if isinstance(record, Rejected)
    }


def test_threads_do_not_depend_on_the_order_of_posts(tmp_path: Path) -> None:
    rows = [row(1), *(row(n, 2, score="3", more=f'ParentId="{1 + n % 2 * 9}"') for n in range(2, 9)), row(10)]
    (tmp_path / "a").mkdir()
    told = texts(read("".join(rows), tmp_path, unit="thread")[0])
    assert told == texts(read("".join(reversed(rows)), tmp_path / "a", unit="thread")[0])
    assert len(told) == 2


def test_of_threads_there_is_no_half(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="a thread is a question with its answers; leave `posts` out"):
        read(row(1), tmp_path, unit="thread", posts="answers")


def test_threads_before_damage_stand(tmp_path: Path) -> None:
    records, reading = read(row(1) + row(2, 2, more='ParentId="1"') + "<row Id=", tmp_path, unit="thread")
    assert texts(records) == ["Q: Why?\n\nA: Why?"] and reasons(records) == ["damaged_file"]
    assert reading.count.bad == 1


def test_the_threads_of_the_real_site() -> None:
    path = shared("stackexchange-coffee") / "Posts.xml.gz"
    source = {"type": "stackexchange", "path": str(path), "min_score": 1}
    posts, _ = read_unit(StackExchangeSource.model_validate(source), read_stackexchange, path)
    source |= {"unit": "thread"}
    records, _ = read_unit(StackExchangeSource.model_validate(source), read_stackexchange, path)
    threads = texts(records)
    taken = sum(text.count("\n\nA: ") + 1 for text in threads)
    assert taken + reasons(records).count("no_question") == len(texts(posts))
    assert {record.group for record in records if isinstance(record, Document)} <= {
        record.group for record in posts if isinstance(record, Document)
    }


def test_the_real_site() -> None:
    path = shared("stackexchange-coffee") / "Posts.xml.gz"
    records, reading = read_unit(
        StackExchangeSource(type="stackexchange", path=str(path), min_score=3), read_stackexchange, path
    )
    assert len(records) == 592 and reading.count.bad == 0
    assert len(texts(records)) > 250
    assert not any("<p>" in text or "&lt;" in text for text in texts(records))
