"""The child of `margin_witness`: XGBoost's library and nothing else, so that it is ready at once. A booster and rows in, margins out.

Run as a file, not as a module, by a bare interpreter: `python -I -S xgboost_margins.py LIBRARY`. It imports the standard library alone.
xgboost's own Python package would import scipy, numpy and a third of scikit-learn before it passes the same bytes to the same library: 0.58
processor seconds where this takes 0.03 (measured).

Asked on stdin with a line of JSON (`booster`, `rows`, `features`: the bytes of the first and the counts of the others) followed by the
booster in XGBoost's JSON and the values as float32, row by row; it answers on stdout with the uncalibrated margins as float32. Asked
nothing, it ends: its parent needs no answer, or is no more. A model that the library refuses is its exit code 1 and its word on stderr.

Library calls as in https://xgboost.readthedocs.io/en/stable/c.html, of which XGBoost promises that they stay.
"""

from __future__ import annotations

import ctypes
import json
import sys

MARGIN = 1
"""What `XGBoosterPredictFromDense` calls the sum of the trees, before the objective's own transformation."""


def main() -> None:
    """Load the library, read what is asked, answer."""
    library = ctypes.CDLL(sys.argv[1])
    library.XGBGetLastError.restype = ctypes.c_char_p
    asked = sys.stdin.buffer.readline()
    if not asked:
        return
    told = json.loads(asked)
    booster = sys.stdin.buffer.read(told["booster"])
    shape = (told["rows"], told["features"])
    values = sys.stdin.buffer.read(4 * shape[0] * shape[1])
    if len(booster) != told["booster"] or len(values) != 4 * shape[0] * shape[1]:
        raise SystemExit("the rows ended early")
    sys.stdout.buffer.write(_margins(library, booster, values, shape))


def _margins(library: ctypes.CDLL, model: bytes, values: bytes, shape: tuple[int, int]) -> bytes:
    """The margins of `values` (rows, features) as float32, in the machine's own byte order."""

    def call(name: str, *arguments: object) -> None:
        if getattr(library, name)(*arguments) != 0:
            raise SystemExit((library.XGBGetLastError() or b"").decode(errors="replace").strip().splitlines()[0])

    booster = ctypes.c_void_p()
    call("XGBoosterCreate", None, ctypes.c_uint64(0), ctypes.byref(booster))
    call("XGBoosterSetParam", booster, b"nthread", b"1")
    call("XGBoosterLoadModelFromBuffer", booster, model, ctypes.c_uint64(len(model)))
    held = ctypes.create_string_buffer(values, len(values))
    array = {
        "data": [ctypes.addressof(held), True],
        "shape": shape,
        "typestr": f"{'<' if sys.byteorder == 'little' else '>'}f4",
        "version": 3,
    }
    how = {
        "type": MARGIN,
        "training": False,
        "iteration_begin": 0,
        "iteration_end": 0,  # all rounds
        "strict_shape": False,
        "missing": float("nan"),
    }
    sizes, dimensions = ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64()
    margins = ctypes.POINTER(ctypes.c_float)()
    call(
        "XGBoosterPredictFromDense",
        booster,
        json.dumps(array).encode(),
        json.dumps(how).encode(),
        None,
        ctypes.byref(sizes),
        ctypes.byref(dimensions),
        ctypes.byref(margins),
    )
    found = sizes[: dimensions.value]
    if found != [shape[0]]:
        raise SystemExit(f"the library answered {found} for {shape[0]} rows")
    return ctypes.string_at(margins, 4 * shape[0])


if __name__ == "__main__":
    main()
