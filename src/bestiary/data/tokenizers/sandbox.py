"""Jinja's immutable sandbox with what it lacks: an end to loops, and an end to growing texts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from datetime import datetime
from types import BuiltinMethodType
from typing import Any, NoReturn

from jinja2 import Template, nodes
from jinja2.exceptions import SecurityError, TemplateRuntimeError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

STEPS = 100_000  # passes through all loops and macros of one rendering
CHARACTERS = 1 << 26  # in all texts that one rendering joins
SECONDS = 5.0
LARGEST = 1 << 53

FILTERS = frozenset(
    "abs capitalize count d default dictsort first float int items last length list lower map reject rejectattr "
    "reverse round select selectattr sort string title trim unique upper".split()
)
TEXT_METHODS = frozenset(
    "capitalize count endswith find index isalpha isdigit isspace join lower lstrip removeprefix removesuffix replace "
    "rfind rsplit rstrip split splitlines startswith strip title upper".split()
)


def compiled(source: str) -> Template:
    """Compile ``source`` for one rendering, with a step counted in each loop and macro and each joined text counted.

    The counters are attributes of the environment and not variables, which a template could overwrite.
    """
    sandbox = Sandbox()
    tree = sandbox.parse(source)
    for block in list(tree.find_all((nodes.For, nodes.Macro, nodes.CallBlock))):
        step = nodes.ExprStmt(_call("count_step", [], block.lineno), lineno=block.lineno)
        block.body.insert(0, step)  # pyright: ignore[reportAttributeAccessIssue]  # all three kinds have a body
    for joint in list(tree.find_all(nodes.Concat)):
        joint.nodes = [_call("joined", list(joint.nodes), joint.lineno)]
    tree.set_environment(sandbox)
    return Template.from_code(sandbox, sandbox.compile(tree), sandbox.make_globals(None))


def _call(counter: str, arguments: list[nodes.Expr], line: int) -> nodes.Expr:
    return nodes.Call(nodes.EnvironmentAttribute(counter, lineno=line), arguments, [], None, None, lineno=line)


class Generation(Extension):
    """``{% generation %}`` marks the assistant's words for training masks; the words themselves are rendered alike."""

    tags = {"generation"}  # noqa: RUF012  # as the base class declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class Sandbox(ImmutableSandboxedEnvironment):
    """An environment for one rendering: listed filters and text methods only, and limits on steps, text and time."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
        self.filters = {name: self.filters[name] for name in FILTERS}
        self.filters |= {"tojson": self.to_json, "join": self.joined_by, "replace": self.replaced}
        self.globals = {name: self.globals[name] for name in ("range", "dict")}
        self.globals |= {"namespace": Namespace, "raise_exception": _refuse, "strftime_now": _now}
        self._steps = STEPS
        self._characters = CHARACTERS
        self._end = time.monotonic() + SECONDS

    def count_step(self) -> None:
        """Count one pass through a loop or macro; raise when there were too many or the time is over."""
        self._steps -= 1
        if self._steps < 0 or time.monotonic() > self._end:
            raise SecurityError(f"it runs for more than {STEPS:,} steps or {SECONDS:g} seconds")

    def count_text(self, size: int) -> None:
        """Count the characters of a text or the entries of a list before it is made; raise when they are too many."""
        self._characters -= size
        if self._characters < 0:
            raise SecurityError(f"it makes more than {CHARACTERS:,} characters of text")

    def joined(self, *parts: Any) -> str:
        """The operator ``~``."""
        texts = [str(part) for part in parts]
        self.count_text(sum(map(len, texts)))
        return "".join(texts)

    def joined_by(self, parts: Iterable[Any], separator: str = "") -> str:
        """The filter and the method ``join``."""
        texts = [str(part) for part in parts]
        self.count_text(sum(map(len, texts)) + len(texts) * len(separator))
        return separator.join(texts)

    def replaced(self, text: str, old: str, new: str, count: int = -1) -> str:
        """The filter and the method ``replace``."""
        self.count_text(len(text) + text.count(old) * len(new))
        return text.replace(old, new, count)

    def to_json(self, value: Any, indent: int | None = None, **options: Any) -> str:
        """The filter ``tojson``, without Jinja's escapes for HTML."""
        text = json.dumps(value, ensure_ascii=False, indent=min(indent or 0, 8) or None)
        self.count_text(len(text))
        return text

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Let numbers be calculated while they stay small, and texts and lists be added; nothing be multiplied."""
        if all(isinstance(side, int | float) for side in (left, right)) and operator != "**":
            if max(abs(left), abs(right)) > LARGEST:
                raise SecurityError("it calculates with enormous numbers")
        elif operator == "+" and all(isinstance(side, str | list | tuple) for side in (left, right)):
            self.count_text(len(left) + len(right))
        else:
            raise SecurityError(f"it applies '{operator}' to {type(left).__name__} and {type(right).__name__}")
        return super().call_binop(context, operator, left, right)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Allow the listed methods of texts, and of other things what the immutable sandbox allows."""
        return attr in TEXT_METHODS if isinstance(obj, str) else super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Leave ``str.format`` to the list of methods, which lacks it: a width in a format can fill the memory."""

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call; the two methods of texts that can blow one up are counted, and take no keywords of their own."""
        if isinstance(obj, BuiltinMethodType) and isinstance(obj.__self__, str):
            if obj.__name__ == "replace":
                return self.replaced(obj.__self__, *args)
            if obj.__name__ == "join":
                return self.joined_by(*args, separator=obj.__self__)
        return super().call(context, obj, *args, **kwargs)


def _refuse(message: str) -> NoReturn:
    raise TemplateRuntimeError(message)


def _now(layout: str) -> str:
    return datetime.now().astimezone().strftime(layout)
