"""PyTorch on the processor; argument 1 is the number of threads; started by bench/contenders.ts."""
import sys

import torch

from serve import placed, serve

L = torch.linalg


def on(compute, by_columns=True):
    """On tensors, by columns as LAPACK needs them."""
    def make(x, p):
        tensors = {name: torch.from_numpy(a) for name, a in x.items()}
        if by_columns:
            tensors = {name: t.T.contiguous().T for name, t in tensors.items()}
        return lambda: compute(tensors, p)
    return make


def gemm(x, p):
    a, b = placed(x["a"], p), x["b"]
    a, b = (torch.from_numpy(t.T if p.get(turned) else t) for t, turned in ((a, "transA"), (b, "transB")))
    c = torch.empty((p["m"], p["n"]))
    return lambda: {"c": torch.matmul(a, b, out=c)}


def svd(t, p):
    u, s, vt = L.svd(t["a"], full_matrices=False)
    return {"u": u, "s": s, "vt": vt}


def lowrank(t, p):
    torch.manual_seed(0)
    u, s, v = torch.svd_lowrank(t["a"], q=p["k"] + 10, niter=20)
    k = p["k"]
    return {"u": u[:, :k], "s": s[:k], "vt": v[:, :k].T}


def pca(t, p):
    torch.manual_seed(0)
    u, s, v = torch.pca_lowrank(t["a"], q=p["k"] + 10, niter=4)
    k = p["k"]
    return {"scores": u[:, :k] * s[:k], "components": v[:, :k].T, "s": s[:k]}


torch.set_num_threads(int(sys.argv[1]))
serve(f"PyTorch {torch.__version__}", {
    "gemm": {"matmul": gemm},
    "trsm": {"solve_triangular": on(lambda t, p: {"x": L.solve_triangular(t["a"].tril(), t["b"], upper=False)})},
    "qr": {"qr": on(lambda t, p: dict(zip("qr", L.qr(t["a"]))))},
    "cholesky": {"cholesky": on(lambda t, p: {"l": L.cholesky(t["a"])})},
    "svd": {"svd": on(svd)},
    "eigh": {"eigh": on(lambda t, p: dict(zip(("values", "vectors"), L.eigh(t["a"]))))},
    "solve": {"solve": on(lambda t, p: {"x": L.solve(t["a"], t["b"])})},
    "lstsq": {"gels": on(lambda t, p: {"x": L.lstsq(t["a"], t["b"], driver="gels")[0]})},
    "svdk": {"svd_lowrank": on(lowrank, by_columns=False)},
    "pca": {"pca_lowrank": on(pca, by_columns=False)},
})
