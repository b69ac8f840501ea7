"""How documentation is laid out as text to read: the one place that decides it, for training and for questions.

A module is its name, its docstring, then one block for each member that says what it does:

    asyncio.events.get_event_loop()
    Return an asyncio event loop.
"""

from __future__ import annotations

from ontogeny.data.python_modules import Member, Module
from ontogeny.data.python_topics import Topic


def topic_text(topic: Topic) -> str:
    """A topic as a document."""
    return f"topic {topic.name}\n\n{topic.text.strip()}\n"


def module_text(module: Module) -> str:
    """A module as a document: everything that it says about itself, members without a docstring left out."""
    blocks = [f"module {module.name}"]
    if module.docstring:
        blocks.append(module.docstring)
    blocks += [
        description_context(module, member) + member.docstring
        for member in module.members
        if member.docstring
    ]
    return "\n\n".join(blocks) + "\n"


def description_context(module: Module, member: Member) -> str:
    """What stands before the description of `member`, up to its first character."""
    return f"{heading(module, member)}\n"


def heading(module: Module, member: Member) -> str:
    """The full name of `member` with its signature."""
    return f"{qualified_name(module, member)}{member.signature}"


def qualified_name(module: Module, member: Member) -> str:
    """The dotted name that `import` and `help()` know."""
    return f"{module.name}.{member.name}"
