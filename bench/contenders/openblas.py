"""NumPy and SciPy on OpenBLAS, and scikit-learn where it is; started by bench/contenders.ts."""
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

from serve import TOL, placed, serve

raw = {"check_finite": False}


def gemm(g, p):
    a, b = placed(g["a"], p), g["b"]
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


serve(f"numpy {np.__version__}, scipy {scipy.__version__} ({kernel()})", OPS)
