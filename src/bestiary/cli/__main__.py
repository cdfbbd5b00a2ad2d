"""``python -m bestiary.cli``: the command line where the ``bestiary`` script is not on the path."""

from __future__ import annotations

from bestiary.cli import main

main()
