"""Models whose fields are described by the docstrings under them.

pydantic can read those too (`use_attribute_docstrings`), but does so whenever a class is made, from its source:
that was two fifths of what importing the models takes. Here they are read when a schema is asked for.
"""

from __future__ import annotations

import functools
import inspect

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Described(BaseModel):
    """A model whose JSON Schema describes each field by the docstring under it."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema with a description of each field that has none."""
        schema = handler(core)
        fields = handler.resolve_ref_schema(schema).get("properties", {})
        for name, said in descriptions(cls).items():
            if name in fields:
                fields[name].setdefault("description", said)
        return schema


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring under each field of a model, by the field's name."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Described) and base is not Described:
            found |= _own_descriptions(base)
    return found


@functools.cache
def _own_descriptions(model: type[BaseModel]) -> dict[str, str]:
    import ast
    import textwrap

    try:
        source = inspect.getsource(model)
    except (OSError, TypeError):
        # Without its source, as in a bundle, a form has no descriptions, and everything else works.
        return {}
    (made,) = ast.parse(textwrap.dedent(source)).body
    assert isinstance(made, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(said.value.value)
        for field, said in zip(made.body, made.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(said, ast.Expr)
        and isinstance(said.value, ast.Constant)
        and isinstance(said.value.value, str)
    }
