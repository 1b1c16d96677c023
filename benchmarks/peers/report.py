"""The tables in Markdown."""

import importlib.metadata
import re
import statistics
import textwrap

from runners import HERE

PACKAGES = {
    "OpenVINO": "openvino", "ONNX Runtime": "onnxruntime", "TensorFlow": "tensorflow-cpu",
    "Keras": "keras", "PyTorch": "torch",
}
EXPLANATION = [
    "`benchmarks/peers/run.sh`, {rounds} round{s} of {seconds} s: ms a picture, the median over "
    "the rounds of the median within each. {versions}. headstart starts from bytes, which it "
    "normalises; the peers start from numbers that are ready.",
    "A dash is what a peer does not offer here, or failed at. Speeds against OpenVINO are taken "
    "within each round: the median, and from the lowest to the highest.",
]


def installed(packages):
    """{name: version} of Python packages; `packages` maps names to package names in the
    registry."""
    return {name: importlib.metadata.version(package) for name, package in packages.items()}


def versions():
    """The peers and their versions, as text."""
    found = installed(PACKAGES)
    manifest = (HERE / "rust" / "Cargo.toml").read_text()
    found |= re.findall(r'^(rten|tract)(?:-onnx)? = "=(.*)"$', manifest, re.MULTILINE)
    return ", ".join(f"{name} {version}" for name, version in found.items())


def time(rounds):
    times = [each.ms for each in rounds if each]
    return f"{statistics.median(times):.2f}" if times else "-"


def share(rounds):
    shares = [each.share for each in rounds if each]
    return f"{100 * statistics.median(shares):.0f} %" if shares else "-"


def ratio(rounds, others):
    """How many times as fast `rounds` are as `others`, by round."""
    ratios = [other.ms / each.ms for each, other in zip(rounds, others) if each and other]
    if not ratios:
        return "-"
    middle = f"{statistics.median(ratios):.2f}"
    return middle + (f" ({min(ratios):.2f} to {max(ratios):.2f})" if len(ratios) > 1 else "")


def row(title, cells):
    return f"| {' | '.join([title, *cells])} |"


def lines(table, measured):
    """The lines of a table, or none if nothing in it was measured."""
    cases = list(table.columns.values())
    rows = [name for name in table.rows if any((case, name) in measured for case in cases)]

    def cells(show, *names):
        return [show(*(measured.get((case, name), []) for name in names)) for case in cases]

    if not rows:
        return
    yield f"| | {' | '.join(table.columns)} |"
    yield "|---|" + "---|" * len(cases)
    for name in rows:
        yield row(name, cells(time, name))
    for on in ["", " on avx2"]:
        if {f"headstart{on}", f"OpenVINO{on}"} <= set(rows):
            title = f"headstart's speed against OpenVINO's{on}"
            yield row(title, cells(ratio, f"headstart{on}", f"OpenVINO{on}"))
    if all(case.precision == "f32" for case in cases):
        for name in rows:
            if name.startswith("headstart"):
                yield row(f"{name}: share of the FMA peak", cells(share, name))


def lines_by_case(table, measured):
    """The lines of a table with a row for each case, or none if nothing in it was measured."""
    cases = {
        title: case for title, case in table.columns.items()
        if any((case, name) in measured for name in table.rows)
    }
    if not cases:
        return
    own, *others = table.rows
    columns = [*table.rows, *(f"against {name}" for name in others), "share of the FMA peak"]
    yield f"| | {' | '.join(columns)} |"
    yield "|---|" + "---|" * len(columns)
    for title, case in cases.items():
        rounds = {name: measured.get((case, name), []) for name in table.rows}
        cells = [time(rounds[name]) for name in table.rows]
        cells += [ratio(rounds[own], rounds[name]) for name in others]
        yield row(title, [*cells, share(rounds[own])])


def report(tables, measured, title, rounds, seconds):
    """All tables, from the measurements of `compare.compare`."""
    words = {"rounds": rounds, "s": "s" * (rounds > 1), "seconds": seconds, "versions": versions()}
    parts = [f"# {title}\n"]
    for paragraph in EXPLANATION:
        parts.append(textwrap.fill(paragraph.format(**words), 100, break_on_hyphens=False) + "\n")
    for table in tables:
        body = list((lines_by_case if table.by_case else lines)(table, measured))
        if body:
            parts.append(f"## {table.title}\n\n" + "\n".join(body) + "\n")
    return "\n".join(parts)
