"""How a peer in Python is asked: one request a line on stdin, one reply a line on stdout, as worker.ts answers."""
import json
import os
import sys
import time

import numpy as np

# What every peer's approximate methods are asked for.
TOL = 1e-5


def store(results, folder):
    os.makedirs(folder, exist_ok=True)
    files = {}
    for name, array in results.items():
        array = np.atleast_2d(np.asarray(array, np.float32))
        path = os.path.join(folder, f"{name}.f32")
        np.ascontiguousarray(array).tofile(path)
        files[name] = [path, *array.shape]
    return files


loaded = {}


def load(path, m, n):
    """The matrix in a file; one that is asked for again is read once."""
    stat = os.stat(path)
    key = stat.st_mtime_ns, stat.st_size, m, n
    if loaded.get(path, (None,))[0] != key:
        loaded[path] = key, np.fromfile(path, np.float32).reshape(m, n)
    return loaded[path][1]


def placed(a, p):
    """The matrix, or the left part of one with p's lda columns."""
    if not p.get("lda"):
        return a
    wide = np.zeros((a.shape[0], p["lda"]), np.float32)
    wide[:, : a.shape[1]] = a
    return wide[:, : a.shape[1]]


def serve(version, ops):
    """ops: by operation, then by the way to it, a function of (operands, parameters) that gives what is timed."""
    print(json.dumps({"version": version, "ops": list(ops)}), flush=True)
    runs, results = {}, {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "prepare":
                runs, results = {}, {}
                given = {name: load(*file) for name, file in request["files"].items()}
                runs = {v: make(given, request["params"]) for v, make in ops.get(request["op"], {}).items()}
                reply = {"variants": list(runs)}
            elif request["do"] == "run":
                run, inner = runs[request["variant"]], request["inner"]
                start = time.perf_counter()
                for _ in range(inner):
                    result = run()
                reply = {"ms": (time.perf_counter() - start) * 1e3 / inner}
                results[request["variant"]] = result
            else:
                reply = {"files": store(results[request["variant"]], request["folder"])}
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        print(json.dumps(reply), flush=True)
