"""Makes the fixture of probable label errors (crates/headstart/src/audit/labels.rs).

    python tools/reference/confident_learning.py

Needs cleanlab and numpy; made with cleanlab 2.9, numpy 2.4. Writes fixtures/confident_learning.json: for several sets
of probabilities and labels, the indices returned by cleanlab's `find_label_issues` with
`filter_by="confident_learning"`, ascending, and its normalized margins.
"""

import json
from pathlib import Path

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_normalized_margin_for_each_label

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
rng = np.random.default_rng(5)


def case(n, classes, noise, sharpness):
    """Labels, some of them wrong, and probabilities of a classifier that is right more often."""
    truth = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    labels = np.where(rng.random(n) < noise, rng.integers(0, classes, n), truth)
    labels[:classes] = np.arange(classes)
    logits = rng.normal(size=(n, classes))
    logits[np.arange(n), truth] += sharpness
    p = np.exp(1.5 * logits)
    p = np.round(p / p.sum(1, keepdims=True), 4).astype(np.float32)
    issues = find_label_issues(labels, p.astype(np.float64), filter_by="confident_learning", n_jobs=1)
    margins = get_normalized_margin_for_each_label(labels, p.astype(np.float64))
    return {
        "classes": classes,
        "labels": labels.tolist(),
        "probabilities": [float(str(v)) for v in p.ravel()],
        "issues": np.flatnonzero(issues).tolist(),
        "margins": [round(float(m), 6) for m in margins],
    }


cases = [case(60, 2, 0.2, 1.5), case(80, 3, 0.15, 2.0), case(120, 7, 0.2, 1.0), case(40, 12, 0.1, 3.0)]
lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
(FIXTURES / "confident_learning.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
print([len(c["issues"]) for c in cases])
