"""The JSON Schema of headway.yaml, for editors: `python -m headway.cli.schema > docs/headway.schema.json`."""

from __future__ import annotations

import json

from headway.domain.config.model import Document


def schema() -> str:
    """Return the schema as text, with a title and an address of its dialect."""
    found = Document.model_json_schema()
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "title": "headway.yaml"}
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(schema(), end="")
