"""The tables of TensorFlow Lite's metadata that the exports use, packed and read.

The schema is metadata_schema.fbs of TensorFlow Lite, file identifier `M001`. A table is a dict of
its fields; a field that is absent has its default. Fields and unions of other tables (audio,
bounding boxes, tokenizers, groups, custom data) have their slots here, and are neither written nor
read.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import flatbuffers
from flatbuffers import encode, number_types, packer
from flatbuffers.table import Table

Fields = dict[str, Any]
IDENTIFIER: Final = b"M001"

# Kinds of fields; other kinds are lists of tables, single tables and unions.
STRING, FLOATS, ENUM, UINT, UNUSED = "string", "floats", "enum", "uint", "unused"


@dataclass(frozen=True)
class _List:
    """A vector of tables."""

    table: str


@dataclass(frozen=True)
class _One:
    """A table."""

    table: str


@dataclass(frozen=True)
class _Union:
    """One of several tables, as (name of the table, its fields); takes two slots."""

    tables: tuple[str, ...]


_Kind = str | _List | _One | _Union

# Table -> its fields in the order of their slots.
TABLES: Final[dict[str, dict[str, _Kind]]] = {
    "ModelMetadata": {
        "name": STRING,
        "description": STRING,
        "version": STRING,
        "subgraph_metadata": _List("SubGraphMetadata"),
        "author": STRING,
        "license": STRING,
        "associated_files": _List("AssociatedFile"),
        "min_parser_version": STRING,
    },
    "SubGraphMetadata": {
        "name": STRING,
        "description": STRING,
        "input_tensor_metadata": _List("TensorMetadata"),
        "output_tensor_metadata": _List("TensorMetadata"),
        "associated_files": _List("AssociatedFile"),
        "input_process_units": _List("ProcessUnit"),
        "output_process_units": _List("ProcessUnit"),
        "input_tensor_groups": UNUSED,
        "output_tensor_groups": UNUSED,
        "custom_metadata": UNUSED,
    },
    "TensorMetadata": {
        "name": STRING,
        "description": STRING,
        "dimension_names": UNUSED,
        "content": _One("Content"),
        "process_units": _List("ProcessUnit"),
        "stats": _One("Stats"),
        "associated_files": _List("AssociatedFile"),
    },
    "AssociatedFile": {
        "name": STRING,
        "description": STRING,
        "type": ENUM,
        "locale": STRING,
        "version": STRING,
    },
    "Content": {
        "content_properties": _Union(("FeatureProperties", "ImageProperties")),
        "range": UNUSED,
    },
    "FeatureProperties": {},
    "ImageProperties": {"color_space": ENUM, "default_size": _One("ImageSize")},
    "ImageSize": {"width": UINT, "height": UINT},
    "ProcessUnit": {"options": _Union(("NormalizationOptions",))},
    "NormalizationOptions": {"mean": FLOATS, "std": FLOATS},
    "Stats": {"max": FLOATS, "min": FLOATS},
}

# Values of the schema's enumerations.
FILE_UNKNOWN, FILE_DESCRIPTIONS, FILE_AXIS_LABELS = 0, 1, 2
RGB: Final = 1


def pack(fields: Fields) -> bytes:
    """Return the flatbuffer of a `ModelMetadata`."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(_pack_table(builder, "ModelMetadata", fields), IDENTIFIER)
    return bytes(builder.Output())


def unpack(data: bytes) -> Fields:
    """Return the fields of a flatbuffer with a `ModelMetadata`."""
    return _read_table(Table(data, encode.Get(packer.uoffset, data, 0)), "ModelMetadata")


def _pack_table(builder: flatbuffers.Builder, name: str, fields: Fields) -> int:
    """Write what a table refers to, in the order of its fields, then the table itself."""
    kinds = TABLES[name]
    values = {
        field: _pack_value(builder, kinds[field], value)
        for field, value in sorted(fields.items(), key=lambda one: list(kinds).index(one[0]))
    }
    builder.StartObject(sum(_slots(kind) for kind in kinds.values()))
    slot = 0
    for field, kind in kinds.items():
        if field in values:
            _add(builder, slot, kind, fields[field], values[field])
        slot += _slots(kind)
    return int(builder.EndObject())


def _pack_value(builder: flatbuffers.Builder, kind: _Kind, value: Any) -> Any:
    """Write a value outside the table and return its offset; a number returns itself."""
    if isinstance(kind, _One):
        return _pack_table(builder, kind.table, value)
    if isinstance(kind, _Union):
        return _pack_table(builder, *value)
    if isinstance(kind, _List):
        offsets = [_pack_table(builder, kind.table, one) for one in value]
        return _pack_vector(builder, offsets, builder.PrependUOffsetTRelative)
    if kind == FLOATS:
        return _pack_vector(builder, value, builder.PrependFloat32)
    return builder.CreateString(value) if kind == STRING else value


def _pack_vector(
    builder: flatbuffers.Builder, values: list[Any], prepend: Callable[[Any], None]
) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        prepend(value)
    return int(builder.EndVector())


def _add(builder: flatbuffers.Builder, slot: int, kind: _Kind, value: Any, packed: Any) -> None:
    if kind == ENUM:
        builder.PrependInt8Slot(slot, packed, 0)
    elif kind == UINT:
        builder.PrependUint32Slot(slot, packed, 0)
    else:
        if isinstance(kind, _Union):
            builder.PrependUint8Slot(slot, kind.tables.index(value[0]) + 1, 0)
            slot += 1
        builder.PrependUOffsetTRelativeSlot(slot, packed, 0)


def _slots(kind: _Kind) -> int:
    return 2 if isinstance(kind, _Union) else 1


def _read_table(table: Table, name: str) -> Fields:
    fields, slot = {}, 0
    for field, kind in TABLES[name].items():
        value = _read_value(table, slot, kind)
        if value is not None:
            fields[field] = value
        slot += _slots(kind)
    return fields


def _read_value(table: Table, slot: int, kind: _Kind) -> Any:
    """Return a field's value; None if it is absent."""
    last = slot + _slots(kind) - 1
    offset = table.Offset(4 + 2 * last)
    if not offset or kind == UNUSED:
        return None
    at = table.Pos + offset
    if kind == ENUM:
        return table.Get(number_types.Int8Flags, at)
    if kind == UINT:
        return table.Get(number_types.Uint32Flags, at)
    if kind == STRING:
        return table.String(at).decode()
    if kind == FLOATS:
        return [
            table.Get(number_types.Float32Flags, table.Vector(offset) + 4 * i)
            for i in range(table.VectorLen(offset))
        ]
    if isinstance(kind, _List):
        places = (table.Vector(offset) + 4 * i for i in range(table.VectorLen(offset)))
        return [_read_table(_follow(table, place), kind.table) for place in places]
    if isinstance(kind, _Union):
        return _read_union(table, slot, at, kind)
    return _read_table(_follow(table, at), kind.table) if isinstance(kind, _One) else None


def _read_union(table: Table, slot: int, at: int, kind: _Union) -> tuple[str, Fields] | None:
    offset = table.Offset(4 + 2 * slot)
    number = table.Get(number_types.Uint8Flags, table.Pos + offset) if offset else 0
    if not 0 < number <= len(kind.tables):
        return None
    name = kind.tables[number - 1]
    return name, _read_table(_follow(table, at), name)


def _follow(table: Table, at: int) -> Table:
    return Table(table.Bytes, table.Indirect(at))
