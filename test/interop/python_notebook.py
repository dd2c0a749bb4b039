"""Runs the code cells of a notebook in order, in one namespace, and prints as JSON the variables named on the command line."""

import json
import sys

path, *names = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    cells = [cell for cell in json.load(file)["cells"] if cell["cell_type"] == "code"]
namespace = {}
for number, cell in enumerate(cells):
    source = "".join(cell["source"])
    try:
        exec(compile(source, f"{path}, code cell {number}", "exec"), namespace)
    except Exception:
        print(source, file=sys.stderr)
        raise
print(json.dumps({name: namespace[name] for name in names}, default=str))
