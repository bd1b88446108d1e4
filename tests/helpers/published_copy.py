"""A changed value in a copy of results/, for the tests of what is computed from them."""

import json


def change(root, notebook, path, value):
    """Set the value at `path`, keys with slashes between, of results/<notebook>.json under `root`; None deletes it."""
    file = root / "results" / f"{notebook}.json"
    document = json.loads(file.read_text())
    *parents, last = path.split("/")
    node = document
    for key in parents:
        node = node[key]
    found = node.pop(last)
    if value is not None:
        assert found != value
        node[last] = value
    file.write_text(json.dumps(document))
