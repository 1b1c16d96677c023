"""Makes the feature files of crates/data: small matrices as written by pyarrow, pandas, polars, NumPy and safetensors,
in the forms that Spark and others use.

    python tools/reference/features.py crates/data/tests/fixtures

Made with pyarrow 26.0.1, pandas 3.1.1, polars 2.1.0, NumPy 2.4.6 and safetensors 0.8.0. All valid files contain the
same numbers, which are exact in f16, and the same labels: those of `values.csv`.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

out = Path(sys.argv[1]) / "features"
out.mkdir(exist_ok=True)
ROWS, WIDTH = 50, 6
generator = np.random.default_rng(7)
x = (generator.integers(-512, 512, (ROWS, WIDTH)) / 64).astype(np.float32)
labels = [["ant", "bee", "cow"][i % 3] for i in range(ROWS)]
groups = [f"g{i // 4}" if i % 7 else None for i in range(ROWS)]
sides = [["train", "validation", "train", "test", None][i % 5] for i in range(ROWS)]
weights = [1.0 + i % 3 for i in range(ROWS)]
with open(out / "values.csv", "w") as file:
    for row, label in zip(x, labels):
        file.write(label + "," + ",".join(repr(float(value)) for value in row) + "\n")

FLOATS = {"f16": pa.float16(), "f32": pa.float32(), "f64": pa.float64()}


def lists(kind, rows=x):
    return pa.array([list(row.astype(kind.to_pandas_dtype())) for row in rows], pa.list_(kind))


def fixed(kind):
    flat = pa.array(x.reshape(-1).astype(kind.to_pandas_dtype()), kind)
    return pa.FixedSizeListArray.from_arrays(flat, WIDTH)


def write(name, features, more=None, column="features", **options):
    table = pa.table({column: features, "label": labels, **(more or {})})
    pq.write_table(table, out / f"{name}.parquet", **{"row_group_size": 17, **options})


for name, kind in FLOATS.items():
    write(f"list_{name}", lists(kind))
    write(f"fixed_{name}", fixed(kind))
    write(f"plain_{name}", lists(kind), use_dictionary=False, compression="none")
    write(f"split_{name}", lists(kind), use_dictionary=False, use_byte_stream_split=["features.list.element"])
write("version_2", lists(FLOATS["f32"]), data_page_version="2.0", data_page_size=64)
write("small_pages", lists(FLOATS["f16"]), data_page_size=64, use_dictionary=False, write_batch_size=5)
write("gzip", lists(FLOATS["f32"]), compression="gzip")
write("zstd", fixed(FLOATS["f16"]), compression="zstd")
write("large_list", lists(FLOATS["f32"]).cast(pa.large_list(pa.float32())))
write("old_names", lists(FLOATS["f32"]), use_compliant_nested_type=False)
# The form in which Spark writes an array<float>: everything is optional.
element = pa.field("element", pa.float32(), nullable=True)
spark = pa.array([list(row) for row in x], pa.list_(element))
write("spark", spark, column="embedding", compression="snappy")
write("columns", lists(FLOATS["f32"]), {"group": groups, "split": sides, "weight": weights,
      "other": list(range(ROWS)), "content": pa.array([i.to_bytes(16, "little") for i in range(ROWS)], pa.binary(16))})
several = pa.array([[label, "all"] for label in labels])
pq.write_table(pa.table({"features": lists(FLOATS["f32"]), "labels": several}), out / "several.parquet")
numbered = pa.array([["ant", "bee", "cow"].index(label) for label in labels], pa.int64())
pq.write_table(pa.table({"features": lists(FLOATS["f32"]), "kind": numbered}), out / "numbered.parquet")
# A column for each class: single labels as booleans, and several labels as integers.
marks = {name: [label == name for label in labels] for name in ["ant", "bee", "cow"]}
several = {f"{name}_too": [int(mark) for mark in column] for name, column in marks.items()}
several["third"] = [int(i % 3 == 0) for i in range(ROWS)]
pq.write_table(pa.table({"features": lists(FLOATS["f32"]), **marks, **several}), out / "marked.parquet")
frame = pd.DataFrame({"features": list(x), "label": labels})
frame.to_parquet(out / "pandas.parquet")
frame = pl.DataFrame({"features": [row.tolist() for row in x], "label": labels},
                     schema={"features": pl.List(pl.Float32), "label": pl.String})
frame.write_parquet(out / "polars.parquet")
frame.with_columns(pl.col("features").list.to_array(WIDTH)).write_parquet(out / "polars_array.parquet")

# Invalid files.
ragged = [list(row[: WIDTH - (i == 30)]) for i, row in enumerate(x)]
write("ragged", pa.array(ragged, pa.list_(pa.float32())), row_group_size=50)
ragged[31] = ragged[31] + [0.0]
write("shifted", pa.array(ragged, pa.list_(pa.float32())), row_group_size=50)
hole = [list(map(float, row)) for row in x]
hole[20][2] = None
write("hole", pa.array(hole, pa.list_(pa.float32())))
missing = [None if i == 20 else row for i, row in enumerate(hole)]
write("missing", pa.array(missing, pa.list_(pa.float32())), row_group_size=50)
bad = x.copy()
bad[40, 3] = np.nan
write("nan", lists(FLOATS["f16"], bad))
pq.write_table(pa.table({"features": numbered, "label": labels}), out / "no_features.parquet")
pq.write_table(pa.table({"features": lists(FLOATS["f32"])[:0], "label": labels[:0]}), out / "empty.parquet")

# NumPy. The table beside a file is written for only one of these, as an example for all.
for name, kind in {"f2": "<f2", "f4": "<f4", "f8": "<f8", "big_f4": ">f4", "big_f2": ">f2"}.items():
    np.save(out / f"{name}.npy", x.astype(kind))
    np.save(out / f"fortran_{name}.npy", np.asfortranarray(x.astype(kind)))
np.save(out / "integers.npy", x.astype("<i4"))
np.save(out / "vector.npy", x[0])
with open(out / "f2.npy.csv", "w") as file:
    file.write("path,label\n" + "".join(f"{i}.jpg,{label}\n" for i, label in enumerate(labels)))

for name, kind in {"f16": np.float16, "f32": np.float32, "f64": np.float64}.items():
    tensors = {"features": x.astype(kind), "labels": numbered.to_numpy()}
    save_file(tensors, out / f"{name}.safetensors", {"classes": json.dumps(["ant", "bee", "cow"])})
