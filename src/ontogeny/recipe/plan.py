"""What would run: references resolved, kinds checked, steps in order, results that can be reused.

A step is `reused` when its fingerprint is known and its result is there, `to-run` when it is not, and `unknown` as long
as one of its inputs has yet to be made.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ontogeny.core.errors import RecipeError, UsageError, nearest
from ontogeny.core.seeds import derive_seed
from ontogeny.lineage.artifact import Artifact
from ontogeny.lineage.external import external_digests
from ontogeny.lineage.fingerprint import fingerprint
from ontogeny.lineage.step import Reference, Step, StepConfig, references
from ontogeny.lineage.workspace import Workspace
from ontogeny.recipe.located import at_its_line
from ontogeny.recipe.models import path_hint
from ontogeny.recipe.schema import Recipe

Status = Literal["reused", "to-run", "unknown"]
TELLS_LABELS = (
    "a classifier tells labels and writes nothing: its own report says how good it is, `ontogeny classify` uses it, "
    "and `ontogeny export` writes its model without the head"
)


@dataclass(frozen=True)
class Use:
    """An input of a step: another step of the recipe, or an artifact that exists."""

    reference: Reference
    step: str | None = None
    artifact: Artifact | None = None


@dataclass(frozen=True)
class Node:
    """A step of a recipe in its place: its kind, its configuration, its inputs, the steps whose gates hold it back."""

    name: str
    step: Step
    config: StepConfig
    uses: tuple[Use, ...]
    held_by: tuple[str, ...]
    seed: int

    @property
    def parents(self) -> set[str]:
        """The steps of the recipe that must be done before this one."""
        return {use.step for use in self.uses if use.step is not None} | set(self.held_by)


@dataclass
class Planned:
    """What the plan says of a node. `inputs` are None as long as one has yet to be made."""

    node: Node
    status: Status
    inputs: Mapping[str, Artifact] | None = None
    artifact: Artifact | None = None
    estimate: dict[str, Any] = field(default_factory=dict)
    """What it will take, where `recipe.estimates` was asked."""


def resolve(recipe: Recipe, workspace: Workspace, table: Mapping[str, Step]) -> list[Node]:
    """The steps in an order in which they can run.

    Raises:
        RecipeError: a reference to nothing, an input of the wrong kind, a cycle, splits that would overlap.
    """
    _check_splits(recipe)
    holds = _holds(recipe)
    nodes = {}
    for name, config in recipe.steps.items():
        uses = tuple(_resolve_use(recipe, workspace, table, name, found) for found in references(config))
        seed = derive_seed(recipe.seed, name)
        nodes[name] = Node(name, table[config.step], config, uses, tuple(holds.get(name, ())), seed)
    return _in_order(nodes, recipe)


def check_files(nodes: Sequence[Node], recipe: Recipe) -> None:
    """Find every outside file that `nodes` read, before anything is computed.

    Raises:
        OntogenyError: a file is not there, or as the step said it; with the line of the step, or of the setting.
    """
    for node in nodes:
        with at_its_line(recipe, node.name):
            for path in node.step.external_files(node.config):
                if not path.is_file():
                    raise RecipeError(
                        "no such input file", where=str(path), hint="check the path in the recipe"
                    )


def make_plan(
    nodes: Sequence[Node],
    workspace: Workspace,
    *,
    device: str,
    limit: int | None = None,
    rerun: Collection[str] = (),
) -> list[Planned]:
    """What each step would do now; those in `rerun` are computed again."""
    made: dict[str, Artifact] = {}
    planned = []
    for node in nodes:
        inputs = gather_inputs(node, made)
        if inputs is None:
            entry = Planned(node, "unknown")
        else:
            key = node_fingerprint(node, inputs, workspace, device=device, limit=limit)
            if node.name not in rerun and (artifact := workspace.reusable(key)) is not None:
                made[node.name] = artifact
                entry = Planned(node, "reused", inputs, artifact)
            else:
                entry = Planned(node, "to-run", inputs)
        planned.append(entry)
    return planned


def gather_inputs(node: Node, made: Mapping[str, Artifact]) -> dict[str, Artifact] | None:
    """The inputs of a node by role; None as long as one has yet to be made."""
    inputs: dict[str, Artifact] = {}
    for use in node.uses:
        artifact = use.artifact if use.step is None else made.get(use.step)
        if artifact is None:
            return None
        inputs[use.reference.role] = artifact
    return inputs


def node_fingerprint(
    node: Node,
    inputs: Mapping[str, Artifact],
    workspace: Workspace,
    *,
    device: str,
    limit: int | None = None,
    processes: int | None = None,
) -> str:
    """The reuse key of a node with these inputs. `limit` counts only where the step obeys it.

    With `processes` it is that of the same work on another number of them.
    """
    return fingerprint(
        node.step,
        node.config,
        seed=node.seed,
        device=device,
        limit=limit if node.step.limited else None,
        inputs={role: artifact.digest for role, artifact in inputs.items()},
        external=external_digests(node.step.external_files(node.config), workspace.root / "cache"),
        processes=processes,
    )


def select(
    nodes: Sequence[Node], *, only: Sequence[str] = (), until: Sequence[str] = (), rerun: Sequence[str] = ()
) -> list[Node]:
    """The nodes that a command asks for: those named by `only`, or those named by `until` and all before them.

    Raises:
        UsageError: a name that is no step of the recipe.
    """
    by_name = {node.name: node for node in nodes}
    for name in (*only, *until, *rerun):
        if name not in by_name:
            raise UsageError(
                f"the recipe has no step {name!r}.{nearest(name, by_name)}",
                hint=f"its steps: {', '.join(by_name)}",
            )
    wanted = set(only)
    frontier = list(until)
    while frontier:
        name = frontier.pop()
        if name not in wanted:
            wanted.add(name)
            frontier += by_name[name].parents
    return [node for node in nodes if node.name in wanted] if only or until else list(nodes)


def with_ancestors(nodes: Sequence[Node], selected: Sequence[Node]) -> list[Node]:
    """`selected` and all that must be done before, in the order of `nodes`."""
    return select(nodes, until=[node.name for node in selected]) if selected else []


def _resolve_use(
    recipe: Recipe, workspace: Workspace, table: Mapping[str, Step], name: str, found: Reference
) -> Use:
    place = ("steps", name, *(int(part) if part.isdigit() else part for part in found.role.split(".")))
    where = recipe.where(*place)
    if found.name in recipe.steps:
        config = recipe.steps[found.name]
        kind = table[config.step].kind_of(config)
        use = Use(found, step=found.name)
    else:
        try:
            artifact = workspace.open(found.name)
        except UsageError as error:
            raise RecipeError(
                f"{found.role}: there is no step, artifact or alias {found.name!r}."
                + nearest(found.name, recipe.steps),
                where=where,
                hint=_hint_for_unknown(recipe, found),
            ) from error
        kind, use = artifact.kind, Use(found, artifact=artifact)
    if kind not in found.kinds:
        fitting = [
            step for step, config in recipe.steps.items() if table[config.step].kind_of(config) in found.kinds
        ]
        hint = f"steps that make one: {', '.join(fitting)}" if fitting else "add a step that makes one"
        if kind == "classifier" and "model" in found.kinds:
            hint = f"{TELLS_LABELS}; {hint}"
        kinds = "an artifact of kind " + " or ".join(map(repr, found.kinds))
        raise RecipeError(
            f"{found.role} needs {kinds}, but {found.name!r} is of kind {kind!r}",
            where=where,
            hint=hint,
        )
    return use


def _hint_for_unknown(recipe: Recipe, found: Reference) -> str:
    if found.name.startswith((".", "/")):
        return "a folder is brought in by a step: `{step: import-model, path: ./FOLDER}`"
    if "model" in found.kinds and (hint := path_hint(found.name)) is not None:
        return hint
    return f"steps of this recipe: {', '.join(recipe.steps)}; `ontogeny ls` lists artifacts"


def _holds(recipe: Recipe) -> dict[str, list[str]]:
    """Step -> the steps whose gates hold it back (`gates: [{blocks: [...]}]`, `forgetting: {blocks: [...]}`)."""
    holds: dict[str, list[str]] = {}
    for name, config in recipe.steps.items():
        for place, names in config.held_back.items():
            for blocked in names:
                if blocked not in recipe.steps:
                    raise RecipeError(
                        f"a gate blocks {blocked!r}, which is no step.{nearest(blocked, recipe.steps)}",
                        where=recipe.where("steps", name, *place),
                        hint=f"steps of this recipe: {', '.join(recipe.steps)}",
                    )
                holds.setdefault(blocked, []).append(name)
    return holds


def _check_splits(recipe: Recipe) -> None:
    """One recipe has one held-out share, or what one step holds out another would train on."""
    shares = {
        name: config.held_out_fraction
        for name, config in recipe.steps.items()
        if hasattr(config, "held_out_fraction") and getattr(config, "shares_the_split", True)
    }
    if len(set(shares.values())) > 1:
        (first, share), *others = shares.items()
        name, other = next((name, other) for name, other in others if other != share)
        raise RecipeError(
            f"held_out_fraction is {other} here and {share} in {first}: what one holds out the other would train on",
            where=recipe.where("steps", name, "held_out_fraction"),
            hint="give every step of a recipe the same held_out_fraction",
        )


def _in_order(nodes: dict[str, Node], recipe: Recipe) -> list[Node]:
    """Topological order, ties in the order of the recipe."""
    done: dict[str, Node] = {}
    while len(done) < len(nodes):
        ready = [node for name, node in nodes.items() if name not in done and node.parents <= done.keys()]
        if not ready:
            stuck = [name for name in nodes if name not in done]
            raise RecipeError(
                f"the steps wait for each other: {' -> '.join(_cycle(nodes, stuck[0], done))}",
                where=recipe.where("steps", stuck[0]),
                hint="let one of them use an earlier result",
            )
        done[ready[0].name] = ready[0]
    return list(done.values())


def _cycle(nodes: dict[str, Node], start: str, done: Mapping[str, Node]) -> list[str]:
    path = [start]
    while True:
        following = sorted(parent for parent in nodes[path[-1]].parents if parent not in done)[0]
        if following in path:
            return [*path[path.index(following) :], following]
        path.append(following)
