"""Fields of a model are described by the docstrings under them, wherever a schema is shown."""

from __future__ import annotations

from pydantic import Field

from headway.domain.text.described import Described, descriptions


class _Base(Described):
    first: str = ""
    """What comes first."""


class _Inner(Described):
    name: str = Field(min_length=1)
    """A name,
    on two lines."""


class _Outer(_Base):
    inner: _Inner
    """What is inside."""

    silent: int = 0
    own: str = Field(default="", description="Said by the field.")
    """Said below."""


def test_each_field_is_described_in_the_schema_also_inherited_and_nested_ones() -> None:
    """A form shows the docstring under a field, whichever class it stands in."""
    schema = _Outer.model_json_schema()
    assert {name: it.get("description") for name, it in schema["properties"].items()} == {
        "first": "What comes first.",
        "inner": "What is inside.",
        "silent": None,
        "own": "Said by the field.",
    }
    assert schema["$defs"]["_Inner"]["properties"]["name"]["description"] == "A name,\non two lines."


def test_a_model_without_its_source_is_described_by_nothing_and_works() -> None:
    """As in a bundle without source files."""
    made: dict[str, type[Described]] = {}
    exec("class Made(Described):\n    name: str\n    '''A name.'''", {"Described": Described}, made)
    assert descriptions(made["Made"]) == {}
    assert made["Made"].model_json_schema()["properties"] == {"name": {"title": "Name", "type": "string"}}
