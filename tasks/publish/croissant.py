"""A data set described for machines: Croissant 1.0 metadata. Pure.

https://docs.mlcommons.org/croissant/docs/croissant-spec.html

Each Parquet file is a `FileObject` with its digest, each export a `FileSet` and a `RecordSet`
whose fields are the columns that hold plain values or lists of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from tasks.publish.writing import DataFile

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_LICENCES = {"mit": "https://spdx.org/licenses/MIT", "apache-2.0": "https://spdx.org/licenses/Apache-2.0"}


def croissant(
    name: str,
    description: str,
    version: str,
    licence: str,
    files: Sequence[DataFile],
    schemas: Mapping[str, pa.Schema],
) -> dict[str, Any]:
    """The JSON-LD of a data set; `schemas` are the columns of each export."""
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": description,
        "version": version,
        "license": _licence(licence),
        "distribution": [*(_file(one) for one in files), *(_file_set(export) for export in schemas)],
        "recordSet": [_records(export, schema) for export, schema in schemas.items()],
    }


def _licence(name: str) -> str:
    return _LICENCES.get(name, f"https://spdx.org/licenses/{name.upper()}")


def _file(one: DataFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": one.name,
        "name": one.name,
        "contentUrl": one.name,
        "contentSize": f"{one.size} B",
        "encodingFormat": "application/x-parquet",
        "sha256": one.digest,
    }


def _file_set(export: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{export}-files",
        "name": f"{export}-files",
        "encodingFormat": "application/x-parquet",
        "includes": f"{export}/*.parquet",
    }


def _records(export: str, schema: pa.Schema) -> dict[str, Any]:
    fields = [_field(export, column) for column in schema if _type(column.type)]
    return {"@type": "cr:RecordSet", "@id": export, "name": export, "field": fields}


def _field(export: str, column: pa.Field) -> dict[str, Any]:
    made: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{export}/{column.name}",
        "name": column.name,
        "dataType": _type(column.type),
        "source": {"fileSet": {"@id": f"{export}-files"}, "extract": {"column": column.name}},
    }
    return {**made, "repeated": True} if pa.types.is_list(column.type) else made


def _type(kind: pa.DataType) -> str | None:
    """The Croissant type of a column's values; None for what is made of structs."""
    if pa.types.is_list(kind):
        return _type(kind.value_type)
    if pa.types.is_string(kind):
        return "sc:Text"
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else None
