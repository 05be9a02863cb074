# SPDX-License-Identifier: Apache-2.0
"""Generate the gRPC stubs and their types from the contracts: ``python -m protos.generate [--check]``.

The stubs of Google's own files come with googleapis-common-protos and are not generated here; its
copies under ``protos/google`` only let buf work without a network.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc_tools
from grpc_tools import protoc

CONTRACTS = Path(__file__).parent
HOUSE = CONTRACTS.parent
WELL_KNOWN = Path(grpc_tools.__path__[0], "_proto")


def main() -> int:
    """Write the stubs, or with ``--check`` name those that differ from what is committed."""
    parser = argparse.ArgumentParser(prog="python -m protos.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a stub has drifted")
    with TemporaryDirectory() as folder:
        made = _generate(Path(folder))
    stored = _committed()
    if parser.parse_args().check:
        drifted = sorted(path for path in made.keys() | stored.keys() if made.get(path) != stored.get(path))
        sys.stderr.writelines(f"{path} is not what the contracts give\n" for path in drifted)
        return 1 if drifted else 0
    for path in stored.keys() - made.keys():
        (HOUSE / path).unlink()
    for path, text in made.items():
        (HOUSE / path).parent.mkdir(parents=True, exist_ok=True)
        (HOUSE / path).write_bytes(text)
    return 0


def _generate(folder: Path) -> dict[Path, bytes]:
    contracts = sorted(CONTRACTS.glob("cairn/*/v1/*.proto"))
    services = [path for path in contracts if path.stem.endswith("_service")]
    _protoc(contracts, [f"--python_out={folder}", f"--mypy_out=quiet:{folder}"])
    _protoc(services, [f"--grpc_python_out={folder}", f"--mypy_grpc_out=quiet:{folder}"])
    return {path.relative_to(folder): path.read_bytes() for path in folder.glob("cairn/*/v1/*_pb2*.py*")}


def _protoc(contracts: list[Path], outputs: list[str]) -> None:
    tools = Path(sys.executable).parent
    plugins = [f"--plugin={name}={tools / name}" for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")]
    roots = [f"--proto_path={root}" for root in (CONTRACTS, WELL_KNOWN)]
    compiled: Callable[[list[str]], int] = protoc.main  # without annotations of its own
    if compiled(["protoc", *roots, *plugins, *outputs, *map(str, contracts)]) != 0:
        raise SystemExit("the contracts do not compile")


def _committed() -> dict[Path, bytes]:
    return {path.relative_to(HOUSE): path.read_bytes() for path in HOUSE.glob("cairn/*/v1/*_pb2*.py*")}


if __name__ == "__main__":
    sys.exit(main())
