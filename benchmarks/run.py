"""Every benchmark in turn. Figures are medians of interleaved runs and ratios to the peer in the same run."""

from __future__ import annotations

import load
import startup


def main() -> None:
    """Run them all."""
    startup.main()
    print()
    load.main()


if __name__ == "__main__":
    main()
