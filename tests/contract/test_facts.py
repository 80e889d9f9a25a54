"""The table of facts: made from the descriptions, kept as text, compared."""

import json
from pathlib import Path

import pytest
import yaml

from tests.contract import __main__ as command
from tests.contract import facts

NULL = {"type": "object", "nullable": True}
BODY = {"application/json": {"schema": {"$ref": "#/components/schemas/microsoft.graph.thing"}}}
OPENAPI = {
    "paths": {
        "/things": {
            "post": {
                "requestBody": {"content": BODY},
                "responses": {
                    "201": {"description": "Success", "content": BODY},
                    "204": {"description": "No content"},
                    "default": {"description": "error"},
                },
            }
        },
        "/things/{thing-id}/paint": {
            "post": {
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"type": "object", "properties": {"hue": {"type": "string"}}}}
                    }
                },
                "responses": {"204": {"$ref": "#/components/responses/nothing"}},
            }
        },
    },
    "components": {
        "responses": {"nothing": {"description": "nothing"}},
        "schemas": {
            "microsoft.graph.entity": {"type": "object", "properties": {"id": {"type": "string"}}},
            "microsoft.graph.thing": {
                "allOf": [
                    {"$ref": "#/components/schemas/microsoft.graph.entity"},
                    {
                        "type": "object",
                        "properties": {
                            "inner": {"anyOf": [{"$ref": "#/components/schemas/microsoft.graph.thing"}, NULL]},
                            "items": {"type": "array", "items": {"type": "integer"}},
                            "kind": {"$ref": "#/components/schemas/microsoft.graph.kind"},
                        },
                    },
                ]
            },
            "microsoft.graph.kind": {"type": "string", "enum": ["big", "small"]},
        },
    },
}
PROPERTIES = {"types": {"thing": {"properties": {"id": "Edm.String"}, "navigation": ["owners"]}}}
FACTS = {
    "calls": {"POST /things": "thing -> 201 thing, 204", "POST /things/{thing-id}/paint": "paintRequest -> 204"},
    "types": {"paintRequest": "hue:string", "thing": "id:string inner:thing items:[integer] kind:string"},
    "properties": {"thing": "id"},
    "navigation": {"thing": "owners"},
}


def test_the_table_has_calls_statuses_types_and_properties() -> None:
    assert facts.make(OPENAPI, PROPERTIES) == FACTS


def test_the_projects_table_is_as_the_command_writes_it() -> None:
    assert facts.render(facts.read()) == facts.TABLE.read_text()


def test_a_written_table_agrees_until_the_description_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    openapi, properties = tmp_path / "openapi.yaml", tmp_path / "properties.json"
    openapi.write_text(yaml.safe_dump(OPENAPI, sort_keys=False))
    properties.write_text(json.dumps(PROPERTIES))
    monkeypatch.setattr(facts, "TABLE", tmp_path / "graph.toml")
    monkeypatch.setattr(command, "check", lambda: 0)
    arguments = ["--openapi", str(openapi), "--properties", str(properties)]
    assert command.main([*arguments, "--write"]) == 0
    assert facts.read() == FACTS
    assert command.main(arguments) == 0
    properties.write_text(json.dumps({"types": {"thing": {"properties": {"id": "Edm.String", "new": "Edm.Guid"}}}}))
    assert command.main(arguments) == 1
    assert '+thing = "id new"' in capsys.readouterr().out
