"""Arrays of numbers in the JSON of a contract."""

import base64
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

Array = NDArray[Any]


def pack_array(array: Array) -> dict[str, Any]:
    """A float32 array as JSON can hold it."""
    data = np.ascontiguousarray(array, "<f4")
    return {"shape": list(data.shape), "base64": base64.b64encode(data.tobytes()).decode()}


def unpack_array(packed: Any) -> Array:
    """The array that `pack_array` was given, as float64. Raises ValueError for anything else."""
    try:
        data = base64.b64decode(packed["base64"], validate=True)
        array = np.frombuffer(data, "<f4").reshape(packed["shape"]).astype(np.float64)
    except (TypeError, KeyError, ValueError):
        raise ValueError("this is not a valid packed array") from None
    if not np.isfinite(array).all():
        raise ValueError("this array holds values that are not finite")
    return array


Packed = Annotated[Any, AfterValidator(unpack_array)]
