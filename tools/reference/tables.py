"""Makes the Parquet fixtures of crates/data: small tables with a column of pictures, in the forms written by pyarrow
and Hugging Face's `datasets`.

    python tools/reference/tables.py crates/data/tests/fixtures

Made with pyarrow 26.0.1. `tables.tsv` lists table, row, label and CRC-32 of the picture of every row, as pyarrow reads
them back, with `-` for missing values.
"""

import json
import sys
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

root = Path(sys.argv[1])
out = root / "tables"
out.mkdir(exist_ok=True)
NAMES = ["jpeg_rgb.jpg", "png_rgb.png", "gif_one.gif"]
A, B, C = [(root / "decode" / name).read_bytes() for name in NAMES]
PICTURES = [A, B, C, A, C, B]
LABELS = ["cat", "dog", "cat", "dog", "bird", "bird"]


def write(name, columns, metadata=None, **options):
    table = pa.table(columns)
    if metadata:
        table = table.replace_schema_metadata(metadata)
    pq.write_table(table, out / name, **{"compression": "snappy", "use_dictionary": False, **options})


binary = pa.array(PICTURES, pa.binary())
write("plain.parquet", {"image": binary, "label": LABELS}, compression="none")
write("snappy.parquet", {"label": LABELS, "path": [f"{i}.jpg" for i in range(6)], "image": binary})
write("gzip.parquet", {"image": binary, "label": LABELS}, compression="gzip")
write("dictionary.parquet", {"jpg": binary, "label": LABELS}, use_dictionary=True)
write("version_2_pages.parquet", {"bytes": binary, "label": LABELS}, data_page_version="2.0")
write("row_groups.parquet", {"image": binary, "label": LABELS}, row_group_size=2)
# One page per row.
write("pages.parquet", {"image": binary, "label": LABELS}, data_page_size=1, write_batch_size=1)
nulls = pa.array([A, None, C, None, None, B], pa.binary())
write("nulls.parquet", {"image": nulls, "label": ["cat", "dog", None, "dog", "cat", None]})
write("large_binary.parquet", {"thumbnail": pa.array([A] * 6, pa.binary()).cast(pa.large_binary()), "label": pa.array([3, 1, 2, 1, 0, 0], pa.int32())})
image = pa.StructArray.from_arrays(
    [binary, pa.array(["x/0.jpg", None, "../2.gif", "3.jpg", "4.gif", "5.png"])], ["bytes", "path"]
)
features = {"image": {"_type": "Image"}, "label": {"names": ["bird", "cat", "dog"], "_type": "ClassLabel"}}
write(
    "hugging_face.parquet",
    {"image": image, "label": pa.array([1, 2, 1, 2, 0, 0], pa.int64())},
    metadata={"huggingface": json.dumps({"info": {"features": features}})},
)
SIDES = ["train", "val", None, "test", "Training", ""]
write(
    "divided.parquet",
    {"image": binary, "label": LABELS, "split": SIDES, "group": [1, 1, None, 2, 2, 3], "weight": [1.0, 0.5, None, 2.0, 0.0, 1.0]},
)
# Lists of labels: as strings, as numbers that have names, and as lists of one.
SETS = [["dog", "cat"], [], None, ["bird"], ["cat", None], ["dog"]]
write("label_lists.parquet", {"image": binary, "labels": pa.array(SETS)}, row_group_size=4)
sequence = {"image": {"_type": "Image"}, "tags": {"feature": features["label"], "_type": "Sequence"}}
write(
    "hugging_face_lists.parquet",
    {"image": image, "tags": pa.array([[2, 1], [], None, [0], [1, -1], [2]], pa.list_(pa.int64()))},
    metadata={"huggingface": json.dumps({"info": {"features": sequence}})},
)
write("lists_of_one.parquet", {"image": binary, "label": pa.array([[n] for n in [3, 1, 2, 1, 0, 0]], pa.list_(pa.int32()))})
# Tables that are refused.
write("zstd.parquet", {"image": binary, "label": LABELS}, compression="zstd")
write("text_only.parquet", {"url": NAMES, "label": ["cat", "dog", "cat"], "weight": [1.0, 2.0, 0.5]})
write("several.parquet", {"left": binary, "right": binary})
write("list.parquet", {"image": pa.array([[A], [B, C]], pa.list_(pa.binary()))})

REFUSED = ["text_only", "several", "list"]
# These are checked by name in the tests.
SEVERAL = ["label_lists", "hugging_face_lists", "lists_of_one"]
with open(root / "tables.tsv", "w") as rows:
    for path in sorted(out.iterdir()):
        if path.stem in REFUSED + SEVERAL:
            continue
        table = pq.read_table(path).to_pylist()
        for number, row in enumerate(table):
            column = next(key for key in row if key not in ("label", "path"))
            picture = row[column]["bytes"] if isinstance(row[column], dict) else row[column]
            label = row["label"]
            if path.stem == "hugging_face":
                label = features["label"]["names"][label]
            crc = "-" if picture is None else zlib.crc32(picture)
            rows.write(f"{path.name}\t{number}\t{'-' if label is None else label}\t{crc}\n")
