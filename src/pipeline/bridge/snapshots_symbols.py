"""The static variables of a loaded module by name: what its symbol table says of its .data and .bss sections."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.bridge.fingerprint import SOURCES
from pipeline.errors import PipelineError

_OBJECT, _COMMON, _TLS, _FILE = 1, 5, 6, 4  # types of symbols
_WRITE, _THREAD = 0x1, 0x400  # flags of sections
_RUN_TIME = {"fortranobject.c", "crtstuff.c"}


@dataclass(frozen=True)
class Variable:
    """One static variable.

    Attributes:
        name: `module::variable`, `/common/`, or a procedure's or file's own variable as `name (file)`.
        address, size: in this process; bytes.
    """

    name: str
    address: int
    size: int


@dataclass(frozen=True)
class Symbols:
    """What a module holds, and what it calls.

    Attributes:
        variables: the model's static variables, sorted by address; without those of the bridge and of f2py.
        thread_private: names of variables that each thread has for itself.
        imports: names of the functions it calls in other libraries.
        span: first and last address of the module.
    """

    variables: tuple[Variable, ...]
    thread_private: tuple[str, ...]
    imports: frozenset[str]
    span: tuple[int, int]


def read_symbols(module: Path, name: str) -> Symbols:
    """Read the symbol table of a module that this process has loaded.

    Args:
        module: the shared module.
        name: the model's name; f2py's wrapper is `<name>module.c`.

    Raises:
        PipelineError: not loaded, built anew since, or without symbols.
    """
    base, end = _place(module)
    data = module.read_bytes()
    sections = list(_sections(data))
    table = next((s for s in sections if s["name"] == ".symtab"), None)
    symbols = list(_symbols(data, table, sections)) if table else []
    own = {p.name for p in SOURCES.iterdir()} | _RUN_TIME | {f"{name}module.c"}
    if f"{name}module.c" not in {s["file"] for s in symbols}:
        raise PipelineError(f"{module}: no names of its variables in it; link the model without -s and without -flto")
    kept = [s for s in symbols if s["file"] not in own and not _is_bridge(s["name"]) and not _is_table(s["name"])]
    found = {}
    for s in kept:
        section = sections[s["section"]] if 0 < s["section"] < len(sections) else None
        if s["type"] in (_OBJECT, _COMMON) and s["size"] and section and _holds_state(section):
            found.setdefault(base + s["value"], Variable(_spoken(s), base + s["value"], s["size"]))
    return Symbols(
        tuple(found[address] for address in sorted(found)),
        tuple(_spoken(s) for s in kept if s["type"] == _TLS and s["size"]),  # without the linker's mark on aarch64
        frozenset(s["name"].partition("@")[0] for s in symbols if s["section"] == 0),
        (base, end),
    )


def _place(module: Path) -> tuple[int, int]:
    """First and last address of the module; its .bss follows the file's own mappings."""
    own, end, last = [], 0, 0
    for line in Path("/proc/self/maps").read_text().splitlines():
        limits, _, _, _, inode, *path = line.split(maxsplit=5)
        first, last = (int(x, 16) for x in limits.split("-"))
        if path and path[0] == str(module):
            own.append(first)
            end = last
        elif own and first == end and inode == "0" and not path:
            end = last
    if own:
        return own[0], end
    raise PipelineError(f"{module}: not loaded by this process, or built anew since; load it again")


def _sections(data: bytes) -> Iterator[dict]:
    if data[:6] != b"\x7fELF\x02\x01":
        raise PipelineError("snapshots need a 64-bit little-endian ELF module (Linux on x86-64 or aarch64)")
    start, size, count, names = struct.unpack_from("<Q10xHHH", data, 0x28)
    headers = [struct.unpack_from("<IIQQQQII", data, start + i * size) for i in range(count)]
    for name, kind, flags, address, offset, length, link, _ in headers:
        yield {
            "name": _text(data, headers[names][4] + name),
            "kind": kind,
            "flags": flags,
            "address": address,
            "offset": offset,
            "size": length,
            "link": link,
        }


def _symbols(data: bytes, table: dict, sections: list[dict]) -> Iterator[dict]:
    """Symbols with the source file of each; global ones belong to none."""
    strings, file = sections[table["link"]]["offset"], ""
    for name, info, _, section, value, size in struct.iter_unpack(
        "<IBBHQQ", data[table["offset"] : table["offset"] + table["size"]]
    ):
        text, is_local = _text(data, strings + name), info >> 4 == 0
        if info & 15 == _FILE:
            file = text
            yield {"name": "", "type": _FILE, "file": file, "section": -1, "value": 0, "size": 0}
            continue
        belongs = file if is_local else ""
        yield {"name": text, "type": info & 15, "file": belongs, "section": section, "value": value, "size": size}


def _text(data: bytes, start: int) -> str:
    return data[start : data.index(b"\0", start)].decode(errors="replace")


def _holds_state(section: dict) -> bool:
    writable = section["flags"] & _WRITE and not section["flags"] & _THREAD
    return bool(writable) and section["name"].startswith((".data", ".bss")) and ".rel.ro" not in section["name"]


def _is_bridge(name: str) -> bool:
    """Global names of the bridge, of f2py and of MPI."""
    modules = "|".join(p.stem for p in SOURCES.glob("*.F90"))
    return bool(re.match(rf"__({modules})(_mod)?_MOD_|bridge_|_npy_f2py|PyFortran_|mpi_fortran_|ompi_|mpipriv", name))


def _is_table(name: str) -> bool:
    """gfortran's tables of derived types, which nothing changes: a type's hash in them may look like an address."""
    return bool(re.search(r"_MOD___(vtab|def_init)_", name))


def _spoken(symbol: dict) -> str:
    """A symbol's name as the source has it."""
    name = symbol["name"]
    if match := re.match(r"__(\w+?)_MOD_(\w+)$", name):
        return f"{match[1]}::{match[2]}"
    if not symbol["file"]:
        return f"/{name[:-1]}/" if name.endswith("_") else name
    return f"{re.sub(r'[.][0-9]+$', '', name)} ({symbol['file']})"
