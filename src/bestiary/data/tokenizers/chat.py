"""Chat templates of checkpoints, rendered in a bounded sandbox: they are programs, and nobody vouches for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.untrusted import quoted

TEMPLATE_LIMIT = 1 << 17  # characters; the longest published templates hold about a sixth of this


def render(template: str, messages: Sequence[Mapping[str, Any]], variables: Mapping[str, Any]) -> str:
    """Return the prompt that ``template`` makes of ``messages`` with ``variables`` (special tokens, flags).

    Raises BestiaryError when the template is wrong, hostile, or refuses the messages.
    """
    try:
        from jinja2.exceptions import TemplateError

        from bestiary.data.tokenizers.sandbox import compiled
    except ImportError:
        raise BestiaryError("chat templates need jinja2, which is not installed; run 'pip install jinja2'") from None
    if len(template) > TEMPLATE_LIMIT:
        raise BestiaryError(f"the chat template has {len(template):,} characters, more than {TEMPLATE_LIMIT:,}")
    conversation = _plain(messages)
    try:
        return compiled(template).render(messages=conversation, **variables)
    except TemplateError as error:
        raise BestiaryError(f"the chat template cannot render these messages: {error.message}") from None
    except BestiaryError:
        raise
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError, MemoryError) as error:
        raise BestiaryError(f"the chat template fails on these messages: {type(error).__name__}: {error}") from None


def _plain(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Copy the messages through JSON, so that a template never meets an object with methods of its own."""
    if not messages:
        raise BestiaryError("there are no messages to render; give at least one")
    for number, message in enumerate(messages, 1):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise BestiaryError(f"message {number} is {quoted(message)}; give {{'role': 'user', 'content': '...'}}")
    try:
        return json.loads(json.dumps([dict(message) for message in messages]))
    except (TypeError, ValueError, RecursionError) as error:
        raise BestiaryError(f"the messages hold what JSON cannot ({error}); give text, numbers and lists") from None
