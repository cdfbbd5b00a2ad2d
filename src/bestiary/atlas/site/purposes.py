"""What a license is asked about, in the words of the pages."""

from __future__ import annotations

PURPOSE_TITLES = {
    "commercial": "Commercial use", "modify": "Modification", "redistribute": "Redistribution", "research": "Research",
}  # fmt: skip
