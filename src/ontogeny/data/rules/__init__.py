"""Rules, one module each, and the one table that lists them.

Most drop documents: small functions over columns of signals, which read no text, so another threshold costs no second
reading. Some edit text. Each sees the text as it is where it stands in the recipe's list: an edit listed before a rule
has been made, one listed after it has not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import Field

from ontogeny.core.errors import RecipeError, placed
from ontogeny.core.remote import AnyPath
from ontogeny.data.edits.c4_lines import C4Lines, edit_c4_lines
from ontogeny.data.edits.mask_pii import MaskPii, mask_pii
from ontogeny.data.rules.block_list import BlockListRule, files_of, judge_block_list
from ontogeny.data.rules.c4 import C4, judge_c4
from ontogeny.data.rules.classifier import ClassifierRule, files_of_classifier, judge_classifier
from ontogeny.data.rules.decontaminate import Decontaminate, judge_decontaminate
from ontogeny.data.rules.expression import ABOUT, Expression, groups_needed, judge_expression
from ontogeny.data.rules.fineweb import FineWeb, judge_fineweb
from ontogeny.data.rules.gopher_quality import GopherQuality, judge_gopher_quality
from ontogeny.data.rules.gopher_repetition import GopherRepetition, judge_gopher_repetition
from ontogeny.data.rules.judgement import Judgement
from ontogeny.data.rules.language import Language, judge_language
from ontogeny.data.rules.length import Length, judge_length
from ontogeny.data.rules.pii import Pii, judge_pii
from ontogeny.data.rules.together import check_rules
from ontogeny.data.rules.toxicity import Toxicity, judge_toxicity
from ontogeny.records.paths import nearest_path

if TYPE_CHECKING:
    from ontogeny.data.edits.edited import Edited
    from ontogeny.data.signals.group import Columns, SignalGroup
    from ontogeny.data.texts import Texts

Rule: TypeAlias = Annotated[
    Length
    | GopherQuality
    | GopherRepetition
    | C4Lines
    | C4
    | FineWeb
    | Language
    | BlockListRule
    | ClassifierRule
    | Toxicity
    | Pii
    | MaskPii
    | Decontaminate
    | Expression,
    Field(discriminator="type"),
]
"""What a recipe may write under `rules`."""


def _named_groups(rule: Any) -> list[SignalGroup]:
    from ontogeny.data.signals.table import signal_group

    return [signal_group(name) for name in rule.needs]


def _classifier_groups(rule: ClassifierRule) -> list[SignalGroup]:
    from ontogeny.data.signals.classifier import classifier_signals

    assert rule.path is not None  # `with_classifiers` has found it
    return [classifier_signals(rule.name, rule.path)]


def _toxicity_groups(rule: Toxicity) -> list[SignalGroup]:
    from ontogeny.data.signals.toxicity import toxicity_signals

    return [toxicity_signals(rule.words)]


def _bad_word_groups(rule: C4) -> list[SignalGroup]:
    from ontogeny.data.signals.bad_words import bad_word_signals

    return [bad_word_signals(rule.bad_words)] if rule.bad_words else []


def _quality_groups(rule: GopherQuality) -> list[SignalGroup]:
    from ontogeny.data.signals.stop_words import stop_word_signals

    return [*_named_groups(rule), *([stop_word_signals(rule.stop_words)] if rule.stop_words else [])]


def _expression_groups(rule: Expression) -> list[SignalGroup]:
    from ontogeny.data.signals.table import group_of_each_column, signal_group

    return [signal_group(name) for name in groups_needed(rule, group_of_each_column())]


def _overlap_groups(rule: Decontaminate) -> list[SignalGroup]:
    from ontogeny.data.signals.overlap import group_of

    return [group_of(rule)]


def _item_files(rule: Decontaminate) -> list[AnyPath]:
    from ontogeny.data.signals.overlap import item_files

    return item_files(rule)


@dataclass(frozen=True)
class RuleType:
    """What a type of rule does: it judges columns, or it edits texts.

    `groups` gives the signals that it decides over, `about` names columns of the documents themselves that it reads,
    and `files` the outside files whose content decides with it, which its setting `named_in` names.
    """

    judge: Callable[[Any, Any], Judgement] | None = None
    edit: Callable[[Texts, Any], Edited] | None = None
    groups: Callable[[Any], list[SignalGroup]] = _named_groups
    about: tuple[str, ...] = ()
    files: Callable[[Any], Sequence[AnyPath]] = lambda rule: []
    named_in: str = "path"


RULES: dict[str, RuleType] = {
    "length": RuleType(judge_length),
    "gopher-quality": RuleType(judge_gopher_quality, groups=_quality_groups),
    "gopher-repetition": RuleType(judge_gopher_repetition),
    "c4-lines": RuleType(edit=edit_c4_lines),
    "c4": RuleType(
        judge_c4,
        groups=_bad_word_groups,
        files=lambda rule: [rule.bad_words] if rule.bad_words else [],
        named_in="bad_words",
    ),
    "fineweb": RuleType(judge_fineweb),
    "language": RuleType(judge_language),
    "block-list": RuleType(
        judge_block_list,
        groups=lambda rule: [],
        about=("url", "domain"),
        files=files_of,
        named_in="paths",
    ),
    "classifier": RuleType(
        judge_classifier,
        groups=_classifier_groups,
        files=files_of_classifier,
    ),
    "toxicity": RuleType(
        judge_toxicity,
        groups=_toxicity_groups,
        files=lambda rule: [rule.words] if rule.words else [],
        named_in="words",
    ),
    "pii": RuleType(judge_pii),
    "mask-pii": RuleType(edit=mask_pii),
    "decontaminate": RuleType(
        judge_decontaminate, groups=_overlap_groups, files=_item_files, named_in="against"
    ),
    "expression": RuleType(judge_expression, groups=_expression_groups, about=ABOUT),
}


@dataclass(frozen=True)
class Need:
    """A group of signals over the text after the first `edits` edits."""

    group: SignalGroup
    edits: int


def edits_among(rules: Sequence[Rule]) -> list[Rule]:
    """Those of `rules` that change text, in order."""
    return [rule for rule in rules if RULES[rule.type].edit is not None]


def edit(texts: Texts, rule: Rule) -> Edited:
    """`texts` after the edit that `rule` stands for."""
    change = RULES[rule.type].edit
    assert change is not None
    return change(texts, rule)


def judge(rule: Rule, columns: Columns) -> Judgement:
    """What `rule` says of documents with these columns."""
    decide = RULES[rule.type].judge
    assert decide is not None
    return decide(rule, columns)


def needs_of(rules: Sequence[Rule]) -> list[Need]:
    """The signals that `rules` need, each once, in the order of first need."""
    needs: dict[Need, None] = {}
    edits = 0
    for rule in rules:
        if RULES[rule.type].edit is not None:
            edits += 1
        else:
            needs |= dict.fromkeys(Need(group, edits) for group in RULES[rule.type].groups(rule))
    return list(needs)


def files_read_by(rules: Sequence[Rule]) -> list[AnyPath]:
    """The outside files whose content decides with the settings of `rules`.

    Raises:
        RecipeError: with its place; a file is not there, or the rules do not fit together (`check_rules`). Who asks
            which files there are asks before anything is read, so that nothing is read in vain.
    """
    check_rules(rules)
    return [path for position, rule in enumerate(rules) for path in _files_of(rule, position)]


def _files_of(rule: Rule, position: int) -> Sequence[AnyPath]:
    """The files of one rule, each of which is there."""
    kind = RULES[rule.type]
    with placed("rules", position, kind.named_in):
        files = kind.files(rule)
        for path in files:
            if not path.is_file():
                near = nearest_path(path) if isinstance(path, Path) else ""
                raise RecipeError(
                    f"there is no such file.{near}", where=str(path), hint="check the path in the recipe"
                )
    return files
