"""The peer: a usual combination of FastAPI, uvicorn and ONNX Runtime.

`uvicorn peer_fastapi:app --workers 2`; NETWORK names the ONNX file, DRAFT=1 lets Pillow decode at reduced size.
"""

import io
import os

import numpy as np
import onnxruntime
from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from PIL import Image

SIDE = 160
DRAFT = os.environ.get("DRAFT") == "1"

options = onnxruntime.SessionOptions()
# One worker per core: more threads would only compete.
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["NETWORK"], options, providers=["CPUExecutionProvider"])
names = [f"class_{index}" for index in range(session.get_outputs()[0].shape[1])]
app = FastAPI()


def answer(body):
    try:
        picture = Image.open(io.BytesIO(body))
        if DRAFT:
            picture.draft("RGB", (SIDE, SIDE))
        picture = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    except OSError as error:
        raise HTTPException(422, str(error)) from error
    pixels = np.asarray(picture, np.float32) / 127.5 - 1
    logits = session.run(None, {"x": pixels.transpose(2, 0, 1)[None]})[0][0]
    scores = np.exp(logits - logits.max())
    scores /= scores.sum()
    best = int(scores.argmax())
    return {
        "label": names[best],
        "score": float(scores[best]),
        "scores": {name: float(score) for name, score in zip(names, scores)},
    }


@app.post("/predict")
async def predict(request: Request):
    return await run_in_threadpool(answer, await request.body())
