"""MKL by its CBLAS and LAPACKE: argument 1 is libmkl_rt, 2 the number of threads; started by bench/contenders.ts."""
import ctypes
import sys

import numpy as np

from serve import placed, serve

ROWS, COLUMNS, PLAIN, TURNED, LOWER, LEFT, NON_UNIT = 101, 102, 111, 112, 122, 141, 131

library = ctypes.CDLL(sys.argv[1])


def bind(name, *args):
    """The call with its arguments converted once, so that small cases time MKL and not ctypes; it gives its result."""
    kinds = {np.ndarray: lambda a: ctypes.c_void_p(a.ctypes.data), bytes: ctypes.c_char, float: ctypes.c_float}
    function, ready = getattr(library, name), [kinds.get(type(a), ctypes.c_int)(a) for a in args]
    if name.startswith("cblas"):
        function.restype = None

    def call(result, keep=args):
        info = function(*ready)
        if info:
            raise RuntimeError(f"{name}: info {info}")
        return result
    return call


def columns(*shape):
    return np.empty(shape, np.float32, order="F")


def restored(x, *names):
    """Work copies by columns, and what fills them anew: the routines overwrite them, and numpy's peers copy as well."""
    source = [np.asfortranarray(x[name]) for name in names]
    work = [a.copy(order="F") for a in source]

    def restore():
        for to, a in zip(work, source):
            np.copyto(to, a)
    return (*work, restore)


def after(restore, *calls):
    def run():
        restore()
        for call in calls:
            result = call()
        return result
    return run


def gemm(x, p):
    a, b = placed(x["a"], p), x["b"]
    m, n, k, c = p["m"], p["n"], p["k"], np.empty((p["m"], p["n"]), np.float32)
    turns = [TURNED if p.get(name) else PLAIN for name in ("transA", "transB")]
    call = bind("cblas_sgemm", ROWS, *turns, m, n, k, 1.0, a, p.get("lda") or a.shape[1], b, b.shape[1], 0.0, c, n)
    return lambda: call({"c": c})


def syrk(x, p):
    a, c = np.asfortranarray(x["a"]), np.zeros((p["m"], p["m"]), np.float32, order="F")
    call = bind("cblas_ssyrk", COLUMNS, LOWER, PLAIN, p["m"], p["k"], 1.0, a, p["m"], 0.0, c, p["m"])
    return lambda: call({"c": c})


def trsm(x, p):
    t = np.asfortranarray(x["a"])
    b, restore = restored(x, "b")
    m, n = p["m"], p["n"]
    call = bind("cblas_strsm", COLUMNS, LEFT, LOWER, PLAIN, NON_UNIT, m, n, 1.0, t, m, b, m)
    return after(restore, lambda: call({"x": b}))


def qr(x, p):
    a, restore = restored(x, "a")
    (m, n), tau, r = a.shape, np.empty(p["n"], np.float32), columns(p["n"], p["n"])
    geqrf = bind("LAPACKE_sgeqrf", COLUMNS, m, n, a, m, tau)
    orgqr = bind("LAPACKE_sorgqr", COLUMNS, m, n, n, a, m, tau)
    return after(restore, lambda: geqrf(None), lambda: np.copyto(r, np.triu(a[:n])), lambda: orgqr({"q": a, "r": r}))


def cholesky(x, p):
    a, restore = restored(x, "a")
    call = bind("LAPACKE_spotrf", COLUMNS, b"L", p["n"], a, p["n"])
    return after(restore, lambda: call({"l": a}))


def svd(x, p):
    a, restore = restored(x, "a")
    (m, n), s, u, vt = a.shape, np.empty(p["n"], np.float32), columns(*a.shape), columns(p["n"], p["n"])
    call = bind("LAPACKE_sgesdd", COLUMNS, b"S", m, n, a, m, s, u, m, vt, n)
    return after(restore, lambda: call({"u": u, "s": s, "vt": vt}))


def eigh(x, p):
    a, restore = restored(x, "a")
    values = np.empty(p["n"], np.float32)
    call = bind("LAPACKE_ssyevd", COLUMNS, b"V", b"L", p["n"], a, p["n"], values)
    return after(restore, lambda: call({"values": values, "vectors": a}))


def solve(x, p):
    a, b, restore = restored(x, "a", "b")
    n, pivots = p["n"], np.empty(p["n"], np.int32)
    call = bind("LAPACKE_sgesv", COLUMNS, n, p["k"], a, n, pivots, b, n)
    return after(restore, lambda: call({"x": b}))


def lstsq(x, p):
    a, b, restore = restored(x, "a", "b")
    (m, n), k = a.shape, p["k"]
    call = bind("LAPACKE_sgels", COLUMNS, b"N", m, n, k, a, m, b, m)
    return after(restore, lambda: call({"x": b[:n]}))


library.MKL_Set_Num_Threads(int(sys.argv[2]))
text = ctypes.create_string_buffer(200)
library.mkl_get_version_string(text, 200)
serve(text.value.decode().strip(), {
    "gemm": {"sgemm": gemm},
    "syrk": {"ssyrk": syrk},
    "trsm": {"strsm": trsm},
    "qr": {"geqrf+orgqr": qr},
    "cholesky": {"potrf": cholesky},
    "svd": {"gesdd": svd},
    "eigh": {"syevd": eigh},
    "solve": {"gesv": solve},
    "lstsq": {"gels": lstsq},
})
