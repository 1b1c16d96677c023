"""The studio's speed: from the first drop to the first live answer, after a later change, and for live frames.

    python benchmarks/studio/measure.py HEADSTART FOLDER_OF_PHOTOGRAPHS [--many 10000]

The photographs become three classes of 300 pictures: crops at random positions and sizes, half of them mirrored, at
640 x 480 pixels. Classes are the first letters of the photographs' names, which distinguish the photographs to some
degree. Needs Pillow and psutil.
"""

import argparse, http.client, io, json, random, re, statistics, subprocess, sys, tempfile, threading, time
from pathlib import Path

import psutil
from PIL import Image


class Studio:
    def __init__(self, program, folder, cache):
        self.process = subprocess.Popen(
            [program, "studio", str(folder), "--no-open", "--json", "--cache-dir", str(cache)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        url = json.loads(self.process.stdout.readline())["url"]
        self.host, self.token = re.match(r"http://(.*)/\?token=(.*)", url).groups()
        port = self.host.split(":")[1]
        self.headers = {"Cookie": f"headstart_{port}={self.token}", "Origin": f"http://{self.host}"}

    def connect(self):
        return http.client.HTTPConnection(self.host, timeout=600)

    def ask(self, method, path, body=None, media_type="application/octet-stream", connection=None):
        connection = connection or self.connect()
        connection.request(method, path, body, {**self.headers, "Content-Type": media_type})
        response = connection.getresponse()
        return response.status, response.read()

    def get(self, path):
        return json.loads(self.ask("GET", path)[1])

    def upload(self, name, pictures):
        parts = [b'--limit\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n\r\n%s\r\n'
                 % (file.encode(), data) for file, data in pictures]
        status, body = self.ask("POST", f"/api/upload?class={name}&batch=1", b"".join(parts) + b"--limit--\r\n",
                                "multipart/form-data; boundary=limit")
        assert status == 200, body

    def seconds(self):
        """Processor seconds so far. On two otherwise idle cores, the elapsed time is half of it."""
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    def memory(self):
        return psutil.Process(self.process.pid).memory_full_info().uss / 2**20

    def stop(self):
        self.process.terminate()
        self.process.wait()


def crop(photographs, rng):
    picture = rng.choice(photographs)
    share = rng.uniform(0.6, 1.0)
    width, height = int(picture.width * share), int(picture.height * share)
    x, y = rng.randint(0, picture.width - width), rng.randint(0, picture.height - height)
    picture = picture.crop((x, y, x + width, y + height)).resize((640, 480), Image.BICUBIC)
    if rng.random() < 0.5:
        picture = picture.transpose(Image.FLIP_LEFT_RIGHT)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return file.getvalue()


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("photographs", type=Path)
    parser.add_argument("--many", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(0)
    classes = {"DE": [], "NO": [], "PQR": []}
    for path in sorted(given.photographs.iterdir()):
        for name in classes:
            if path.name[0] in name:
                classes[name].append(Image.open(path).convert("RGB"))
    made = {name: [(f"{i}.jpg", crop(photographs, rng)) for i in range(300)] for name, photographs in classes.items()}
    frames = [crop(photographs, rng) for photographs in classes.values() for _ in range(100)]
    small = []
    for frame in frames:
        file = io.BytesIO()
        Image.open(io.BytesIO(frame)).crop((80, 0, 560, 480)).resize((160, 160)).save(file, "JPEG", quality=85)
        small.append(file.getvalue())

    with tempfile.TemporaryDirectory() as temp:
        studio = Studio(given.program, Path(temp) / "project", Path(temp) / "cache")
        time.sleep(1)
        begun, spent = time.perf_counter(), studio.seconds()
        answered = {}

        def look():
            connection = studio.connect()
            while "all" not in answered:
                status, body = studio.ask("POST", "/api/live", small[0], connection=connection)
                if status == 200:
                    scores = len(json.loads(body)["scores"])
                    answered.setdefault("first", time.perf_counter() - begun)
                    if scores == 3 and (studio.get("/api/learned") or {}).get("pictures") == 900:
                        answered["all"] = time.perf_counter() - begun
                time.sleep(0.03)

        thread = threading.Thread(target=look)
        thread.start()
        for name, pictures in made.items():
            for start in range(0, 300, 50):
                studio.upload(name, pictures[start:start + 50])
        uploaded = time.perf_counter() - begun
        thread.join()
        learned, spent = studio.get("/api/learned"), studio.seconds() - spent
        print(f"uploaded after {uploaded:.2f} s; first live answer after {answered['first']:.2f} s, "
              f"of all 900 pictures after {answered['all']:.2f} s (fit {learned['seconds']:.2f} s, "
              f"processor {spent:.1f} s); "
              f"accuracy {learned['accuracy']:.3f}")

        time.sleep(10)
        times, fits = [], []
        for i in range(5):
            before = studio.get("/api/learned")["pictures"]
            begun = time.perf_counter()
            studio.upload("DE", [(f"later-{i}.jpg", crop(classes["DE"], rng))])
            while studio.get("/api/learned")["pictures"] != before + 1:
                time.sleep(0.01)
            times.append(time.perf_counter() - begun)
            fits.append(studio.get("/api/learned")["seconds"])
            time.sleep(8)
        print(f"after a change: median {statistics.median(times):.2f} s, longest {max(times):.2f} s "
              f"(fit {statistics.median(fits):.2f} s)")

        for explain in ("", "?explain=1"):
            connection, times = studio.connect(), []
            for frame in small:
                begun = time.perf_counter()
                status, _ = studio.ask("POST", f"/api/live{explain}", frame, connection=connection)
                times.append(1e3 * (time.perf_counter() - begun))
                time.sleep(max(0.0, 0.033 - times[-1] / 1e3))
            print(f"live frames{' with heatmaps' if explain else ''}: median {statistics.median(times):.1f} ms, "
                  f"95 % within {percentile(times, 0.95):.1f} ms, longest {max(times):.1f} ms")
        print(f"memory {studio.memory():.0f} MB")
        studio.stop()

        if given.many:
            project = Path(temp) / "many"
            for name, photographs in classes.items():
                (project / name).mkdir(parents=True)
                for i in range(given.many // 3):
                    (project / name / f"{i}.jpg").write_bytes(crop(photographs, rng))
            begun = time.perf_counter()
            studio = Studio(given.program, project, Path(temp) / "cache")
            print(f"{given.many} pictures: shown after {time.perf_counter() - begun:.2f} s")
            most = 0
            while (studio.get("/api/learned") or {}).get("pictures") != 3 * (given.many // 3):
                most = max(most, studio.memory())
                time.sleep(0.2)
            print(f"all learned from after {time.perf_counter() - begun:.1f} s, "
                  f"fit {studio.get('/api/learned')['seconds']:.2f} s")
            for _ in range(150):
                most = max(most, studio.memory())
                time.sleep(0.2)
            print(f"memory {studio.memory():.0f} MB, at most {most:.0f} MB")
            times = []
            for i in range(3):
                begun = time.perf_counter()
                revision = studio.get("/api/project")["revision"]
                studio.upload("DE", [(f"later-{i}.jpg", crop(classes["DE"], rng))])
                uploaded = time.perf_counter() - begun
                while studio.get("/api/learned")["pictures"] != 3 * (given.many // 3) + i + 1:
                    time.sleep(0.02)
                times.append((uploaded, time.perf_counter() - begun))
                time.sleep(5)
            print("after a change (uploaded, learned):", [tuple(round(x, 2) for x in t) for t in times])
            studio.stop()


if __name__ == "__main__":
    main()
