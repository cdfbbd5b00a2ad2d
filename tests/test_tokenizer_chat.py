"""Chat templates render as the reference renders them, and hostile ones end in one sentence."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import transformers
from trained_vocabularies import folder_of

from bestiary.data.tokenizers import load_tokenizer
from bestiary.data.tokenizers.sandbox import STEPS
from bestiary.errors import BestiaryError

CHATML = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
OTHER_TEMPLATES = [
    "{{ bos_token }}{% for m in messages %}"
    "{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] | trim + ' [/INST]' }}"
    "{% else %}{{ ' ' ~ m['content'] ~ eos_token }}{% endif %}{% endfor %}",
    "{%- set ns = namespace(n=0) %}\n{%- for m in messages if m.role != 'system' %}\n  {%- set ns.n = ns.n + 1 %}\n"
    "    {%- if loop.index0 > 8 %}{% break %}{% endif %}\n{{ ns.n }}:{{ m.content.split('!')[-1].lstrip() | upper }}\n"
    "{% endfor %}",
    "{% macro turn(m) %}<{{ m.role }}>{{ m | tojson }}{% endmacro %}{% for m in messages %}{{ turn(m) }}{% endfor %}",
    "{% for m in messages %}{% generation %}{{ m.content.replace('e', '*') }}{% endgeneration %}{% endfor %}",
]
MESSAGES = [
    {"role": "user", "content": " Hello there! How <b>are</b> you? "},
    {"role": "assistant", "content": 'Très bien 😀, "merci".'},
    {"role": "user", "content": "2 + 2?"},
]


@pytest.mark.parametrize("template", [CHATML, *OTHER_TEMPLATES])
def test_chats_equal_the_reference(tmp_path: Path, template: str) -> None:
    folder = folder_of(tmp_path / "gpt2", "gpt2", tokenizer_class="GPT2Tokenizer", chat_template=template)
    ours, theirs = load_tokenizer(folder), transformers.GPT2Tokenizer.from_pretrained(folder)
    for prompt in (True, False):
        expected = theirs.apply_chat_template(MESSAGES, tokenize=False, add_generation_prompt=prompt)
        assert ours.chat(MESSAGES, add_generation_prompt=prompt) == expected
    ours.save(tmp_path / "saved")
    assert load_tokenizer(tmp_path / "saved").chat(MESSAGES) == ours.chat(MESSAGES)


@pytest.mark.parametrize(
    ("template", "fragment"),
    [
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ messages.__init__.__globals__ }}", "unsafe"),
        ("{{ cycler.__init__.__globals__.os.system('touch x') }}", "unsafe"),
        ("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", f"{STEPS:,} steps"),
        (
            "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
            "characters",
        ),
        (
            "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
            "characters",
        ),
        ("{{ 'aaaaaaaa'.replace('a', messages|string).replace('', messages|string * 9) }}", "'*'"),
        ("{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}", "Recursion"),
        ("{{ 9 ** 9 ** 9 }}", "'**'"),
        ("{{ '%999999999d' % 1 }}", "'%'"),
        ("{{ '{:>999999999}'.format(1) }}", "unsafe"),
        ("{{ 'a' | center(999999999) }}", "center"),
        ("{{ lipsum(n=99999) }}", "undefined"),
        ("{% include 'secret' %}", "loader"),
        ("{% if", "unexpected"),
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("x" * 200_000, "200,000 characters"),
    ],
)
def test_hostile_templates_are_refused(tmp_path: Path, template: str, fragment: str) -> None:
    folder = folder_of(tmp_path / "gpt2", "gpt2", chat_template=template)
    ours = load_tokenizer(folder)
    started = time.process_time()
    with pytest.raises(BestiaryError, match="chat template") as caught:
        ours.chat(MESSAGES)
    assert fragment in str(caught.value)
    assert time.process_time() - started < 2


def test_chats_need_a_template_and_messages(tmp_path: Path) -> None:
    with pytest.raises(BestiaryError, match="no chat template"):
        load_tokenizer(folder_of(tmp_path / "plain", "gpt2")).chat(MESSAGES)
    folder = folder_of(tmp_path / "gpt2", "gpt2", chat_template=CHATML)
    ours = load_tokenizer(folder)
    for messages, fragment in (([], "no messages"), ([{"content": "x"}], "message 1"), (["x"], "message 1")):
        with pytest.raises(BestiaryError, match=fragment):
            ours.chat(messages)  # pyright: ignore[reportArgumentType]  # wrong on purpose
