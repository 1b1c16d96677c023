"""The name of the machine."""

import os
import pathlib
import platform
import re

INSTRUCTIONS = ["avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"]


def cpuinfo(key):
    """The first entry with this key in Linux's /proc/cpuinfo, or ''."""
    path = pathlib.Path("/proc/cpuinfo")
    text = path.read_text() if path.exists() else ""
    found = re.search(rf"^{key}\s*:\s*(.*)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def processor():
    """The processor's model without trademark signs, such as `Intel Xeon Processor`."""
    name = cpuinfo("model name") or platform.processor() or platform.machine()
    return " ".join(re.sub(r"\((R|TM)\)", "", name).split())


def title():
    """Processor, cores and, on Linux, the relevant instruction sets."""
    flags = cpuinfo("flags").split()
    has = " ".join(name for name in INSTRUCTIONS if name in flags)
    return f"{processor()}, {os.cpu_count()} cores" + (f" ({has})" if has else "")


def slug():
    """The processor's name as a part of a file name."""
    return re.sub(r"[^a-z0-9]+", "-", processor().lower()).strip("-")
