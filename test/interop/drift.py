"""Drift metrics by SciPy and NumPy. Reads {"cases": [{"target": [...], "reference": [...]}]}, prints it with "expected" per case and the versions.

numbers (null and "NaN" allowed) and texts; python drift.py < cases.json > drift-golden.json
"""

import json
import math
import sys

import numpy
import scipy
from scipy.special import rel_entr
from scipy.stats import ks_2samp, wasserstein_distance

FLOOR = 1e-6


def numbers_of(values):
    return numpy.array([value for value in values if isinstance(value, (int, float))], dtype=float)


def number_fractions(values, edges):
    numbers = numbers_of(values)
    counts = [0] * (len(edges) + 1)
    for place in numpy.searchsorted(edges, numbers, side="right"):
        counts[place] += 1
    counts.append(sum(1 for value in values if value == "NaN"))
    counts.append(sum(1 for value in values if value is None))
    return numpy.array(counts) / len(values)


def category_fractions(values, top):
    counts = [sum(1 for value in values if value == category) for category in top]
    nulls = sum(1 for value in values if value is None)
    counts += [len(values) - nulls - sum(counts), nulls]
    return numpy.array(counts) / len(values)


def metrics(p, q):
    p, q = numpy.maximum(p, FLOOR), numpy.maximum(q, FLOOR)
    middle = (p + q) / 2
    return {
        "PSI": float((rel_entr(p, q) + rel_entr(q, p)).sum()),
        "KL": float(rel_entr(p, q).sum()),
        "JS": float((rel_entr(p, middle) + rel_entr(q, middle)).sum() / 2),
        "HELLINGER": float(math.sqrt(((numpy.sqrt(p) - numpy.sqrt(q)) ** 2).sum() / 2)),
    }


def numeric(target, reference):
    t, r = numbers_of(target), numbers_of(reference)
    edges = sorted(set(numpy.quantile(r, [i / 10 for i in range(1, 10)], method="inverted_cdf").tolist()))
    found = metrics(number_fractions(target, edges), number_fractions(reference, edges))
    return {**found, "WASSERSTEIN": float(wasserstein_distance(t, r)), "KS": float(ks_2samp(t, r).statistic)}


def categorical(target, reference):
    present = [value for value in reference if value is not None]
    top = sorted(set(present), key=lambda category: (-present.count(category), category))[:20]
    return {**metrics(category_fractions(target, top), category_fractions(reference, top)), "WASSERSTEIN": None, "KS": None}


def main():
    document = json.load(sys.stdin)
    for case in document["cases"]:
        is_text = any(isinstance(value, str) and value != "NaN" for value in case["reference"])
        case["expected"] = (categorical if is_text else numeric)(case["target"], case["reference"])
    document["versions"] = {"scipy": scipy.__version__, "numpy": numpy.__version__}
    json.dump(document, sys.stdout, indent=1)
    sys.stdout.write("\n")


main()
