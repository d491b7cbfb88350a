"""NumPy and SciPy on OpenBLAS, and scikit-learn where it is: one request a line on stdin, one reply a line on
stdout, as worker.ts answers; started by bench/contenders.ts."""
import json
import os
import sys
import time

import numpy as np
import scipy
from scipy import linalg
from scipy.linalg.blas import ssyrk, strsm
from scipy.linalg.lapack import sgels, sgeqrf, sorgqr
from scipy.sparse.linalg import svds

try:
    from sklearn.decomposition import PCA
    from sklearn.utils.extmath import randomized_svd
except ImportError:
    PCA = None

TOL = 1e-5
raw = {"check_finite": False}


def gemm(g, p):
    a, b = g["a"], g["b"]
    if p.get("lda"):
        a, inside = np.zeros((a.shape[0], p["lda"]), np.float32)[:, : a.shape[1]], a
        a[:] = inside
    a, b = a.T if p.get("transA") else a, b.T if p.get("transB") else b
    c = np.empty((p["m"], p["n"]), np.float32)
    return lambda: {"c": np.matmul(a, b, out=c)}


def fortran(f):
    """On operands by columns, as LAPACK has them."""
    def make(g, p):
        x = {name: np.asfortranarray(a) for name, a in g.items()}
        return lambda: f(x, p)
    return make


def qr(x, p):
    """sgeqrf and sorgqr themselves: numpy.linalg.qr computes in float64."""
    n = p["n"]
    factored, tau, _, _ = sgeqrf(x["a"], lwork=64 * n)
    r = np.triu(factored[:n])
    q, _, _ = sorgqr(factored, tau, lwork=64 * n, overwrite_a=True)
    return {"q": q, "r": r}


def svd(x, p):
    u, s, vt = linalg.svd(x["a"], full_matrices=False, lapack_driver="gesdd", **raw)
    return {"u": u, "s": s, "vt": vt}


def eigh(x, p):
    values, vectors = linalg.eigh(x["a"], driver="evd", **raw)
    return {"values": values, "vectors": vectors}


def gels(x, p):
    _, solution, _ = sgels(x["a"], x["b"], lwork=64 * (p["n"] + p["k"]))
    return {"x": solution[: p["n"]]}


def ordered(u, s, vt):
    order = np.argsort(-s)
    return {"u": u[:, order], "s": s[order], "vt": vt[order]}


def sparse(solver):
    return lambda g, p: lambda: ordered(*svds(g["a"], p["k"], tol=TOL, solver=solver, rng=0))


def randomized(g, p):
    return lambda: dict(zip(("u", "s", "vt"), randomized_svd(g["a"], p["k"], n_iter=20, random_state=0)))


def pca(solver):
    def make(g, p):
        def run():
            model = PCA(p["k"], svd_solver=solver, random_state=0)
            scores = model.fit_transform(g["a"])
            return {"scores": scores, "components": model.components_, "s": model.singular_values_}
        return run
    return make


OPS = {
    "gemm": {"matmul": gemm},
    "syrk": {"ssyrk": fortran(lambda x, p: {"c": ssyrk(1.0, x["a"], lower=1)})},
    "trsm": {"strsm": fortran(lambda x, p: {"x": strsm(1.0, x["a"], x["b"], lower=1)})},
    "qr": {"geqrf+orgqr": fortran(qr)},
    "cholesky": {"potrf": fortran(lambda x, p: {"l": linalg.cholesky(x["a"], lower=True, **raw)})},
    "svd": {"gesdd": fortran(svd)},
    "eigh": {"syevd": fortran(eigh)},
    "solve": {"gesv": fortran(lambda x, p: {"x": linalg.solve(x["a"], x["b"], assume_a="gen", **raw)})},
    "lstsq": {
        "gels": fortran(gels),
        "gelsy": fortran(lambda x, p: {"x": linalg.lstsq(x["a"], x["b"], lapack_driver="gelsy", **raw)[0]}),
    },
    "svdk": {"arpack": sparse("arpack"), "propack": sparse("propack")},
}
if PCA:
    OPS["svdk"]["randomized"] = randomized
    OPS["pca"] = {"randomized": pca("randomized"), "covariance": pca("covariance_eigh")}


def kernel():
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return "OpenBLAS"
    found = {f"{p['internal_api']} {p['version']} {p.get('architecture', '')}" for p in threadpool_info()}
    return ", ".join(sorted(f for f in found if f.startswith("openblas")))


def store(results, folder):
    os.makedirs(folder, exist_ok=True)
    files = {}
    for name, array in results.items():
        array = np.atleast_2d(np.asarray(array, np.float32))
        path = os.path.join(folder, f"{name}.f32")
        np.ascontiguousarray(array).tofile(path)
        files[name] = [path, *array.shape]
    return files


def main():
    version = f"numpy {np.__version__}, scipy {scipy.__version__} ({kernel()})"
    print(json.dumps({"version": version, "ops": list(OPS)}), flush=True)
    runs, results = {}, {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "prepare":
                runs, results = {}, {}
                given = {name: np.fromfile(path, np.float32).reshape(m, n)
                         for name, (path, m, n) in request["files"].items()}
                runs = {v: make(given, request["params"]) for v, make in OPS.get(request["op"], {}).items()}
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


main()
