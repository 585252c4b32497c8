"""The service's description of itself: the service document and `$metadata` as CSDL."""

from __future__ import annotations

from functools import cache
from typing import Any
from xml.sax.saxutils import quoteattr

from syncd.sandbox.creatio.schema import SCHEMA, Column, Entity

NAMESPACE = "Terrasoft.Configuration"


def service_document(root: str) -> dict[str, Any]:
    """The list of entity sets."""
    sets = [{"name": name, "kind": "EntitySet", "url": name} for name in SCHEMA]
    return {"@odata.context": f"{root}/$metadata", "value": sets}


@cache
def metadata_xml() -> bytes:
    """CSDL of every entity type, its properties and both directions of its lookups."""
    types = "".join(_entity_type(entity) for entity in SCHEMA.values())
    sets = "".join(_entity_set(entity) for entity in SCHEMA.values())
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{NAMESPACE}" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        f'{types}<EntityContainer Name="Container">{sets}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>'
    ).encode()


def _entity_type(entity: Entity) -> str:
    properties = "".join(_property(column) for column in entity.columns.values())
    navs = "".join(
        f'<NavigationProperty Name="{nav}" Type="{NAMESPACE}.{c.target}">'
        f'<ReferentialConstraint Property="{c.name}" ReferencedProperty="Id"/></NavigationProperty>'
        for nav, c in entity.navs.items()
    )
    reverses = "".join(
        f'<NavigationProperty Name="{name}" Type="Collection({NAMESPACE}.{child})"/>'
        for name, (child, _) in entity.reverses.items()
    )
    key = '<Key><PropertyRef Name="Id"/></Key>'
    return f"<EntityType Name={quoteattr(entity.name)}>{key}{properties}{navs}{reverses}</EntityType>"


def _property(column: Column) -> str:
    limit = f' MaxLength="{column.size}"' if column.size else ""
    null = "" if column.name != "Id" and not column.required else ' Nullable="false"'
    return f'<Property Name="{column.name}" Type="{column.kind.edm}"{limit}{null}/>'


def _entity_set(entity: Entity) -> str:
    bindings = "".join(f'<NavigationPropertyBinding Path="{n}" Target="{c.target}"/>' for n, c in entity.navs.items())
    return f'<EntitySet Name="{entity.name}" EntityType="{NAMESPACE}.{entity.name}">{bindings}</EntitySet>'
