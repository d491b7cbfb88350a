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


def serve(version, ops):
    """ops: by operation, then by the way to it, a function of (operands, parameters) that gives what is timed."""
    print(json.dumps({"version": version, "ops": list(ops)}), flush=True)
    runs, results = {}, {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "prepare":
                runs, results = {}, {}
                given = {name: np.fromfile(path, np.float32).reshape(m, n)
                         for name, (path, m, n) in request["files"].items()}
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
