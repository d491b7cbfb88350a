"""NumPy and SciPy on OpenBLAS, one request a line on stdin, one reply a line on stdout; started by bench/peer.ts."""
import json
import sys
import time

import numpy as np
from scipy.linalg import get_lapack_funcs, svd


def gemm(a, b, trans):
    return {"c": (a.T if trans else a) @ b}


def qr(a):
    """sgeqrf and sorgqr themselves, since numpy.linalg.qr computes in float64."""
    geqrf, orgqr = get_lapack_funcs(("geqrf", "orgqr"), (a,))
    factored, tau, _, _ = geqrf(a, lwork=-1 if a.size == 0 else 64 * a.shape[1])
    r = np.triu(factored[: a.shape[1]])
    q, _, _ = orgqr(factored, tau, lwork=64 * a.shape[1])
    return {"q": q, "r": r}


def topk(a, k):
    u, s, vt = svd(a, full_matrices=False, check_finite=False, lapack_driver="gesdd")
    return {"u": u[:, :k], "s": s[:k], "vt": vt[:k]}


def measure(q, given, result):
    """Residual and orthogonality in float64, as the bench measures its own results."""
    a = given["a"].astype(np.float64)
    wide = {name: x.astype(np.float64) for name, x in result.items()}
    if q["op"] == "gemm":
        b = given["b"].astype(np.float64)
        t = np.array([1.0 if (i * i + 3 * i) % 7 < 3 else -1.0 for i in range(q["n"])])
        a = a.T if q["trans"] else a
        scale = np.abs(a) @ (np.abs(b) @ np.abs(t))
        return float(np.max(np.abs(wide["c"] @ t - a @ (b @ t)) / scale)), None
    if q["op"] == "qr":
        residual = np.linalg.norm(a - wide["q"] @ wide["r"]) / np.linalg.norm(a)
        return float(residual), float(np.linalg.norm(wide["q"].T @ wide["q"] - np.eye(a.shape[1])))
    left = np.linalg.norm(a @ wide["vt"].T - wide["u"] * wide["s"], axis=0)
    right = np.linalg.norm(a.T @ wide["u"] - wide["vt"].T * wide["s"], axis=0)
    eye = np.eye(q["k"])
    orth = max(np.linalg.norm(wide["u"].T @ wide["u"] - eye), np.linalg.norm(wide["vt"] @ wide["vt"].T - eye))
    return float(max(left.max(), right.max()) / wide["s"][0]), float(orth)


def kernel():
    try:
        from threadpoolctl import threadpool_info
        return ", ".join(f"{p['internal_api']} {p['version']} {p.get('architecture', '')}" for p in threadpool_info())
    except ImportError:
        return "unknown"


def main():
    print(json.dumps({"version": f"numpy {np.__version__}", "kernel": kernel()}), flush=True)
    given, q, result = {}, {}, {}
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "prepare":
            q, given, result = request, {}, {}
            for name, (path, m, n) in request["files"].items():
                order = "C" if request["op"] == "gemm" else "F"
                given[name] = np.asarray(np.fromfile(path, np.float32).reshape(m, n), order=order)
            reply = {}
        elif request["do"] == "run":
            start = time.perf_counter()
            for _ in range(request["inner"]):
                if q["op"] == "gemm":
                    result = gemm(given["a"], given["b"], q["trans"])
                else:
                    result = qr(given["a"]) if q["op"] == "qr" else topk(given["a"], q["k"])
            reply = {"ms": (time.perf_counter() - start) * 1e3 / request["inner"]}
        else:
            resid, orth = measure(q, given, result)
            reply = {"resid": resid, "orth": orth}
        print(json.dumps(reply), flush=True)


main()
