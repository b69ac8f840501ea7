"""The guards around a tuning: what is measured before and after, the way between the two, and the verdict.

    guards = Guards(config, text, measure, context)
    guards.before()                        # kept, so that a resumed step need not measure again
    ...                                    # train
    guards.after(lambda: Line(...))        # the model has the weights that are published
    guards.figures(), guards.add_to(page), guards.verdicts(...)

`measure` gives the held-out loss of the model as it is, and bits of the general text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ontogeny.core.files import digest_json
from ontogeny.core.seeds import derive_seed
from ontogeny.finetune.config_guards import GuardSettings
from ontogeny.finetune.forgetting import GATE, GeneralText, Rise, decide
from ontogeny.finetune.shared import once
from ontogeny.lineage.artifact import Artifact, record_files
from ontogeny.lineage.manifest import Verdict, content_digest
from ontogeny.lineage.step import Context

if TYPE_CHECKING:
    from ontogeny.finetune.interpolation import Curve, Line, Point
    from ontogeny.report.page import Page

BEFORE_FILE = "before.json"


@dataclass(frozen=True)
class Measured:
    """Of one set of weights. What the base cannot be asked, or nobody asked for, is None."""

    held_out_loss: float | None = None
    held_out_accuracy: float | None = None
    general_bits: list[float] | None = None
    """Of each general text."""


class Guards:
    """What is measured around one tuning, and decided by it."""

    def __init__(
        self,
        config: GuardSettings,
        text: GeneralText | None,
        measure: Callable[[], Measured],
        context: Context,
    ) -> None:
        self._config, self._text, self._measure, self._context = config, text, measure, context
        self.curve: Curve | None = None
        self._after: Measured | None = None

    def before(self, measure: Callable[[], Measured] | None = None) -> Measured:
        """What the base comes to, by `measure` where it cannot be asked everything."""
        return self._kept(BEFORE_FILE, measure or self._measure)

    def after(self, line: Callable[[], Line]) -> Measured:
        """Measure the tuned model, and the way to it where that was asked for; take the weights that are published."""
        settings = self._config.interpolation
        if settings is None:
            self._after = self._measure()
            return self._after
        from ontogeny.finetune.interpolation import curve_of

        self._context.progress.note(
            f"finetune: measuring {len(settings.measured)} models between the base and the tuned one"
        )
        way = line()
        found: dict[float, Measured] = {}
        for alpha in settings.measured:
            way.put(alpha)
            found[alpha] = self._kept(f"alpha-{alpha!r}.json", self._measure)
        points = [self._point(alpha, measured) for alpha, measured in found.items()]
        self.curve = curve_of(points, self._config.forgetting, settings.take)
        way.put(self.curve.taken)
        self._context.progress.note(f"finetune: {self.curve.words}")
        self._after = found[self.curve.taken]
        return self._after

    @cached_property
    def rise(self) -> Rise | None:
        """Of general bits per byte, from the base to what is published."""
        return None if self._text is None else self._rise(self._after)

    @cached_property
    def decision(self) -> tuple[bool, str] | None:
        """Whether the gate lets the model pass, and why; None without a gate."""
        if self._config.forgetting is None or self.rise is None:
            return None
        return decide(self.rise, self._config.forgetting)

    def verdicts(self, inputs: Mapping[str, Artifact]) -> tuple[Verdict, ...]:
        """The gate's, on what lies in the payload now: nothing may be written there afterwards."""
        if self.decision is None:
            return ()
        passed, reason = self.decision
        gate = self._config.forgetting
        assert gate is not None  # or nothing was decided
        suite = {
            "general": inputs["general"].digest,
            "max_bytes": self._config.general_max_bytes,
            "base": inputs["model"].digest,
        }
        return (
            Verdict(
                gate=GATE,
                passed=passed,
                reason=reason,
                model_digest=content_digest(record_files(self._context.payload)),
                suite_digest=digest_json(suite),
                blocks=gate.blocks,
            ),
        )

    def figures(self) -> dict[str, Any]:
        """For the manifest."""
        before, rise = self.before(), self.rise
        return {
            "general_bits_per_byte_before": None if rise is None else rise.before,
            "general_bits_per_byte": None if rise is None else rise.after,
            **({} if before.held_out_loss is None else {"held_out_loss_before": before.held_out_loss}),
            **({} if rise is None else rise.figures()),
            **({} if self.curve is None else self.curve.figures()),
        }

    def add_to(self, page: Page) -> None:
        """What was forgotten, as a section of the page."""
        from ontogeny.finetune.report_guards import add_forgetting

        if self.rise is not None:
            add_forgetting(page, self.rise, self.decision, self.curve)

    def _kept(self, name: str, measure: Callable[[], Measured]) -> Measured:
        return Measured(**once(self._context.scratch / name, lambda: vars(measure()).copy()))

    def _rise(self, after: Measured | None) -> Rise:
        bits = self.before().general_bits
        assert (
            self._text is not None
            and after is not None
            and bits is not None
            and after.general_bits is not None
        )
        seed = derive_seed(self._context.seed, GATE)
        return self._text.rise(bits, after.general_bits, seed=seed)

    def _point(self, alpha: float, measured: Measured) -> Point:
        from ontogeny.finetune.interpolation import Point

        assert measured.held_out_loss is not None
        return Point(alpha, measured.held_out_loss, measured.held_out_accuracy, self._rise(measured))
