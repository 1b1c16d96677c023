"""Tables that list pictures, for crates/data/src/sources/manifest: the same five rows in CSV and in Parquet as written
by pyarrow. The pictures themselves are not needed.

Makes in crates/data/tests/fixtures/manifest/:
  manifest.csv               the rows
  plain.parquet              text, weight as f64; uncompressed
  dictionary_groups.parquet  dictionary-encoded text, row groups of two rows, snappy, another column
  other_types.parquet        the columns in another order, weight as f32, group as int64, text as binary
  lists.parquet              labels that are lists: refused
  pictures.parquet           a column that contains pictures: not a manifest

  python tools/reference/manifests.py     (pyarrow 26.0.1)
"""

import pathlib

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

FOLDER = pathlib.Path(__file__).parents[2] / "crates/data/tests/fixtures/manifest"


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    paths = ["a.jpg", "sub/b.jpg", "c, d.jpg", "e.jpg", "f.jpg"]
    labels = ["cat", "dog", "cat", "dög", None]
    splits = ["train", "train", "validation", "test", None]
    groups = [7, 7, 12, None, None]
    weights = [1.0, 0.5, 0.25, 2.0, None]
    texts = [None if group is None else str(group) for group in groups]
    table = pa.table(
        {
            "path": paths,
            "label": labels,
            "split": splits,
            "group": pa.array(texts, pa.string()),
            "weight": pa.array(weights, pa.float64()),
        }
    )
    pa.csv.write_csv(table, FOLDER / "manifest.csv")
    pq.write_table(table, FOLDER / "plain.parquet", compression="NONE", use_dictionary=False)
    more = table.append_column("note", pa.array([1, 2, 3, 4, 5]))
    pq.write_table(more, FOLDER / "dictionary_groups.parquet", compression="SNAPPY", row_group_size=2)
    other = pa.table(
        {
            "weight": pa.array(weights, pa.float32()),
            "group": pa.array(groups, pa.int64()),
            "label": pa.array([None if x is None else x.encode() for x in labels], pa.binary()),
            "split": splits,
            "path": paths,
        }
    )
    pq.write_table(other, FOLDER / "other_types.parquet", compression="SNAPPY")
    lists = pa.table({"path": paths, "group": pa.array([[x] for x in "abcde"])})
    pq.write_table(lists, FOLDER / "lists.parquet", compression="NONE")
    sets = pa.array([["dog", "cat"], [], None, ["bird"], ["cat", None]])
    pq.write_table(pa.table({"path": paths, "labels": sets}), FOLDER / "label_lists.parquet", compression="NONE")
    pictures = pa.table({"path": paths, "image": pa.array([b"x"] * 5, pa.binary())})
    pq.write_table(pictures, FOLDER / "pictures.parquet", compression="NONE")


main()
