"""Where weights are: a path, an entry's published checkpoint, or an id on the hub, fetched into its cache."""

from __future__ import annotations

from pathlib import Path

from bestiary.catalog import parse_name
from bestiary.errors import BestiaryError

WANTED = ("*.json", "*.txt", "*.model", "*.safetensors", "*.gguf")
OLDER = ("pytorch_model*.bin",)


def locate(source: str | Path) -> Path:
    """Return the folder or file that a source names, fetching it from the hub where it is no path.

    ``bert:base`` and ``bert`` are entries, ``owner/name`` is an id on the hub. What was fetched before is found without
    a network. Raises ``BestiaryError`` where nothing is there or the hub cannot be reached.
    """
    path = Path(source).expanduser()
    name = str(source)
    if path.exists() or path.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        return path
    return fetch(name if "/" in name else published_id(name))


def published_id(name: str) -> str:
    """Return the hub id of an entry's published weights, those of the size asked for or of the first that has any."""
    entry, size = parse_name(name)
    found = [point for point in entry.checkpoints if point.size == size]
    if size == "tiny":
        raise BestiaryError(
            f"{entry.slug}:tiny is ours and has no weights; bestiary.build('{entry.slug}:tiny') makes it"
        )
    if not found:
        known = ", ".join(f"{entry.slug}:{point.size}" for point in entry.checkpoints)
        raise BestiaryError(f"no weights of {entry.slug}:{size} are published{f'; there are {known}' if known else ''}")
    return found[0].hub


def fetch(hub_id: str) -> Path:
    """Return the folder of a hub repository in the hub's own cache, downloading what is missing.

    Older ``.bin`` weights are fetched only where there are no others.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(hub_id, allow_patterns=[*WANTED]))
        if not any(folder.glob("*.safetensors")) and not any(folder.glob("*.gguf")):
            folder = Path(snapshot_download(hub_id, allow_patterns=[*WANTED, *OLDER]))
        return folder
    except HFValidationError:
        raise BestiaryError(f"'{hub_id}' is no path here and no id on the hub; write owner/name") from None
    except LocalEntryNotFoundError:
        raise BestiaryError(
            f"'{hub_id}' is not in the cache and the hub cannot be reached; go online, or give a checkpoint's folder"
        ) from None
    except HfHubHTTPError as error:
        raise BestiaryError(
            f"the hub refused '{hub_id}' ({error.response.status_code}); check the name, or log in if it is gated"
        ) from None
    except OSError as error:
        raise BestiaryError(f"'{hub_id}' could not be fetched ({error}); check the disk and the network") from None
