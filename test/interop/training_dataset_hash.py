"""Recomputes the content hash of a training dataset from what the service answers, with Python's standard library alone.

Usage: training_dataset_hash.py URL-OF-THE-DATASET
Prints one JSON object: the hash told, the hash of the lines as they came, and the hash of the lines written anew.
"""
import hashlib
import json
import sys
import urllib.request


def number(value):
    """As ECMAScript prints a double."""
    if value == int(value) and abs(value) < 1e21:
        return "-0.0" if str(value) == "-0.0" else str(int(value))
    digits, _, exponent = repr(value).partition("e")
    if exponent == "":
        return digits
    power = int(exponent)
    if -6 <= power < 0:
        sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
        return f"{sign}0.{'0' * (-power - 1)}{digits.replace('.', '')}"
    return f"{digits}e{'+' if power > 0 else '-'}{abs(power)}"


def text(value):
    if isinstance(value, dict):
        return "{" + ",".join(f"{text(key)}:{text(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(text(item) for item in value) + "]"
    if isinstance(value, float):
        return number(value)
    return json.dumps(value, ensure_ascii=False)


def get(url, accept):
    with urllib.request.urlopen(urllib.request.Request(url, headers={"accept": accept})) as answer:
        return answer.read()


def main(url):
    dataset = json.loads(get(url, "application/json"))
    as_sent, anew = hashlib.sha256(), hashlib.sha256()
    rows = 0
    for split in dataset["splits"]:
        heading = f"#{split['name']}\n".encode()
        lines = get(f"{url}/data?split={split['name']}", "application/x-ndjson")
        as_sent.update(heading + lines)
        anew.update(heading)
        for line in lines.splitlines():
            rows += 1
            anew.update((text(json.loads(line)) + "\n").encode())
    print(json.dumps({"rows": rows, "told": dataset["contentHash"], "asSent": f"sha256:{as_sent.hexdigest()}", "anew": f"sha256:{anew.hexdigest()}"}))


main(sys.argv[1])
