"""Normal forms of NumPy, pandas, Arrow and Numba objects; imported when the first of them is tokenized.

Arrays count by their values: type, shape and content, not by how they lie in memory.
"""

from __future__ import annotations

from rask.tokenize import _named, _object, _reduced, blake2b, normalize_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _buffer_digest(buffer: Any) -> bytes:
    return blake2b(buffer, digest_size=16).digest()


def register_numpy() -> None:
    """Register arrays, scalars, dtypes and ufuncs."""
    import numpy as np

    @normalize_token.register(np.ndarray)
    def ndarray(x: Any) -> object:
        if type(x) not in (np.ndarray, np.matrix, np.memmap):
            # It may have more to it than its values, as a masked array has.
            return _object(x)
        kind = "ndarray" if type(x) is np.memmap else type(x).__name__
        if x.dtype.hasobject:
            return kind, x.dtype, x.shape, np.asarray(x).ravel().tolist()
        values = np.ascontiguousarray(x).reshape(-1)
        if values.size and x.dtype.itemsize:
            values = values.view(np.uint8)
        return kind, x.dtype, x.shape, _buffer_digest(values.data if values.size else b"")

    @normalize_token.register(np.generic)
    def scalar(x: Any) -> object:
        value = x.item() if x.dtype.hasobject else x.tobytes()
        return "numpy scalar", x.dtype, value

    @normalize_token.register(np.dtype)
    def dtype(x: Any) -> object:
        simple = x.names is None and x.subdtype is None and x.metadata is None and x.kind in "?biufcSUVmMO"
        return ("dtype", x.str) if simple else _reduced(x)

    @normalize_token.register(np.ufunc)
    def ufunc(x: Any) -> object:
        if _named("numpy", x.__name__) is x:
            return "ufunc", x.__name__
        return _object(x)


def register_pandas() -> None:
    """Register frames, series, indexes and extension arrays."""
    import pandas as pd

    @normalize_token.register(pd.RangeIndex)
    def range_index(x: Any) -> tuple:
        return "RangeIndex", x.name, x.start, x.stop, x.step

    @normalize_token.register(pd.MultiIndex)
    def multi_index(x: Any) -> tuple:
        return "MultiIndex", list(x.names), list(x.levels), list(x.codes)

    @normalize_token.register(pd.Index)
    def index(x: Any) -> tuple:
        return type(x).__name__, x.name, x.dtype, x.array

    @normalize_token.register(pd.Series)
    def series(x: Any) -> tuple:
        return type(x), x.name, x.dtype, x.array, x.index

    @normalize_token.register(pd.DataFrame)
    def frame(x: Any) -> tuple:
        return type(x), x.columns, x.index, [x.iloc[:, i].array for i in range(x.shape[1])]

    @normalize_token.register(pd.Categorical)
    def categorical(x: Any) -> tuple:
        return "Categorical", x.codes, x.categories, x.ordered

    @normalize_token.register(pd.CategoricalDtype)
    def categorical_dtype(x: Any) -> tuple:
        return "CategoricalDtype", x.categories, x.ordered

    @normalize_token.register(pd.api.extensions.ExtensionArray)
    def extension_array(x: Any) -> object:
        for parts in (("_pa_array",), ("_data", "_mask"), ("_ndarray",)):
            values = [getattr(x, part, None) for part in parts]
            if all(value is not None for value in values):
                return type(x).__name__, x.dtype, values
        return _object(x)

    @normalize_token.register(pd.api.extensions.ExtensionDtype)
    def extension_dtype(x: Any) -> object:
        return "dtype", type(x).__name__, str(x), _reduced(x)


def register_pyarrow() -> None:
    """Register Arrow types, arrays and tables."""
    import pyarrow as pa

    def digest(table: Any) -> bytes:
        sink = pa.BufferOutputStream()
        # One chunk per column, as a table put together from parts is no other table.
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
        return _buffer_digest(sink.getvalue())

    @normalize_token.register(pa.Table)
    def table(x: Any) -> tuple:
        return "pyarrow.Table", digest(x)

    @normalize_token.register(pa.RecordBatch)
    def record_batch(x: Any) -> tuple:
        return "pyarrow.RecordBatch", digest(pa.Table.from_batches([x]))

    @normalize_token.register((pa.Array, pa.ChunkedArray))
    def array(x: Any) -> tuple:
        kind = "ChunkedArray" if isinstance(x, pa.ChunkedArray) else "Array"
        return f"pyarrow.{kind}", digest(pa.table({"": x}))

    @normalize_token.register(pa.DataType)
    def data_type(x: Any) -> tuple:
        return "pyarrow.DataType", str(x), pa.schema([("", x)]).serialize().to_pybytes()

    @normalize_token.register(pa.Schema)
    def schema(x: Any) -> tuple:
        return "pyarrow.Schema", x.serialize().to_pybytes()

    @normalize_token.register(pa.Scalar)
    def scalar(x: Any) -> tuple:
        return "pyarrow.Scalar", pa.array([x.as_py()], x.type)


def register_numba() -> None:
    """Register compiled functions, by the Python functions that they were compiled from."""
    from numba.core.dispatcher import Dispatcher
    from numba.np.ufunc.dufunc import DUFunc
    from numba.np.ufunc.gufunc import GUFunc

    # Their pickles hold a random number. Signatures count where the user gave them, not as calls add them.
    @normalize_token.register(Dispatcher)
    def compiled(x: Any) -> tuple:
        given = () if x._can_compile else tuple(sorted(map(str, x.nopython_signatures)))
        return "numba", (type(x).__qualname__, x.py_func, x.targetoptions, given)

    @normalize_token.register(DUFunc)
    def dufunc(x: Any) -> tuple:
        given = tuple(x.types) if x._frozen else ()
        return "numba", (type(x).__qualname__, x._dispatcher.py_func, x.targetoptions, given)

    @normalize_token.register(GUFunc)
    def gufunc(x: Any) -> tuple:
        builder = x.gufunc_builder
        given = tuple(x.types) if x._frozen else ()
        return "numba", (type(x).__qualname__, builder.py_func, builder.signature, given)
