"""Cards checked by pydantic: one reader, and every fault in one line that names field, value, bound and cure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from petrecon.errors import CardError, did_you_mean
from petrecon.yaml_files import read_yaml

Text = Annotated[str, Field(pattern=r"\S")]
"""Text that is not blank."""


def _one_line(text: str) -> str:
    return " ".join(text.split())


OneLine = Annotated[Text, AfterValidator(_one_line)]
"""Text that is not blank, its lines joined."""
Note = Annotated[str, BeforeValidator(lambda text: "" if text is None else text), AfterValidator(_one_line)]
"""Text that may be missing, its lines joined."""

_GIVE = {
    "float_type": "give a number",
    "finite_number": "give a finite number",
    "int_type": "give a whole number",
    "bool_type": "give true or false",
    "string_type": "must be text",
    "string_pattern_mismatch": "must be text",
    "tuple_type": "give a list",
    "too_short": "give a longer list",
    "dict_type": "must be a group of `field: value` lines",
    "model_type": "must be a group of `field: value` lines",
}
_SIGNS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


class Card(BaseModel):
    """What a card may say: the fields of a subclass and no others, of exactly their types, never changed.

    Bounds are given with their reason, which the error repeats: ``Field(gt=0, le=30, description="why")``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    cure: ClassVar[str] = ""
    """Appended to the error of a missing field, and of a file that is no card."""


class Fault(ValueError):
    """What a check of several fields finds: the field to change, dotted, and what is wrong with it."""

    def __init__(self, field: str, what: str) -> None:
        super().__init__(what)
        self.field = field


Model = TypeVar("Model", bound=BaseModel)


def load_card(model: type[Model], source: Path | Any, name: str = "") -> Model:
    """Return a card that has passed every check.

    Parameters
    ----------
    model : type
        Subclass of `Card` that lists the fields, their types and bounds.
    source : Path or mapping
        YAML file, or what one says.
    name : str
        What errors call it; by default the file's name.

    Raises
    ------
    CardError
        If the file cannot be read, is not valid YAML, or has a field that is missing, unknown or out of bounds: one
        line with the name, the field, its value, its bound and reason, and the nearest known name.

    Examples
    --------
    >>> class Tube(Card):
    ...     length_mm: float = Field(gt=0, le=3000, description="no scanner is longer")
    >>> load_card(Tube, {"length_mm": 700}, "my tube").length_mm
    700.0
    >>> load_card(Tube, {"lenght_mm": 700}, "my tube")
    Traceback (most recent call last):
    petrecon.errors.CardError: my tube: field 'lenght_mm' is unknown. Did you mean 'length_mm'?
    """
    content = read_yaml(source, name) if isinstance(source, Path) else source
    name = name or (source.name if isinstance(source, Path) else "the card")
    try:
        return model.model_validate(_tuples(content))
    except ValidationError as error:
        field, what = explain(error, model)
        raise CardError(f"{name}: field {field!r} {what}" if field else f"{name} {what}") from None


def load_cards(model: type[Model], path: Path, name: str) -> list[Model]:
    """Return every entry of a file that is a list of cards; none when there is no such file.

    Parameters
    ----------
    model : type
        What each entry must hold. Where it has an `id`, no two may have the same.
    path : Path
    name : str
        What errors call the file; they name an entry by its `id`, else by its number.

    Raises
    ------
    CardError
        As `load_card`, or if the file is no list, or has an id twice.
    """
    entries = (read_yaml(path, name) or []) if path.is_file() else []
    if not isinstance(entries, list):
        raise CardError(f"{name} must be a list of entries")
    ids = [entry.get("id") if isinstance(entry, dict) else None for entry in entries]
    for ident in ids:
        if ident and ids.count(ident) > 1:
            raise CardError(f"{name}: {ident} is there twice")
    labels = (ident or f"entry {number}" for number, ident in enumerate(ids, 1))
    return [load_card(model, entry, f"{name}: {label}") for entry, label in zip(entries, labels, strict=True)]


def explain(error: ValidationError, model: type[BaseModel]) -> tuple[str, str]:
    """Return the field that is wrong and what is wrong with it: the first unknown one, else the first of all."""
    first: Any = min(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    path, kind, value, cause = first["loc"], first["type"], _short(first["input"]), first.get("ctx", {}).get("error")
    owner, annotation, info = _declared(model, path)
    field = ".".join(part for part in path if isinstance(part, str))
    limits, why = _limits(info), f" ({info.description})" if info.description else ""
    if isinstance(cause, Fault):
        return ".".join(filter(None, (field, cause.field))), str(cause)
    if not path:
        return "", f"{_GIVE[kind]}{model.cure and ': '}{model.cure}" if issubclass(model, Card) else _GIVE[kind]
    if kind == "extra_forbidden":
        return field, f"is unknown.{did_you_mean(str(path[-1]), _fields(owner))}"
    if kind == "too_long" or (kind == "missing" and isinstance(path[-1], int)):
        wanted = get_args(_declared(model, path if kind == "too_long" else path[:-1])[1])
        return field, f"is {value}: give a list of {len(wanted)}"
    if kind == "missing":
        return field, ": ".join(filter(None, ("is missing", getattr(owner, "cure", "") or why.strip(" ()"))))
    if kind == "literal_error":
        return field, f"is {value}.{did_you_mean(str(first['input']), map(str, get_args(annotation)))}"
    if kind.startswith(("greater_than", "less_than")):
        return field, f"is {value}: it must {limits}{why}"
    return field, f"is {value}: {cause or _GIVE.get(kind) or first['msg']}{'' if limits else why}"


def _limits(info: FieldInfo) -> str:
    """Return the bounds of a number as text."""
    bounds = {sign: getattr(mark, sign) for mark in info.metadata for sign in _SIGNS if hasattr(mark, sign)}
    if bounds.keys() == {"ge", "le"}:
        return f"lie between {bounds['ge']:g} and {bounds['le']:g}"
    return "be " * bool(bounds) + " and ".join(f"{_SIGNS[sign]} {bound:g}" for sign, bound in bounds.items())


def known_keys(known: Iterable[str]) -> AfterValidator:
    """Return what refuses a mapping's key that is not among `known`, naming the nearest.

    Parameters
    ----------
    known : iterable of str
        For ``Annotated[dict[str, …], known_keys(…)]``.
    """

    def check(table: dict[str, Any]) -> dict[str, Any]:
        for key in table:
            if key not in known:
                raise Fault(str(key), f"is unknown.{did_you_mean(str(key), known)}")
        return table

    return AfterValidator(check)


def _declared(model: Any, path: tuple[int | str, ...]) -> tuple[Any, Any, FieldInfo]:
    """Return the model that holds a field, the field's type, and what is declared of it: bounds and reason."""
    owner, kind, info = model, model, FieldInfo()
    for part in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            owner, info = kind, _fields(kind).get(str(part), FieldInfo())
            kind, info = _bare(info.annotation, info)
        elif args := [a for a in get_args(kind) if a is not ...]:  # an element of a list or a mapping
            kind, info = _bare(args[part] if isinstance(part, int) and part < len(args) else args[-1], info)
    return owner, kind, info


def _bare(kind: Any, info: FieldInfo) -> tuple[Any, FieldInfo]:
    """Return a type without what annotates it and without the None that it may be instead; and what is declared."""
    while get_origin(kind) in (Annotated, Union, UnionType):
        info = next((mark for mark in getattr(kind, "__metadata__", ()) if isinstance(mark, FieldInfo)), info)
        kind = next(part for part in get_args(kind) if part is not NoneType)
    return kind, info


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {info.alias or name: info for name, info in model.model_fields.items()}


def _short(value: Any) -> str:
    text = repr(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 80 else f"{text[:60]}…"


def _tuples(content: Any) -> Any:
    """Return what YAML says with tuples for lists, which a frozen card holds."""
    if isinstance(content, dict):
        return {key: _tuples(value) for key, value in content.items()}
    return tuple(map(_tuples, content)) if isinstance(content, list | tuple) else content
