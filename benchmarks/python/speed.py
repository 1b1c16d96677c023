"""Import time, and predicting an array compared with the command on the same pixels, in turns.

    python speed.py MODEL FOLDER [ROUNDS]

The command reads the pictures as uncompressed PPM files of the same size as the array, so that both sides receive
pixels.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

import headstart


def seconds(run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    model_file, folder = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    files = sorted(path for path in Path(folder).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    array = np.stack([np.asarray(Image.open(file).convert("RGB").resize((500, 375))) for file in files])
    imports = [
        seconds(lambda: subprocess.run([sys.executable, "-c", program], check=True))
        for _ in range(rounds)
        for program in ["pass", "import headstart"]
    ]
    alone, imported = statistics.median(imports[::2]), statistics.median(imports[1::2])
    print(f"import headstart: {1000 * (imported - alone):.0f} ms, beside Python's own {1000 * alone:.0f} ms")
    with tempfile.TemporaryDirectory() as work:
        for index, pixels in enumerate(array):
            Image.fromarray(pixels).save(f"{work}/{index:05}.ppm")
        for name, given in [("as pixels", work), ("as JPEG", folder)]:
            command = ["headstart", "predict", model_file, given, "--no-cache", "--json"]
            model = headstart.load(model_file)
            x = array if given == work else [str(file) for file in files]
            model.predict(x[:8], cache=None)
            by_command, by_package = [], []
            for _ in range(rounds):
                by_command.append(seconds(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True)))
                by_package.append(seconds(lambda: model.predict(x, cache=None)))
            empty = subprocess.run(["headstart", "--version"], stdout=subprocess.DEVNULL, check=True)
            assert empty.returncode == 0
            first, second = statistics.median(by_command), statistics.median(by_package)
            print(
                f"{name}: command {len(files) / first:.1f} pictures/s, predict {len(files) / second:.1f}, "
                f"{first / second:.3f} of the command's speed"
            )


main()
