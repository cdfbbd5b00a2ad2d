"""Numbers as people read them."""

from __future__ import annotations

_PARAMETERS = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K"))
_BYTES = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def grouped(number: int) -> str:
    """Return a number with its thousands in groups."""
    return f"{number:,}"


def rounded(number: int) -> str:
    """Return a number of parameters in three digits: ``109M``."""
    return _short(number, _PARAMETERS, "")


def in_bytes(number: int) -> str:
    """Return bytes in three digits, in powers of ten as memory is sold: ``13.5 GB``."""
    return _short(number, _BYTES, " ") if number >= 1000 else f"{number} B"


def in_kib(number: int) -> str:
    """Return the bytes of one token, which are often whole KiB: ``128 KiB``."""
    return f"{number // 1024:,} KiB" if number and number % 1024 == 0 else in_bytes(number)


def _short(number: int, units: tuple[tuple[int, str], ...], between: str) -> str:
    for power, unit in units:
        if number >= power:
            value = number / power
            digits = 0 if value >= 100 else 1 if value >= 10 else 2
            text = f"{value:.{digits}f}"
            return f"{text.rstrip('0').rstrip('.') if '.' in text else text}{between}{unit}"
    return str(number)
