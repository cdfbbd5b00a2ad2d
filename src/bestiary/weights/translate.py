"""Between a checkpoint's config and a spec: which dialect, which architecture, which heads; and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bestiary.architectures import make, with_task
from bestiary.errors import BestiaryError, nearest
from bestiary.spec import Classifier, MeanClassifier, Model, ObjectClasses, check, heads_of, with_heads_of
from bestiary.untrusted import quoted
from bestiary.weights import config as tables
from bestiary.weights.dialects import DIALECTS, Dialect, timm
from bestiary.weights.dialects.dialect import label_count


@dataclass(frozen=True)
class Meaning:
    """What a config says: its dialect, the spec, the class whose heads that has, and what is only carried along."""

    dialect: Dialect
    spec: Model
    class_name: str
    carried: Mapping[str, Any] = field(default_factory=dict[str, Any])


def understand(config: Mapping[str, Any], where: str, task: str | None = None, dialect: str | None = None) -> Meaning:
    """Return what a config means. ``task`` asks for other heads than its ``architectures`` names.

    Raises ``BestiaryError`` naming ``where`` and the field: an unknown model type, a key that is unknown or has a value
    that we cannot obey, sizes that do not go together.
    """
    family = DIALECTS[dialect] if dialect else _family(config, where)
    try:
        class_name, task = _heads(family, config, task)
    except BestiaryError as error:
        raise BestiaryError(f"{where}: {error}") from None
    if task == "encoder":  # asked of a checkpoint that may have both towers
        config = {**config, "architectures": [class_name]}
    arguments = tables.read(family.config, family.derived, config, where)
    try:
        architecture = family.architecture(config)
        body = make(architecture, **arguments)
        spec = with_task(body, architecture, task, label_count(config, family.labels))
        spec = check(_told(family, spec, config))
    except BestiaryError as error:
        raise BestiaryError(f"{where}: {error}") from None
    return Meaning(family, spec, class_name, tables.carried(family.config, config))


def spell(spec: Model, prefer: str | None = None) -> tuple[Dialect, str, dict[str, Any]]:
    """Return the dialect that can say a spec, the class name of its heads, and its config.

    ``prefer`` names the dialect to try first: families overlap. Raises ``BestiaryError`` when no published format can
    say the spec, with the first thing that the nearest format cannot say.
    """
    misses: list[tuple[Dialect, Model]] = []
    for dialect in sorted(DIALECTS.values(), key=lambda dialect: dialect.name != prefer):
        for architecture, made, arguments in _readings(dialect, spec):
            class_name = _class_name(dialect, architecture, made, spec)
            if with_heads_of(made, spec) == spec and class_name:
                said = tables.write(dialect.config, dialect.derived, arguments | {"architecture": architecture})
                said |= {key: spec.at(path) for key, path in dialect.told.items() if _names(spec, path)}
                config = {**dialect.layout.sign(dialect.kind, class_name), **said}
                if _reads_back(dialect, config):
                    return dialect, class_name, config
            misses.append((dialect, made))
    alike = [miss for miss in misses if type(miss[1]) is type(spec)]
    nearest_miss = f": {_miss(*alike[0], spec)}" if alike else ""
    raise BestiaryError(f"no published format can say this model{nearest_miss}")


def _readings(dialect: Dialect, spec: Model) -> Iterator[tuple[str, Model, dict[str, Any]]]:
    """Read a spec's sizes as a dialect's architectures would name them, and what these sizes make."""
    for architecture in dialect.architectures:
        try:
            arguments = dialect.arguments(spec)
            yield architecture, make(architecture, **arguments), arguments
        except (AttributeError, BestiaryError, IndexError, KeyError, StopIteration, TypeError, ValueError):
            continue  # the sizes of this family cannot even be read off the spec


def _reads_back(dialect: Dialect, config: Mapping[str, Any]) -> bool:
    """Tell whether a family reads what was written in its name: no segment types are none of a family that has some."""
    try:
        tables.read(dialect.config, dialect.derived, config, "")
    except BestiaryError:
        return False
    return True


def _miss(dialect: Dialect, made: Any, spec: Any) -> str:
    from bestiary.sizing import diff

    changes = diff(made, with_heads_of(spec, made)).changes
    if changes:
        return f"{dialect.name} cannot say that {changes[0].path} is {changes[0].new}"
    return f"{dialect.name} has no class with the heads {', '.join(heads_of(spec))}"


def _family(config: Mapping[str, Any], where: str) -> Dialect:
    kind = timm.KIND if timm.is_timm(config) else config.get("model_type", config.get("_class_name"))
    if kind is None:
        named = next(iter(_class_names(config)), None)
        found = next((d for d in DIALECTS.values() if named in d.tasks and d.says(config)), None)
        if found is None:
            raise BestiaryError(f"{where}: 'model_type' is missing; add it, one of {', '.join(_public())}")
        return found
    if not isinstance(kind, str) or kind not in _public():
        raise BestiaryError(
            f"{where}: 'model_type' is {tables.shown(kind)}, which we cannot load{nearest(str(kind), _public())};"
            f" known are {', '.join(_public())}"
        )
    found = next((dialect for dialect in DIALECTS.values() if dialect.kind == kind and dialect.says(config)), None)
    if found is None:
        raise BestiaryError(f"{where}: {timm.unknown(config)}")
    return found


def _public() -> list[str]:
    return list(dict.fromkeys(dialect.kind for dialect in DIALECTS.values() if dialect.architectures))


def _class_names(config: Mapping[str, Any]) -> list[str]:
    names = config.get("architectures") or [config.get("_class_name")]
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _heads(dialect: Dialect, config: Mapping[str, Any], task: str | None) -> tuple[str, str]:
    """Return the class whose heads are wanted, and its task."""
    if task is not None:
        named = next((name for name, its in dialect.tasks.items() if its == task), None)
        if named is None:
            known = ", ".join(dict.fromkeys(dialect.tasks.values()))
            raise BestiaryError(f"{dialect.name} checkpoints have no heads for '{task}'; they have them for {known}")
        return named, task
    named = next(iter(_class_names(config)), next(iter(dialect.tasks)))
    if named not in dialect.tasks:
        raise BestiaryError(
            f"'architectures' names {quoted(named)}, whose heads we do not have{nearest(named, dialect.tasks)};"
            f" ask for a task: {', '.join(dict.fromkeys(dialect.tasks.values()))}"
        )
    return named, dialect.tasks[named]


def _told(dialect: Dialect, spec: Model, config: Mapping[str, Any]) -> Model:
    """Put into the heads what the config says of them."""
    for key, path in dialect.told.items():
        value = config.get(key)
        if value is not None and _names(spec, path):
            if type(value) is not int:
                raise BestiaryError(f"'{key}' is {tables.shown(value)}; give a whole number")
            spec = spec.at(path, value)
    return spec


def _alike(dialect: Dialect, made: Model, spec: Model) -> Model:
    """Put into the heads of ``made`` what those of ``spec`` say and a config can say too."""
    for path in dialect.told.values():
        if _names(made, path) and _names(spec, path):
            made = made.at(path, spec.at(path))
    return made


def _names(spec: Model, path: str) -> bool:
    try:
        spec.at(path)
    except BestiaryError:
        return False
    return True


def label_total(spec: Model) -> int | None:
    """Return how many labels a model's classifier has, ``None`` where it has none."""
    for head in heads_of(spec).values():
        if isinstance(head, Classifier | MeanClassifier | ObjectClasses):
            return head.labels
    return None


def _class_name(dialect: Dialect, architecture: str, made: Model, spec: Any) -> str | None:
    heads = heads_of(spec)
    labels = label_total(spec) or 2
    for class_name, task in dialect.tasks.items():
        try:
            tasked = with_task(made, architecture, task, labels)
        except BestiaryError:
            continue
        its = heads_of(_alike(dialect, tasked, spec))
        if its == heads or (task == "base" and not heads):
            return class_name
    return None
