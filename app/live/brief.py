"""What of a student's contract a browser needs before its first picture, where it runs the web form.

A contract is large by what it holds for others: answers of the ONNX files, and the estimator, which is fetched after
the first picture. A brief one has neither. The page takes it in place of the whole one, and fetches that for ONNX
Runtime.
"""

import base64
from typing import Any, NamedTuple

from pipeline.core.hashing import sha256_of_bytes

OF_ONNX = ("output", "output_int8")  # answers to the golden picture
FOR_OTHERS = ("best", "data", "int8", "calm", "made_by")
ESTIMATOR = "estimator.onnx"


class Brief(NamedTuple):
    """The contract's content, and the estimator's file that it names by its hash."""

    content: dict[str, Any]
    estimator: bytes | None


def brief(contract: dict[str, Any]) -> Brief | None:
    """The brief form of a whole contract; None for a student that ONNX Runtime has to run, or measure."""
    estimator = contract.get("estimator")
    if "web" not in contract or (estimator and "plain" not in estimator):
        return None
    content = {name: part for name, part in contract.items() if name not in FOR_OTHERS}
    golden = _without(contract["golden"], OF_ONNX)
    content["golden"] = golden | {"strong": _without(golden["strong"], OF_ONNX)}
    if not estimator:
        return Brief(content, None)
    network = base64.b64decode(estimator["onnx"])
    hashed = sha256_of_bytes(network)
    content["estimator"] = _without(estimator, ("onnx",)) | {"file": f"../{hashed}/{ESTIMATOR}", "sha256": hashed}
    return Brief(content, network)


def _without(part: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in part.items() if name not in names}
