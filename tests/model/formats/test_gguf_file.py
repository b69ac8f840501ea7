from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from ontogeny.core.errors import ArtifactError, ModelFormatError
from ontogeny.model.formats.gguf_file import GgufFile
from ontogeny.model.formats.gguf_writer import Stored, write_gguf

HEAD = b"GGUF" + struct.pack("<I", 3)


def string(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def entry(key: str, kind: int, value: bytes) -> bytes:
    return string(key) + struct.pack("<I", kind) + value


def tensor(name: str, shape: tuple[int, ...] = (32,), kind: int = 0, offset: int = 0) -> bytes:
    return string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def whole(*, metadata: tuple[bytes, ...] = (), tensors: tuple[bytes, ...] = (), data: int = 0) -> bytes:
    head = HEAD + struct.pack("<QQ", len(tensors), len(metadata)) + b"".join((*metadata, *tensors))
    return head + b"\0" * (-len(head) % 32 + data)


def opened(tmp_path: Path, content: bytes) -> GgufFile:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    return GgufFile(path)


def test_a_file_of_the_reference_writer_is_read(tmp_path: Path) -> None:
    """Every type of metadata, and tensors of two types."""
    path = tmp_path / "theirs.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint8("u8", 250)
    writer.add_int8("i8", -5)
    writer.add_uint16("u16", 65_000)
    writer.add_int16("i16", -5)
    writer.add_uint32("u32", 1 << 31)
    writer.add_int32("i32", -5)
    writer.add_float32("f32", 0.5)
    writer.add_bool("yes", True)
    writer.add_uint64("u64", 1 << 63)
    writer.add_int64("i64", -5)
    writer.add_float64("f64", 0.1)
    writer.add_string("text", "naïve \N{SNOWMAN}")
    writer.add_array("words", ["a", "", "ü"])
    writer.add_array("numbers", [1, -2, 3])
    writer.add_array("truths", [True, False])
    rows = np.arange(64, dtype=np.float32).reshape(2, 32)
    writer.add_tensor("rows", rows)
    writer.add_tensor("halves", rows.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    file = GgufFile(path)
    values = {key: value for key, value in file.metadata.items() if not isinstance(value, np.ndarray)}
    assert values == {
        "general.architecture": "llama", "u8": 250, "i8": -5, "u16": 65_000, "i16": -5, "u32": 1 << 31, "i32": -5,
        "f32": 0.5, "yes": True, "u64": 1 << 63, "i64": -5, "f64": 0.1, "text": "naïve \N{SNOWMAN}",
        "words": ["a", "", "ü"],
    }  # fmt: skip
    assert np.array_equal(file.metadata["numbers"], [1, -2, 3])
    assert np.array_equal(file.metadata["truths"], [True, False])
    assert {name: info.shape for name, info in file.tensors.items()} == {"rows": (2, 32), "halves": (2, 32)}
    assert np.array_equal(file.raw("rows").view(np.float32).reshape(2, 32), rows)


def test_what_is_written_the_reference_reads(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "general.architecture": "llama", "text": "ü", "small": 7, "large": 1 << 40, "negative": -3, "half": 0.5,
        "yes": True, "words": ["a", "b"], "kinds": np.array([1, 2], np.int32), "scores": np.array([0.5], np.float32),
    }  # fmt: skip
    first, second = np.arange(64, dtype=np.float32), np.arange(32, dtype=np.float32)
    stored = {"a": Stored("F32", (2, 32)), "b": Stored("F32", (32,))}
    given = [("b", second.view(np.uint8)), ("a", first.view(np.uint8))]
    write_gguf(tmp_path / "ours.gguf", values, stored, given)
    reader = gguf.GGUFReader(tmp_path / "ours.gguf")
    found = {key: field.contents() for key, field in reader.fields.items() if not key.startswith("GGUF.")}
    assert found == {**values, "kinds": [1, 2], "scores": [0.5]}
    assert [tensor.name for tensor in reader.tensors] == ["a", "b"]
    assert np.array_equal(reader.tensors[0].data, first.reshape(2, 32))
    assert np.array_equal(reader.tensors[1].data, second)
    assert GgufFile(tmp_path / "ours.gguf").tensors["a"].shape == (2, 32)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"PK\3\4 and so on", r"it begins with b'PK"),
        (b"tjgg" + bytes(40), "older format GGJT"),
        (b"GGUF", "4 more bytes|claims 1 more bytes where 0 bytes are left"),
        (b"GGUF" + struct.pack("<I", 1) + bytes(16), "version 1 is not supported"),
        (b"GGUF" + struct.pack(">I", 3) + bytes(16), "it is big-endian"),
        (HEAD + struct.pack("<QQ", 1 << 60, 0), "claims 1,152,921,504,606,846,976 more tensors"),
        (HEAD + struct.pack("<QQ", 0, 1 << 60), "more metadata entries where 0 bytes are left"),
        (whole(metadata=(string(b"\xff\xfe") + struct.pack("<IB", 0, 1),)), "a metadata key is not UTF-8"),
        (whole(metadata=(string("k" * 70_000) + bytes(8),)), "a metadata key has 70,000 bytes"),
        (whole(metadata=(entry("k", 0, b"\1"), entry("k", 0, b"\1"))), "metadata 'k' stands twice"),
        (whole(metadata=(entry("k", 13, b"\1"),)), "metadata 'k' is of unknown type 13"),
        (whole(metadata=(entry("k", 7, b"\2"),)), "metadata 'k' is a bool of value 2"),
        (whole(metadata=(entry("k", 8, struct.pack("<Q", 1 << 40)),)), "more bytes of metadata 'k'"),
        (whole(metadata=(entry("k", 9, struct.pack("<IQ", 9, 1)),)), "array of arrays"),
        (whole(metadata=(entry("k", 9, struct.pack("<IQ", 77, 1)),)), "array of unknown type 77"),
        (whole(metadata=(entry("k", 9, struct.pack("<IQ", 10, 1 << 62)),)), "more numbers of metadata 'k'"),
        (whole(metadata=(entry("k", 9, struct.pack("<IQ", 8, 1 << 62)),)), "more strings of metadata 'k'"),
        (whole(metadata=(entry("k", 9, struct.pack("<IQB", 7, 1, 9)),)), "neither 0 nor 1"),
        (whole(metadata=(entry("general.alignment", 4, struct.pack("<I", 24)),)), "no power of two"),
        (whole(tensors=(tensor("a"), tensor("a")), data=128), "tensor 'a' stands twice"),
        (whole(tensors=(tensor("n" * 64),), data=128), "the name of a tensor has 64 bytes"),
        (whole(tensors=(tensor("a", ()),), data=128), "tensor 'a' has 0 dimensions"),
        (whole(tensors=(tensor("a", (1,) * 5),), data=128), "tensor 'a' has 5 dimensions"),
        (whole(tensors=(tensor("a", (0, 4)),), data=128), r"tensor 'a' has shape \[4, 0\]"),
        (whole(tensors=(tensor("a", kind=10),), data=128), "type Q2_K, which is not supported"),
        (whole(tensors=(tensor("a", kind=99),), data=128), "type 99, which is not supported"),
        (whole(tensors=(tensor("a", (40,), 2),), data=128), "rows of 40; Q4_0 stores blocks of 32"),
        (whole(tensors=(tensor("a", offset=4),), data=256), "begins at 4, no multiple of 32"),
        (whole(tensors=(tensor("a", offset=32),), data=128), "tensor 'a' ends 32 bytes after the file"),
        (whole(tensors=(tensor("a", (1 << 62, 1 << 62)),), data=128), "bytes after the file"),
        (whole(tensors=(tensor("a"), tensor("b", offset=64)), data=256), "tensors 'a' and 'b' overlap"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_with_the_reason_and_the_place(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    with pytest.raises(ModelFormatError, match=reason) as refusal:
        opened(tmp_path, content)
    assert f"{tmp_path / 'model.gguf'}, byte " in str(refusal.value)
    assert refusal.value.hint


def test_a_file_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="opening a GGUF file"):
        GgufFile(tmp_path / "nothing.gguf")


def test_metadata_of_another_type_than_asked_for_is_refused(tmp_path: Path) -> None:
    file = opened(
        tmp_path, whole(metadata=(entry("n", 5, struct.pack("<i", -1)), entry("s", 8, string("x"))))
    )
    assert (file.text("s"), file.real("n"), file.count("m", 4)) == ("x", -1.0, 4)
    for ask, key, reason in (
        (file.count, "n", "n is not a whole number"),
        (file.text, "n", "n is not a string"),
        (file.real, "s", "s is not a number"),
        (file.text, "m", "m is missing"),
    ):
        with pytest.raises(ModelFormatError, match=reason):
            ask(key)
