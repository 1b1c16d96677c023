"""A server at full load for minutes, with broken pictures, aborted connections and model replacements.

`soak.py --headstart BIN --load BIN [--minutes N] PHOTOGRAPHS`: 16 connections, 1 % broken pictures, 1 % aborted
requests, and a new model file every minute. Prints memory and descriptors over time; fails if a good request failed,
or if descriptors were leaked.
"""

import argparse
import os
import pathlib
import sys
import tempfile
import threading
import time
import urllib.request

from compare import Server, load, make_pictures, memory, train


def swap(model, others, times, over):
    """Replaces the model file atomically by another, once a minute."""
    number = 0
    while not over.wait(60):
        number += 1
        fresh = model.with_suffix(".new")
        fresh.write_bytes(others[number % 2])
        os.replace(fresh, model)
        times.append(time.monotonic())


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("photographs", type=pathlib.Path)
    parser.add_argument("--headstart", type=pathlib.Path, required=True)
    parser.add_argument("--load", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        pictures = make_pictures(arguments.photographs, folder / "jpeg")
        first = train(arguments.headstart, folder, "first.safetensors")
        second = train(arguments.headstart, folder, "second.safetensors", slice(20, 40))
        others = [first.read_bytes(), second.read_bytes()]
        model = folder / "model.safetensors"
        model.write_bytes(others[0])
        over, swaps, samples = threading.Event(), [], []
        server = Server("headstart", [arguments.headstart, "serve", model, "--listen", "127.0.0.1:PORT"])
        with server.running() as (port, pid):
            before = descriptors(pid)
            swapping = threading.Thread(target=swap, args=(model, others, swaps, over))
            swapping.start()

            def sample():
                while not over.wait(10):
                    samples.append((memory(pid), descriptors(pid)))
                    print(f"{10 * len(samples)} s: {samples[-1][0]:.1f} MiB, {samples[-1][1]} descriptors", flush=True)

            sampling = threading.Thread(target=sample)
            sampling.start()
            result = load(arguments.load.resolve(), port, 16, 60 * arguments.minutes, pictures, 0.01, 0.01)
            over.set()
            swapping.join()
            sampling.join()
            time.sleep(1)
            after = descriptors(pid)
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
                metrics = response.read().decode()
        print(result)
        print(f"{len(swaps)} swaps; descriptors {before} before, {after} after; "
              f"MiB {samples[0][0]:.1f} at first, {samples[-1][0]:.1f} at last, {max(mib for mib, _ in samples):.1f} at most")
        print("\n".join(line for line in metrics.splitlines() if "errors_total" in line or "loads_total" in line))
        if result["failed"] or after > before:
            sys.exit("a good request failed, or descriptors are left")


if __name__ == "__main__":
    main()
