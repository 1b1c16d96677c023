"""Makes the archive fixtures of crates/data: small tar and zip archives of the pictures there, in every header format
that Python's tarfile and zipfile and GNU tar write.

    python tools/reference/archives.py crates/data/tests/fixtures

Needs GNU tar for sparse files; made with Python 3.11 and GNU tar 1.34. `archives.tsv` lists archive, name
(hexadecimal) and CRC-32 of every regular file, as Python reads them back.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

root = Path(sys.argv[1])
out = root / "archives"
out.mkdir(exist_ok=True)
PICTURES = [(root / "decode" / name).read_bytes() for name in ["jpeg_rgb.jpg", "png_rgb.png", "gif_one.gif"]]
DATE = (2026, 1, 1, 0, 0, 0)
LONG = "cat/" + "a folder with quite a long name/" * 3 + "one.jpg"
LONGER = "cat/" + "a folder with quite a long name/" * 9 + "one.jpg"
FILES = [("cat/one.jpg", 0), ("cat/deep/two.png", 1), ("dog/three.gif", 2)]


def tar(name, files, format, extra=()):
    with tarfile.open(out / name, "w", format=format) as archive:
        for path, content in files:
            info = tarfile.TarInfo(path)
            content = PICTURES[content] if isinstance(content, int) else content
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in extra:
            archive.addfile(info)


def link(path, to, kind):
    info = tarfile.TarInfo(path)
    info.type, info.linkname = kind, to
    return info


folder = tarfile.TarInfo("dog")
folder.type = tarfile.DIRTYPE
tar("ustar.tar", [*FILES, (LONG, 0)], tarfile.USTAR_FORMAT, [folder])
tar("gnu.tar", [*FILES, (LONGER, 0)], tarfile.GNU_FORMAT)
tar("pax.tar", [*FILES, (LONGER, 0), ("кот/один.jpg", 0)], tarfile.PAX_FORMAT)
tar("links.tar", FILES, tarfile.GNU_FORMAT, [
    link("dog/symbolic.jpg", "three.gif", tarfile.SYMTYPE),
    link("dog/hard.jpg", "dog/three.gif", tarfile.LNKTYPE),
    link("dog/fifo.jpg", "", tarfile.FIFOTYPE),
])
shard = [("0001.cls", b"7\n"), ("0001.jpg", 0), ("0001.json", b"{}"),
         ("0002.cls", b"tabby cat"), ("0002.png", 1), ("0002.seg.png", 1), ("0002.txt", b"a cat"),
         ("sub/0003.gif", 2)]
tar("webdataset.tar", shard, tarfile.GNU_FORMAT)

with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "cat").mkdir()
    (Path(folder) / "cat/whole.jpg").write_bytes(PICTURES[0])
    with open(Path(folder) / "cat/sparse.jpg", "wb") as file:
        file.truncate(1 << 20)
        file.seek(1 << 20)
        file.write(PICTURES[0])
    for name, options in [("sparse_gnu.tar", ["--format=gnu"]), ("sparse_pax.tar", ["--format=pax"])]:
        command = ["tar", "--sparse", *options, "--mtime=2026-01-01", "--sort=name", "--owner=0", "--group=0"]
        subprocess.run([*command, "-cf", (out / name).absolute(), "-C", folder, "cat"], check=True)


def packed(name, files, method, system=3, comment=b"", force_zip64=False, kind=zipfile.ZipInfo):
    with zipfile.ZipFile(out / name, "w") as archive:
        archive.comment = comment
        for path, content in files:
            info = kind(path, DATE)
            info.create_system, info.compress_type = system, method
            with archive.open(info, "w", force_zip64=force_zip64) as file:
                file.write(PICTURES[content])


class CodePage437(zipfile.ZipInfo):
    def _encodeFilenameFlags(self):
        return self.filename.encode("cp437"), 0


packed("stored.zip", [*FILES, ("кот/один.jpg", 0)], zipfile.ZIP_STORED)
packed("deflated.zip", FILES, zipfile.ZIP_DEFLATED, comment=b"a comment")
packed("bzip2.zip", FILES[:1], zipfile.ZIP_BZIP2)
packed("cp437.zip", [("Käse/größe.jpg", 0)], zipfile.ZIP_STORED, kind=CodePage437)
packed("windows.zip", [("cat\\one.jpg", 0), ("dog\\two.png", 1)], zipfile.ZIP_DEFLATED, system=0)
zipfile.ZIP_FILECOUNT_LIMIT, zipfile.ZIP64_LIMIT = 1, 100
packed("zip64.zip", FILES, zipfile.ZIP_STORED, force_zip64=True)

rows = []
for path in sorted(out.iterdir()):
    if path.suffix == ".tar":
        with tarfile.open(path) as archive:
            for member in archive.getmembers():
                if member.isreg() and not member.issparse():
                    content = archive.extractfile(member).read()
                    rows.append((path.name, member.name, zlib.crc32(content)))
    else:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                # Python's own reader keeps the backslashes written by old Windows programs.
                name = member.filename.replace("\\", "/") if member.create_system == 0 else member.filename
                rows.append((path.name, name, zlib.crc32(archive.read(member))))
with open(root / "archives.tsv", "w") as table:
    for archive, name, crc in rows:
        table.write(f"{archive}\t{name.encode().hex()}\t{crc}\n")
