"""The conversation in the terminal."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from ontogeny.cli import chat_loop
from ontogeny.cli.chat_loop import COMMANDS, Conversation, chat
from ontogeny.core.errors import UsageError
from ontogeny.inference.engine import Chunk
from ontogeny.inference.sampling import SamplingOptions

WORDS = ["It ", "opens ", "a file."]
OPTIONS = SamplingOptions(max_new_tokens=10, seed=7)


class Parrot:
    """Says the same words to everything; can be interrupted after the first. Its tokens are letters."""

    tokenizer = None

    def __init__(self, *, context: int = 100) -> None:
        self.engine = self
        self.model = SimpleNamespace(config=SimpleNamespace(seq_len=context))
        self.prompts: list[str] = []
        self.options: list[SamplingOptions] = []
        self.words = WORDS
        self.interrupted = False

    def stream(self, prompt_ids: Sequence[int], options: SamplingOptions) -> Iterator[Chunk]:
        self.prompts.append("".join(map(chr, prompt_ids)))
        self.options.append(options)
        for number, word in enumerate(self.words):
            if number == 1 and self.interrupted:
                raise KeyboardInterrupt
            yield Chunk(text=word, token_id=number, finish_reason=None)
        yield Chunk(text="", token_id=None, finish_reason="stop")


@pytest.fixture(autouse=True)
def plain_template(monkeypatch: pytest.MonkeyPatch) -> None:
    def encode_prompt(tokenizer: object, messages: list[dict[str, str]]) -> list[int]:
        return [ord(letter) for turn in messages for letter in f"{turn['role'][0]}:{turn['content']};"]

    monkeypatch.setattr(chat_loop, "encode_prompt", encode_prompt)


def typed(*lines: str | type[BaseException]) -> Callable[[str], str]:
    """A person who types these lines, or Ctrl-C, and then Ctrl-D."""
    waiting = iter(lines)

    def read(prompt: str) -> str:
        line = next(waiting, EOFError)
        if isinstance(line, str):
            return line
        raise line

    return read


def talk(engine: Parrot, *lines: str | type[BaseException], interactive: bool = True, **more: Any) -> str:
    """What a terminal without colours shows."""
    console = Console(file=io.StringIO(), width=200, color_system=None)
    chat(
        engine,  # type: ignore[arg-type]
        options=more.pop("options", OPTIONS),
        console=console,
        input=typed(*lines),
        interactive=interactive,
        **more,
    )
    shown = console.file
    assert isinstance(shown, io.StringIO)
    return shown.getvalue()


def test_an_answer_is_part_of_the_next_question() -> None:
    engine = Parrot()
    shown = talk(engine, "open?", "", "and then?", name="python-tutor/tutor@1")
    assert shown.startswith("python-tutor/tutor@1 is listening. /help lists the commands; Ctrl-D ends.\n")
    assert shown.count("It opens a file.\n") == 2
    assert engine.prompts == ["u:open?;", "u:open?;a:It opens a file.;u:and then?;"]


def test_each_answer_has_its_own_seed_and_the_same_one_every_time() -> None:
    first, again = Parrot(), Parrot()
    for engine in (first, again):
        talk(engine, "a", "b")
    seeds = [options.seed for options in first.options]
    assert len(set(seeds)) == 2
    assert seeds == [options.seed for options in again.options]


def test_commands() -> None:
    engine = Parrot()
    shown = talk(
        engine, "a", "/reset", "b", "/system be brief", "c", "/system", "d", "/help", "/sytem", "/quit", "e"
    )
    assert engine.prompts == ["u:a;", "u:b;", "s:be brief;u:c;", "u:d;"]
    for said in (
        "The conversation is forgotten.",
        "The system message is set.",
        "The system message is removed.",
        "There is no command /sytem. Did you mean '/system'? /help lists them.",
        *COMMANDS,
        *COMMANDS.values(),
    ):
        assert said in shown


def test_ctrl_c_stops_the_answer_and_not_the_program() -> None:
    engine = Parrot()
    engine.interrupted = True
    shown = talk(engine, "a", "b")
    assert shown.count("It \nStopped.\n") == 2
    assert engine.prompts[1] == "u:a;a:It ;u:b;"


def test_ctrl_c_at_the_prompt_says_how_to_leave() -> None:
    assert "Ctrl-D or /quit ends.\n" in talk(Parrot(), KeyboardInterrupt, "a")


def test_the_oldest_turns_make_room_and_it_is_said() -> None:
    engine = Parrot(context=60)
    shown = talk(engine, "a" * 20, "b" * 20, "c" * 5)
    assert engine.prompts == [
        "u:" + "a" * 20 + ";",
        "u:" + "b" * 20 + ";",
        "u:" + "b" * 20 + ";a:It opens a file.;u:ccccc;",
    ]
    assert shown.count("The context is full: the oldest 2 turns were forgotten.") == 1


def test_a_message_that_is_too_long_changes_nothing() -> None:
    engine = Parrot(context=60)
    shown = talk(engine, "a", "b" * 60, "c")
    assert "the message is too long: 63 tokens, where the model can read 50" in shown
    assert engine.prompts[1] == "u:a;a:It opens a file.;u:c;"


def test_an_answer_is_no_longer_than_there_is_room_for() -> None:
    engine = Parrot(context=40)
    talk(engine, "a" * 20, options=SamplingOptions(max_new_tokens=1000))
    assert engine.options[0].max_new_tokens == 40 - len(engine.prompts[0])


@pytest.mark.parametrize("system", [None, "be brief"])
def test_a_conversation_never_exceeds_the_context(system: str | None) -> None:
    conversation = Conversation(None, context_tokens=50, system=system)  # type: ignore[arg-type]
    for length in range(1, 60):
        before = list(conversation.turns)
        try:
            ids, _ = conversation.ask("q" * length, answer_tokens=8)
        except UsageError:
            assert conversation.turns == before
            continue
        assert len(ids) + 8 <= 50
        assert conversation.turns[0]["role"] == "user"
        conversation.turns.append({"role": "assistant", "content": "a" * 8})


def test_a_model_cannot_drive_the_terminal() -> None:
    engine = Parrot()
    engine.words = ["\x1b[2J", "a\x07\r\tb\n", "\x9b31m", "[red]c[/red]", ":smile:\n"]
    assert talk(engine, "a").endswith("\n[2Ja\tb\n31m[red]c[/red]:smile:\n\n")


def test_without_a_terminal_only_answers_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    shown = talk(Parrot(), "a", "", "/reset", "b", "/quit", "c", interactive=False)
    assert shown == "It opens a file.\n" * 2
    assert capsys.readouterr().err == "The conversation is forgotten.\n"


def test_without_a_terminal_ctrl_c_ends_the_program() -> None:
    engine = Parrot()
    engine.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        talk(engine, "a", interactive=False)


def test_lines_are_remembered_for_the_next_time(tmp_path: Path) -> None:
    readline = pytest.importorskip("readline")
    history = tmp_path / "workspace" / "chat-history"
    remembered: list[str] = []

    def read(prompt: str) -> str:
        remembered.append(str(readline.get_history_item(1)))
        readline.add_history("open?")
        raise EOFError

    for _ in range(2):
        console = Console(file=io.StringIO())
        chat(
            Parrot(),  # type: ignore[arg-type]
            options=OPTIONS,
            console=console,
            input=read,
            history=history,
            interactive=True,
        )
    assert remembered == ["None", "open?"]


def test_a_workspace_that_cannot_be_written_can_be_talked_in(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "It opens a file." in talk(Parrot(), "a", history=tmp_path / "file" / "history")
