"""Every benchmark in turn. Figures are medians of interleaved runs and ratios to the peer in the same run."""

from __future__ import annotations

import images
import load
import memory
import sparse
import startup


def main() -> None:
    """Run them all."""
    startup.main()
    print()
    load.main()
    print()
    sparse.main()
    print()
    images.main()
    print()
    memory.main()


if __name__ == "__main__":
    main()
