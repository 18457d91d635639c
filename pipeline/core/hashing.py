"""Hashes: of files, and of settings as JSON. All are SHA-256 in hexadecimal."""

import hashlib
import json
from collections.abc import Iterable
from io import BufferedReader
from pathlib import Path
from typing import Any


def sha256(file: Path) -> str:
    """Of a file's bytes, whatever its size. Raises OSError."""
    with file.open("rb") as handle:
        return sha256_of_open(handle)


def sha256_of_open(handle: BufferedReader) -> str:
    """Of all bytes of an open file, wherever it stands."""
    handle.seek(0)
    return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_of_bytes(data: bytes) -> str:
    """Of bytes in memory."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_all(files: Iterable[Path]) -> str:
    """Of the bytes of several files, one after another. Raises OSError."""
    return sha256_of_parts(file.read_bytes() for file in files)


def sha256_of_parts(parts: Iterable[bytes | memoryview]) -> str:
    """Of bytes that come part by part, one after another."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def sha256_of_text(text: str) -> str:
    """Of a text in UTF-8."""
    return sha256_of_bytes(text.encode())


def sha256_of_json(value: Any) -> str:
    """Of what JSON can hold; the order of keys does not matter."""
    return sha256_of_text(json.dumps(value, sort_keys=True))
