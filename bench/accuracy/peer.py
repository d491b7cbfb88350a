"""scipy.linalg in float32, and norms of expressions in float64: one request a line on stdin, one reply a line on
stdout; started by bench/accuracy/peer.ts."""
import hashlib
import json
import sys
import time
import warnings

import numpy as np
import scipy
from scipy import linalg

warnings.simplefilter("ignore")
np.seterr(all="ignore")


def qr(g):
    q, r = linalg.qr(g["a"], mode="economic", check_finite=False)
    return {"q": q, "r": r}


def svd(g):
    u, s, vt = linalg.svd(g["a"], full_matrices=False, check_finite=False)
    k = int(g["k"][0, 0]) if "k" in g else s.size
    return {"u": u[:, :k], "s": s[None, :k], "vt": vt[:k]}


def eigh(g):
    values, vectors = linalg.eigh(g["a"], lower=True, check_finite=False)
    return {"values": values[None], "vectors": vectors}


def lu(g):
    p, l, u = linalg.lu(g["a"], p_indices=True, check_finite=False)
    order = np.empty_like(p)
    order[p] = np.arange(p.size)
    return {"l": l, "u": u, "p": order[None].astype(np.float32)}


def pca(g):
    x = g["a"] - g["a"].mean(axis=0)
    _, s, vt = linalg.svd(x, full_matrices=False, check_finite=False)
    return {"variance": s[None] ** 2 / max(1, x.shape[0] - 1), "components": vt}


FUNCTIONS = {
    "matmul": lambda g: {"c": g["a"].T @ g["b"]},
    "qr": qr,
    "svd": svd,
    "svdvals": lambda g: {"s": linalg.svdvals(g["a"], check_finite=False)[None]},
    "eigh": eigh,
    "eigvalsh": lambda g: {"values": linalg.eigvalsh(g["a"], lower=True, check_finite=False)[None]},
    "cholesky": lambda g: {"l": linalg.cholesky(g["a"], lower=True, check_finite=False)},
    "lu": lu,
    "solve": lambda g: {"x": linalg.solve(g["a"], g["b"], assume_a="gen", check_finite=False)},
    "solve positive": lambda g: {"x": linalg.solve(g["a"], g["b"], assume_a="pos", lower=True, check_finite=False)},
    "trsm": lambda g: {"x": linalg.solve_triangular(g["a"], g["b"], lower=True, check_finite=False)},
    "lstsq": lambda g: {"x": linalg.lstsq(g["a"], g["b"], check_finite=False)[0]},
    "inv": lambda g: {"x": linalg.inv(g["a"], check_finite=False)},
    "pinv": lambda g: {"x": linalg.pinv(g["a"], check_finite=False)},
    "pca": pca,
    "expm": lambda g: {"x": linalg.expm(g["a"])},
}


def lower(x):
    return np.tril(x) + np.tril(x, -1).T


EXPRESSIONS = {
    "mul": lambda x, y: x @ y,
    "sub": lambda x, y: x - y,
    "over": lambda x, y: np.where(x == 0, 0, x / y),
    "by": lambda x, s: x[:, : s.shape[1]] * s[0],
    "rows": lambda x, p: x[p[0].astype(int)],
    "T": lambda x: x.T,
    "abs": np.abs,
    "eye": lambda x: np.eye(x.shape[1]),
    "lower": lower,
    "centre": lambda x: x - x.mean(axis=0),
    "expm": linalg.expm,
}


def evaluate(e, names):
    if isinstance(e, str):
        return names[e].astype(np.float64)
    return EXPRESSIONS[e[0]](*(evaluate(part, names) for part in e[1:]))


def norms(x):
    size, columns = np.abs(x), np.sqrt(np.einsum("ij,ij->j", x, x))
    return {
        "fro": float(np.linalg.norm(columns)),
        "max": float(size.max(initial=0)),
        "columns": columns.tolist(),
        "sums": size.sum(axis=0).tolist(),
    }


def two(x, steps=40):
    """As norm2 of the tests: power iteration, never more than the truth."""
    sigma, v = 0.0, 1 + (np.arange(x.shape[1]) * 7919 % 13) / 13
    for _ in range(steps):
        w = x @ (v / (np.linalg.norm(v) or 1))
        sigma, v = float(np.linalg.norm(w)), x.T @ w
    return sigma


FIGURES = {
    "norms": norms,
    "two": two,
    "singular": lambda x: np.linalg.svd(x, compute_uv=False).tolist(),
    "eigen": lambda x: np.linalg.eigvalsh(x).tolist(),
}


def read(files, order):
    return {name: np.asarray(np.fromfile(path, np.float32).reshape(m, n), order=order)
            for name, (path, m, n) in files.items()}


class Session:
    """The operands of an operation, and the results for them: this program's and those it is given."""

    def __init__(self):
        self.truths = {}

    def prepare(self, op, files):
        # LAPACK works by columns: with the operands so, no time goes into turning them round.
        self.op, self.given = op, read(files, "C" if op == "matmul" else "F")
        self.found = {"ours": {}, "theirs": {}}
        return {}

    def compute(self, inner=1):
        start = time.perf_counter()
        try:
            for _ in range(inner):
                result = FUNCTIONS[self.op](self.given)
        except (np.linalg.LinAlgError, ValueError) as error:
            return {"error": str(error)}
        ms = (time.perf_counter() - start) * 1e3 / inner
        other = {str(x.dtype) for x in result.values()} - {"float32"}
        if other:
            raise TypeError(f"{self.op} computed in {other}")
        self.found["theirs"] = result
        return {"ms": ms, "shapes": {name: x.shape for name, x in result.items()}}

    def give(self, files):
        self.found["ours"] = read(files, "C")
        return {}

    def fetch(self, name, path):
        np.ascontiguousarray(self.found["theirs"][name]).tofile(path)
        return {}

    def measure(self, whose, figure, e):
        if figure in ("singular", "eigen"):
            return {"value": self.truth(figure, e)}
        return {"value": FIGURES[figure](evaluate(e, self.given | self.found[whose]))}

    def truth(self, figure, e):
        """Values of an operand: they take long, and several operations ask for those of one matrix."""
        key = figure, json.dumps(e), hashlib.sha1(np.ascontiguousarray(self.given["a"])).digest()
        if key not in self.truths:
            self.truths[key] = FIGURES[figure](evaluate(e, self.given))
        return self.truths[key]


def finite(x):
    """JSON knows no NaN: null stands for what is not finite."""
    if isinstance(x, dict):
        return {name: finite(value) for name, value in x.items()}
    if isinstance(x, (list, tuple)):
        return [finite(value) for value in x]
    return None if isinstance(x, float) and not np.isfinite(x) else x


def main():
    print(json.dumps({"version": f"scipy {scipy.__version__}", "numpy": np.__version__}), flush=True)
    session = Session()
    for line in sys.stdin:
        request = json.loads(line)
        reply = getattr(session, request.pop("do"))(**request)
        print(json.dumps(finite(reply)), flush=True)


main()
