"""The peers that read pictures: `readers.py READER WORK`, with WORK the JSON of a `Work`.

A reader sets up everything that it needs, runs once on a few pictures, and returns the function to
be timed, from the files of a folder to features in memory. Prints the seconds. Each reader is alone
in its process and follows its authors' advice; weights are random, since they do not affect speed.
"""

import collections
import concurrent.futures
import dataclasses
import functools
import json
import multiprocessing
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

SIDE = 160
WIDTH = 1280  # features per picture
BATCH = 32
FIRST = 4  # files read before timing
CHUNK = 8  # maximum number of files that a worker receives at once
MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # ImageNet's, of 255


@dataclasses.dataclass(frozen=True)
class Work:
    """The work of a reader."""

    folder: str  # contains only pictures
    model: str  # an ONNX file, for OpenVINO
    threads: int

    def files(self):
        return sorted(str(path) for path in pathlib.Path(self.folder).iterdir())


def decoded(path, draft):
    """Pixels, (SIDE, SIDE, 3). With `draft` the decoder scales by 1/2, 1/4 or 1/8 if possible."""
    with Image.open(path) as picture:
        if draft:
            picture.draft("RGB", (SIDE, SIDE))
        resized = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def decoded_all(paths, draft):
    return [decoded(path, draft) for path in paths]


def chunks(files):
    """At least sixteen chunks, if there are as many files, so that the workers finish at about the
    same time."""
    size = max(1, min(CHUNK, len(files) // 16))
    return [files[start : start + size] for start in range(0, len(files), size)]


def ahead(pool, function, items, count):
    """The results of the function for the items, in order, computed by the pool up to `count` items
    ahead."""
    waiting = collections.deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > count:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def start(ready, set_up, arguments):
    set_up(*arguments)
    ready.wait()


def process_pool(count, set_up, *arguments):
    """A pool whose processes have all started and have called `set_up`."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(count + 1, timeout=120)
    pool = concurrent.futures.ProcessPoolExecutor(
        count, context, start, (ready, set_up, arguments)
    )
    for _ in range(count):
        pool.submit(os.getpid)
    ready.wait()
    return pool


def openvino_compiled(model, threads, hint):
    """Compiled for one picture at a time, from bytes; it includes normalisation, and weights are
    constants."""
    import openvino as ov

    core = ov.Core()
    network = core.read_model(model)
    network.reshape([1, 3, SIDE, SIDE])
    steps = ov.preprocess.PrePostProcessor(network)
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().model().set_layout(ov.Layout("NCHW"))
    steps.input().preprocess().convert_element_type(ov.Type.f32).mean(MEAN).scale(DEVIATION)
    return core.compile_model(steps.build(), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32",
        "NUM_STREAMS": threads, "PERFORMANCE_HINT": hint,
    })


def openvino(work, pool, draft):
    """The pool decodes while inference requests run in as many streams as there are threads."""
    import openvino as ov

    compiled = openvino_compiled(work.model, work.threads, "THROUGHPUT")
    requests = ov.AsyncInferQueue(compiled, 2 * work.threads)
    decode = functools.partial(decoded_all, draft=draft)

    def run(files):
        features = np.empty((len(files), WIDTH), np.float32)

        def keep(request, index):
            features[index] = request.get_output_tensor().data[0]

        requests.set_callback(keep)
        index = 0
        for pictures in ahead(pool, decode, chunks(files), 2 * work.threads):
            for picture in pictures:
                requests.start_async(picture[None], index)
                index += 1
        requests.wait_all()
        return features

    run(work.files()[:FIRST])
    return lambda: run(work.files())


def openvino_threads(work, draft=True):
    return openvino(work, concurrent.futures.ThreadPoolExecutor(work.threads), draft)


def openvino_processes(work, draft=True):
    return openvino(work, process_pool(work.threads, Image.preinit), draft)


def openvino_full(work):
    return openvino_processes(work, draft=False)


def openvino_set_up(model):
    """Sets up a process of `openvino_each`."""
    global request
    request = openvino_compiled(model, 1, "LATENCY").create_infer_request()
    request.infer(np.zeros((1, SIDE, SIDE, 3), np.uint8))


def openvino_features(paths):
    return [request.infer(decoded(path, True)[None])[0][0].copy() for path in paths]


def openvino_each(work):
    """One process per thread, which decodes a picture and runs the network without waiting."""
    pool = process_pool(work.threads, openvino_set_up, work.model)
    return lambda: np.concatenate(
        list(ahead(pool, openvino_features, chunks(work.files()), 2 * work.threads))
    )


class Files:
    """A data set for PyTorch: bytes, (3, SIDE, SIDE). torchvision's decoder takes half of Pillow's
    time."""

    def __init__(self, files):
        self.files = files

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        from torchvision import io
        from torchvision.transforms.v2 import functional

        picture = io.decode_jpeg(io.read_file(self.files[index]), mode=io.ImageReadMode.RGB)
        return functional.resize(picture, [SIDE, SIDE], antialias=True)


def pytorch(work):
    import timm
    import torch

    torch.set_num_threads(work.threads)
    model = timm.create_model("mobilenetv2_100", pretrained=False, num_classes=0)
    model = model.eval().to(memory_format=torch.channels_last)
    mean, deviation = (torch.tensor(each)[:, None, None] for each in (MEAN, DEVIATION))

    @torch.inference_mode()
    def run(files):
        loader = torch.utils.data.DataLoader(Files(files), BATCH, num_workers=work.threads)
        batches = (batch.to(memory_format=torch.channels_last) for batch in loader)
        return torch.cat([model((batch - mean) / deviation) for batch in batches]).numpy()

    run(work.files()[:BATCH])
    return lambda: run(work.files())


def keras(work):
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(work.threads)
    tf.config.threading.set_inter_op_parallelism_threads(work.threads)
    inputs = keras.Input((SIDE, SIDE, 3))
    base = keras.applications.MobileNetV2(
        input_shape=(SIDE, SIDE, 3), include_top=False, pooling="avg", weights=None
    )
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    model = keras.Model(inputs, base(scaled, training=False))
    pictures = keras.utils.image_dataset_from_directory(
        work.folder, labels=None, image_size=(SIDE, SIDE), batch_size=BATCH, shuffle=False,
        verbose=False,
    ).prefetch(tf.data.AUTOTUNE)
    model.predict(pictures.take(1), verbose=0)
    return lambda: model.predict(pictures, verbose=0)


def main():
    work = Work(**json.loads(sys.argv[2]))
    run = globals()[sys.argv[1]](work)
    start = time.perf_counter()
    features = run()
    seconds = time.perf_counter() - start
    wanted = (len(work.files()), WIDTH)
    if features.shape != wanted:
        raise RuntimeError(f"features of shape {features.shape} instead of {wanted}")
    print(seconds)


if __name__ == "__main__":
    main()
