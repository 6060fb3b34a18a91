"""One reader for every card: what is wrong is said in one line with field, value, bound and cure."""

from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import Field, model_validator

from petrecon.cards import Card, Fault, Text, known_keys, load_card
from petrecon.errors import CardError

Size = Annotated[int, Field(ge=1, le=9, description="no grid is finer")]


class Part(Card):
    share: float = Field(ge=0, lt=1, description="a fraction")


class Toy(Card):
    cure: ClassVar[str] = "copy the example"

    name: Text
    kind: Literal["ring", "disk"] = "ring"
    width_mm: float = Field(gt=0, le=30, description="crystals are small")
    grid: tuple[Size, Size] = (1, 1)
    part: Part | None = None
    table: Annotated[dict[str, Part], known_keys(("grey", "white"))] = Field(default_factory=dict)
    flag: bool = False

    @model_validator(mode="after")
    def _check_grid(self) -> "Toy":
        if self.grid[0] > self.width_mm:
            raise Fault("grid", "is wider than the ring")
        return self


GOOD = {"name": "toy", "width_mm": 5}


def test_a_good_card_is_what_it_says_and_cannot_be_changed():
    card = load_card(Toy, {**GOOD, "grid": [2, 3], "part": {"share": 0}}, "toy")
    assert (card.width_mm, card.grid, card.part.share) == (5.0, (2, 3), 0.0)
    with pytest.raises(Exception, match="frozen"):
        card.name = "other"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"widht_mm": 3}, "field 'widht_mm' is unknown. Did you mean 'width_mm'?"),
        ({"part": {"shere": 3}}, "field 'part.shere' is unknown. Did you mean 'share'?"),
        ({"part": {}}, "field 'part.share' is missing: a fraction"),
        ({"part": {"share": 1}}, "field 'part.share' is 1: it must be at least 0 and below 1 (a fraction)"),
        ({"part": 3}, "field 'part' is 3: must be a group of `field: value` lines"),
        ({"table": {"grej": {"share": 0}}}, "field 'table.grej' is unknown. Did you mean 'grey'?"),
        ({"table": {"grey": {"share": -1}}}, "field 'table.grey.share' is -1: it must be at least 0"),
        ({"width_mm": 31}, "is 31: it must be above 0 and at most 30 (crystals are small)"),
        ({"width_mm": "wide"}, "field 'width_mm' is 'wide': give a number"),
        ({"width_mm": "3"}, "field 'width_mm' is '3': give a number"),
        ({"width_mm": True}, "field 'width_mm' is True: give a number"),
        ({"width_mm": float("nan")}, "field 'width_mm' is nan: give a finite number"),
        ({"grid": [1, 10]}, "field 'grid' is 10: it must lie between 1 and 9 (no grid is finer)"),
        ({"grid": [1, 1.5]}, "field 'grid' is 1.5: give a whole number"),
        ({"grid": [1]}, "field 'grid' is [1]: give a list of 2"),
        ({"grid": [1, 2, 3]}, "field 'grid' is [1, 2, 3]: give a list of 2"),
        ({"grid": 3}, "field 'grid' is 3: give a list"),
        ({"grid": [8, 8]}, "field 'grid' is wider than the ring"),
        ({"kind": "rng"}, "field 'kind' is 'rng'. Did you mean 'ring'?"),
        ({"name": " "}, "field 'name' is ' ': must be text"),
        ({"flag": 1}, "field 'flag' is 1: give true or false"),
    ],
)
def test_what_is_wrong_is_named_with_value_bound_reason_and_nearest_name(change, says):
    with pytest.raises(CardError) as error:
        load_card(Toy, {**GOOD, **change}, "my toy")
    assert str(error.value).startswith("my toy: ")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_field_is_named_before_the_one_that_it_was_meant_to_be():
    with pytest.raises(CardError, match="'widht_mm' is unknown. Did you mean 'width_mm'"):
        load_card(Toy, {"name": "toy", "widht_mm": 5})


def test_a_missing_field_and_a_file_that_is_no_card_name_the_cure(tmp_path):
    with pytest.raises(CardError, match="field 'name' is missing: copy the example"):
        load_card(Toy, {"width_mm": 5})
    path = tmp_path / "toy.yaml"
    path.write_text("- 1\n")
    with pytest.raises(CardError, match=r"^toy.yaml must be a group of `field: value` lines: copy the example$"):
        load_card(Toy, path)
