"""Wiki markup as text: what a reader would read stays, boxes and notes go, nothing hangs."""

from __future__ import annotations

import pytest

from ontogeny.data.wikitext import plain_text

CASES = {
    "bold": ("'''Anarchism''' is a ''philosophy''.", "Anarchism is a philosophy."),
    "links": ("[[Paris]] and [[Paris|the city]], [[a#b|c]].", "Paris and the city, c."),
    "link with a colon": ("[[:Category:X]] [[wikt:word]]", "Category:X word"),
    "files and categories": ("a[[File:A.jpg|thumb|x [[b]] y]][[Category:X|y]] b", "a b"),
    "own names of files": ("a[[Datei:A.jpg|thumb|x]] b", "a b"),
    "interlanguage": ("a\n[[de:Wort]]\n[[zh-yue:x]]", "a"),
    "external": ("[http://a.b/c the label] [https://x.y] z", "the label z"),
    "templates": ("a {{Infobox|x={{y|z}}|w=[[v|u]]}}b", "a b"),
    "spoken templates": ("{{lang|fr|mot}} {{w|X|y}} {{nowrap|1=c=d}} {{lang-de|Wort}}", "mot y c=d Wort"),
    "a template in one that stays": ("{{nowrap|a {{lang|fr|b}} {{cite|c}}}}", "a b"),
    "characters": ("a{{snd}}b{{'}}s {{!}}", "a – b's |"),
    "quantities": ("{{convert|5|km|mi}}, {{cvt|3|to|4|kg}}, {{frac|1|2}}", "5 km, 3 to 4 kg, 1/2"),
    "dates and ships": ("{{start date|1999|1|2}} {{HMS|Victory}} {{as of|2010}}", "1999-01-02 HMS Victory As of 2010"),
    "references": ("a<ref name=x>{{cite|b}} [[c]]</ref><ref name=x/>, d<references/>", "a, d"),
    "comments": ("a<!-- [[b]] {{ -->c", "ac"),
    "tables": ("a\n{| class=x\n! h\n|-\n| c || {{d|e}}\n{|\n| nested\n|}\n|}\nb", "a\n\nb"),
    "headings": ("a\n== One ==\nb\n=== Two ===\nc", "a\n\nOne\n\nb\n\nTwo\n\nc"),
    "headings of nothing": ("a\n== One ==\n=== Two ===\n{{x}}\n== Three ==\nb\n== Four ==", "a\n\nThree\n\nb"),
    "lists": ("* one\n** two\n: said\n#\n; term", "- one\n- two\nsaid\nterm"),
    "entities and tags": ("1&nbsp;&lt; 2<br>3 <small>x</small>", "1 < 2\n3 x"),
    "verbatim": ("<nowiki>[[x]] {{y}}</nowiki> <math>a_{b}</math>", "[[x]] {{y}} a_{b}"),
    "code": ("<syntaxhighlight lang=c>\nint a[2] = {{1}};\n</syntaxhighlight>", "int a[2] = {{1}};"),
    "emptied brackets": ("A ({{IPA|x}}; {{audio|y}}) b ({{z}}, born 1)", "A b (born 1)"),
    "never closed": ("{{a [[b|c]] d <ref>e", "a c d e"),
    "never opened": ("a }} ]] |} b", "a b"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_markup_becomes_text(case: str) -> None:
    markup, text = CASES[case]
    assert plain_text(markup, dropped_namespaces=["Datei"]) == text


@pytest.mark.parametrize(
    "piece",
    ["{{", "[[", "{|\n", "<ref>", "<nowiki>", "<!--", "[http://", "{{a|", "}}", "(,", "== x\n", "'", "<"],
)
def test_markup_that_never_ends_is_read_to_its_end(piece: str) -> None:
    assert len(plain_text(piece * 20_000)) <= len(piece) * 20_000


def test_deep_nesting_is_text_below_a_hundred_levels() -> None:
    assert plain_text("{{x|" * 50 + "a" + "}}" * 50 + "b") == "b"
    assert plain_text("[[" * 1_000 + "a" + "]]" * 1_000).count("a") == 1
