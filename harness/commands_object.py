"""The commands about one object file, which load nothing; every function returns the exit code."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from ..corpus.upstream import upstream
from ..kernels.errors import ImageError
from ..loader.errors import NotSupportedError
from ..loader.spec import ObjectSpec
from .inspection.description import describe
from .inspection.kernels import TypeSource, type_sources
from .inspection.resolution import Resolution, places, resolve
from .inspection.rows import is_broken, lacks_type
from .inspection.show_object import show_needs, show_object
from .inspection.show_relocations import show_relocations
from .plan import PlanError
from .progress import FetchProgress
from .skeleton.annotations import snake
from .skeleton.model import SkeletonError, skeleton
from .skeleton.render import render


def inspect(options: argparse.Namespace) -> int:
    """``bpflab inspect``: what an object file says, and what it needs."""
    spec = _read(options.object)
    sources = _sources(options, [options.kernel] if options.kernel else [])
    found, errors = _resolve(spec, sources)
    description = describe(spec, upstream())
    if options.json:
        data = description.as_data() | {"kernels": _kernels(sources, found, errors)}
        print(json.dumps(data, indent=1))
        return 0
    console = Console()
    show_object(description, console)
    if description.relocations:
        show_relocations(description.relocations, found, errors, console)
        _mention_modules(sources, found, console)
    show_needs(description.requirements, console)
    return 0


def relocate(options: argparse.Namespace) -> int:
    """``bpflab relocate``: what becomes of the CO-RE relocations on each kernel; 1 if any breaks."""
    spec = _read(options.object)
    selectors = options.kernels.split(",") if options.kernels else []
    sources = _sources(options, selectors or ([] if options.btf else ["cached"]))
    if not sources:
        raise PlanError(
            "no kernel is in the cache: fetch some with 'bpflab kernels fetch', or give --kernels or --btf"
        )
    found, errors = _resolve(spec, sources)
    broken = bool(errors) or any(is_broken(resolutions) for resolutions in found.values())
    if options.json:
        data = {"object": spec.name, "broken": broken, "kernels": _kernels(sources, found, errors)}
        print(json.dumps(data, indent=1))
        return int(broken)
    console = Console()
    every = places(spec)
    if not every:
        console.print(f"{spec.name} has no CO-RE relocations: it is the same on every kernel.")
        return 0
    show_relocations(every, found, errors, console)
    _mention_modules(sources, found, console)
    return int(broken)


def make_skeleton(options: argparse.Namespace) -> int:
    """``bpflab skeleton``: a typed Python module for an object."""
    target: Path = options.out or options.object.with_name(f"{_stem(options.object)}_skeleton.py")
    try:
        described = skeleton(_read(options.object), options.type)
    except SkeletonError as error:
        raise PlanError(str(error)) from error
    beside = os.path.relpath(options.object.resolve(), target.resolve().parent)
    target.write_text(render(described, beside), encoding="utf-8")
    print(target)
    return 0


def _stem(path: Path) -> str:
    return snake(path.name.removesuffix(".o").removesuffix(".bpf"))


def _read(path: Path) -> ObjectSpec:
    if not path.is_file():
        raise PlanError(f"{path}: {'is a directory' if path.is_dir() else 'no such file'}")
    try:
        return ObjectSpec.from_file(path)
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}") from error


def _sources(options: argparse.Namespace, selectors: Iterable[str]) -> list[TypeSource]:
    with FetchProgress(Console(stderr=True)) as progress:
        return type_sources(selectors, options.btf, options.flavour, progress)


def _resolve(
    spec: ObjectSpec, sources: list[TypeSource]
) -> tuple[dict[str, list[Resolution]], dict[str, str]]:
    """Resolutions by kernel; and why kernels that cannot be asked cannot."""
    found: dict[str, list[Resolution]] = {}
    errors: dict[str, str] = {}
    for source in sources:
        try:
            found[source.label] = resolve(spec, source.btf)
            source.btf.save_index()
        except (ImageError, NotSupportedError) as error:
            errors[source.label] = str(error)
    return found, errors


def _mention_modules(sources: list[TypeSource], found: dict[str, list[Resolution]], console: Console) -> None:
    """A type that was not found may be a module's."""
    partial = [source for source in sources if not source.has_modules]
    if any(lacks_type(one) for source in partial for one in found.get(source.label, ())):
        console.print("Types of modules are looked for in kernels only: no BTF file has them.", style="dim")


def _kernels(
    sources: list[TypeSource], found: dict[str, list[Resolution]], errors: dict[str, str]
) -> list[dict[str, Any]]:
    return [
        {
            "label": source.label,
            "release": source.release,
            "modules": source.has_modules,
            "error": errors.get(source.label),
            "broken": source.label in errors or is_broken(found[source.label]),
            "relocations": [_flat(one) for one in found.get(source.label, ())],
        }
        for source in sources
    ]


def _flat(resolution: Resolution) -> dict[str, Any]:
    data = asdict(resolution)
    place = data.pop("place")
    return {**place, **data}
