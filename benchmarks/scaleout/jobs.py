"""One job on one engine: features of the first COUNT pictures of a folder to Parquet.

    python jobs.py ENGINE WORKERS FOLDER OUT COUNT [bytes|paths]

ENGINE is `ray`, `ray-torchvision` or `spark`. Prints JSON: seconds of the job, from when the engine has started until
the files are written, and the number of rows. Each worker has one core. With `bytes` the engine reads the files, as
from a bucket; with `paths` the workers do.
"""

import io
import json
import os
import pathlib
import sys
import time

import numpy as np

SIZE = 160  # side of MobileNetV2's input, as in the bundled base
BATCH = 64


class Torchvision:
    """torchvision's MobileNetV2 without its last layer, with its own preprocessing transforms."""

    def __init__(self):
        import torch
        from torchvision import models, transforms

        torch.set_num_threads(1)
        network = models.mobilenet_v2(weights=None).eval()  # weights do not affect speed
        self.torch = torch
        self.network = torch.nn.Sequential(network.features, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        self.transform = transforms.Compose(
            [
                transforms.Resize((SIZE, SIZE)),
                transforms.ToTensor(),
                transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            ]
        )

    def __call__(self, batch):
        from PIL import Image

        given = batch["bytes"] if "bytes" in batch else batch["path"]
        opened = (Image.open(io.BytesIO(one) if isinstance(one, bytes) else one) for one in given)
        pictures = [self.transform(picture.convert("RGB")) for picture in opened]
        with self.torch.inference_mode():
            features = self.network(self.torch.stack(pictures)).numpy()
        return {"path": batch["path"], "features": features}


def on_ray(engine, workers, files, out, of):
    import ray

    import headstart

    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    start = time.perf_counter()
    if of == "bytes":
        pictures = ray.data.read_binary_files(files, include_paths=True)
    else:
        # Ray makes one block of a list, and one task per block.
        pictures = ray.data.from_items([{"path": file} for file in files], override_num_blocks=8 * workers)
    if engine == "ray":
        done = pictures.map_batches(headstart.FeatureExtractor(cache=None), batch_size=BATCH, batch_format="pyarrow")
    else:
        actors = ray.data.ActorPoolStrategy(size=workers)
        done = pictures.map_batches(Torchvision, batch_size=BATCH, compute=actors)
    done.write_parquet(out)
    seconds = time.perf_counter() - start
    ray.shutdown()
    return seconds


def on_spark(workers, files, out, of):
    from pyspark.sql import SparkSession

    import headstart.spark

    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.master(f"local[{workers}]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", str(BATCH))
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    start = time.perf_counter()
    if of == "bytes":
        pictures = spark.read.format("binaryFile").load(files).select("path", "content")
    else:
        rows = [(file,) for file in files]
        pictures = spark.createDataFrame(rows, "path string").repartition(8 * workers)
    headstart.spark.features(pictures).write.parquet(out)
    seconds = time.perf_counter() - start
    spark.stop()
    return seconds


def main():
    engine, workers, folder, out, count, *of = sys.argv[1:]
    of = of[0] if of else "bytes"
    files = sorted(str(path) for path in pathlib.Path(folder).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    files = files[: int(count)]
    if engine == "spark":
        seconds = on_spark(int(workers), files, out, of)
    else:
        seconds = on_ray(engine, int(workers), files, out, of)
    import pyarrow.parquet as pq

    parts = [pq.read_table(part) for part in sorted(pathlib.Path(out).glob("*.parquet"))]
    rows = sum(len(part) for part in parts)
    flat = [np.asarray(row, dtype=np.float32) for part in parts for row in part["features"].to_pylist() if row is not None]
    print(json.dumps({"seconds": seconds, "rows": rows, "features": len(flat)}))


main()
