"""A conversation in the terminal: a line in, an answer streamed out, and the context kept from overflowing.

At a terminal there is a prompt with history, commands that start with `/`, and Ctrl-C that stops the answer and not
the program. When the input is not a terminal each line is a question and only answers are printed on standard output,
so that a file of questions can be piped through; what else there is to say goes to standard error.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from ontogeny.core.errors import UsageError, nearest
from ontogeny.core.seeds import derive_seed
from ontogeny.inference.engine import Engine
from ontogeny.inference.loading import LoadedModel
from ontogeny.inference.sampling import SamplingOptions
from ontogeny.tokenizer.chat import encode_prompt
from ontogeny.tokenizer.codec import Tokenizer

HISTORY_LINES = 1000
ANSWER_SHARE = 4
"""At least one part in this many of the context is kept free for the answer; older turns make room for it."""

COMMANDS = {
    "/help": "show this list",
    "/reset": "forget the conversation",
    "/system TEXT": "set the system message (without TEXT: remove it) and start anew",
    "/quit": "end (so does Ctrl-D)",
}
COMMAND_NAMES = tuple(usage.split()[0] for usage in COMMANDS)

CONTROL_CHARACTERS = {code: None for code in [*range(32), *range(127, 160)] if chr(code) not in "\n\t"}
"""Removed from answers: a model can write escape sequences, and a terminal would obey them."""


@dataclasses.dataclass
class Conversation:
    """The turns so far, the oldest first, and what the model is shown of them."""

    tokenizer: Tokenizer
    context_tokens: int
    system: str | None = None
    turns: list[dict[str, str]] = dataclasses.field(default_factory=list)

    def prompt_ids(self) -> list[int]:
        """The whole conversation in the chat template, up to where the next answer begins."""
        before = [{"role": "system", "content": self.system}] if self.system else []
        return encode_prompt(self.tokenizer, [*before, *self.turns])

    def ask(self, question: str, *, answer_tokens: int) -> tuple[list[int], int]:
        """Add a question; forget the oldest turns until it and an answer of `answer_tokens` fit the context.

        Returns:
            The prompt's token ids, and how many turns were forgotten.

        Raises:
            UsageError: the question alone is too long; it is not added.
        """
        room = self.context_tokens - min(answer_tokens, self.context_tokens // ANSWER_SHARE)
        before = list(self.turns)
        self.turns.append({"role": "user", "content": question})
        while len(ids := self.prompt_ids()) > room:
            if len(self.turns) == 1:
                self.turns = before
                raise UsageError(
                    f"the message is too long: {len(ids)} tokens, where the model can read {room}",
                    hint="send less text, or remove the system message with /system",
                )
            # a question and its answer leave together, so that the oldest turn is always a question
            del self.turns[:2]
        return ids, len(before) + 1 - len(self.turns)


def chat(
    model: LoadedModel,
    *,
    options: SamplingOptions,
    console: Console | None = None,
    input: Callable[[str], str] = input,
    name: str = "",
    system: str | None = None,
    history: Path | None = None,
    interactive: bool | None = None,
) -> None:
    """Talk until the input ends.

    Args:
        model: answers.
        options: sampling of every answer; the seed is varied from turn to turn, the same way every time.
        console: where answers go; by default standard output.
        input: gives a line for a prompt, and `EOFError` at the end.
        name: what the model is called, for the greeting.
        system: a system message to start with.
        history: the file that keeps the lines typed, for the next time.
        interactive: whether a person is typing; by default, whether input and output are terminals.
    """
    console = console or Console()
    if interactive is None:
        interactive = sys.stdin.isatty() and console.is_terminal
    engine = model.engine
    conversation = Conversation(model.tokenizer, context_tokens=engine.model.config.seq_len, system=system)
    notes = console if interactive else Console(stderr=True)
    loop = _Loop(engine, conversation, options=options, console=console, notes=notes)
    if not interactive:
        while not loop.ended and (line := _line(input, "")) is not None:
            loop.take(line)
        return
    loop.note(f"{name or 'The model'} is listening. /help lists the commands; Ctrl-D ends.")
    prompt = "\x01\x1b[1;32m\x02› \x01\x1b[0m\x02" if console.color_system else "› "
    with _line_editing(history):
        while not loop.ended:
            try:
                line = _line(input, prompt)
                if line is None:
                    console.print()
                    return
                loop.take(line, stoppable=True)
            except KeyboardInterrupt:
                console.print()
                loop.note("Ctrl-D or /quit ends.")


class _Loop:
    """What one line does."""

    def __init__(
        self,
        engine: Engine,
        conversation: Conversation,
        *,
        options: SamplingOptions,
        console: Console,
        notes: Console,
    ) -> None:
        self.engine = engine
        self.conversation = conversation
        self.options = options
        self.console = console
        self.notes = notes
        self.ended = False
        self.asked = 0

    def note(self, text: str) -> None:
        """Say something that is not the model's."""
        self.notes.print(text, style="dim", markup=False, highlight=False)

    def take(self, line: str, *, stoppable: bool = False) -> None:
        """Obey a command or answer a question; an empty line does nothing."""
        line = line.strip()
        if line.startswith("/"):
            self._command(*line.split(maxsplit=1))
        elif line and not self.ended:
            self._answer(line, stoppable=stoppable)

    def _command(self, command: str, text: str = "") -> None:
        if command == "/quit":
            self.ended = True
        elif command == "/reset":
            self.conversation.turns.clear()
            self.note("The conversation is forgotten.")
        elif command == "/system":
            self.conversation.system = text or None
            self.conversation.turns.clear()
            self.note("The system message is set." if text else "The system message is removed.")
        elif command == "/help":
            width = max(map(len, COMMANDS))
            self.note("\n".join(f"{usage:<{width}}  {what}" for usage, what in COMMANDS.items()))
        else:
            self.note(f"There is no command {command}.{nearest(command, COMMAND_NAMES)} /help lists them.")

    def _answer(self, question: str, *, stoppable: bool) -> None:
        try:
            ids, forgotten = self.conversation.ask(question, answer_tokens=self.options.max_new_tokens)
        except UsageError as error:
            self.note(str(error))
            return
        if forgotten:
            self.note(f"The context is full: the oldest {forgotten} turns were forgotten.")
        said = ""
        try:
            for chunk in self.engine.stream(
                ids, self._options(room=self.conversation.context_tokens - len(ids))
            ):
                said += chunk.text
                self._show(chunk.text.translate(CONTROL_CHARACTERS))
            self._show("" if said.endswith("\n") else "\n")
        except KeyboardInterrupt:
            if not stoppable:
                raise
            self._show("\n")
            self.note("Stopped.")
        # a stopped answer stays, as far as it was read: the next question may be about it
        self.conversation.turns.append({"role": "assistant", "content": said})

    def _show(self, text: str) -> None:
        """Write at once and exactly: rich would expand each piece's tabs as if it began a line."""
        self.console.file.write(text)
        self.console.file.flush()

    def _options(self, *, room: int) -> SamplingOptions:
        """The options of the next answer: no longer than the context has room for, with a seed of its own."""
        self.asked += 1
        seed = derive_seed(self.options.seed, "chat", self.asked)
        return dataclasses.replace(
            self.options, max_new_tokens=min(self.options.max_new_tokens, room), seed=seed
        )


def _line(read: Callable[[str], str], prompt: str) -> str | None:
    """The next line, or `None` at the end of the input."""
    try:
        return read(prompt)
    except EOFError:
        return None


@contextmanager
def _line_editing(history: Path | None) -> Iterator[None]:
    """Arrow keys, history from the last time, Tab for commands; nothing where Python has no readline."""
    try:
        import readline
    except ImportError:
        yield
        return

    def complete(start: str, number: int) -> str | None:
        return [*(name for name in COMMAND_NAMES if name.startswith(start)), None][number] if start else None

    readline.clear_history()
    readline.set_completer_delims(" ")
    readline.set_completer(complete)
    readline.parse_and_bind("tab: complete")
    if history is not None:
        with suppress(OSError):  # there is none yet
            readline.read_history_file(history)
    try:
        yield
    finally:
        if history is not None:
            readline.set_history_length(HISTORY_LINES)
            with suppress(OSError):  # a workspace that cannot be written still can be talked in
                history.parent.mkdir(parents=True, exist_ok=True)
                readline.write_history_file(history)
