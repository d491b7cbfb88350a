// What the operations refuse: shapes, types, flags and operands that share memory, each by its status and by a text
// that names the operation and the values.
import * as abi from "../ffi/symbols.ts";
import type { Shape } from "./raw.ts";
import { changed, check } from "./statuses.ts";

const f64: Shape = { type: abi.TSR_F64 }, u32: Shape = { type: abi.TSR_U32 }, trans: Shape = { trans: true };

const big = 2 ** 32 - 1;
const { TSR_E_ARGUMENT, TSR_E_UNSUPPORTED, TSR_E_ALIAS, TSR_E_SHAPE, TSR_E_TYPE } = abi;

check("laset", [
  ["uplo 3", TSR_E_ARGUMENT, /laset: uplo is 3/, (t) => t.n.tsr_laset(t.c, 3, 0, 0, t.v(2, 2), t.o)],
  [
    "a fraction into words",
    TSR_E_ARGUMENT,
    /A is u32, which cannot hold 0.5/,
    (t) => t.n.tsr_laset(t.c, 0, 0.5, 0, t.v(2, 2, u32), t.o),
  ],
  ["-1 into words", TSR_E_ARGUMENT, /cannot hold 0 and -1/, (t) => t.n.tsr_laset(t.c, 0, 0, -1, t.v(2, 2, u32), t.o)],
  [
    "df32",
    TSR_E_UNSUPPORTED,
    /A is df32; this library has float64/,
    (t) => t.laset(changed(t, { 2: 1, 3: 1, [abi.TSR_VIEW_TYPE]: abi.TSR_DF32 })),
  ],
]);

check("geadd", [
  [
    "rows",
    TSR_E_SHAPE,
    /A is 3x4, B is 4x4: A's 3 rows must equal B's 4 rows/,
    (t) => t.n.tsr_geadd(t.c, 1, t.v(3, 4), 0, t.v(4, 4), t.o),
  ],
  [
    "columns",
    TSR_E_SHAPE,
    /A's 3 columns must equal B's 4 columns/,
    (t) => t.n.tsr_geadd(t.c, 1, t.v(4, 3), 0, t.v(4, 4, trans), t.o),
  ],
  ["words", TSR_E_TYPE, /geadd: A is u32/, (t) => t.n.tsr_geadd(t.c, 1, t.v(2, 2, u32), 0, t.v(2, 2), t.o)],
  ["A is B", TSR_E_ALIAS, /geadd: B and A overlap/, (t) => {
    const A = t.v(2, 2);
    return t.n.tsr_geadd(t.c, 1, A, 1, A, t.o);
  }],
]);

check("gemm", [
  [
    "inner sizes",
    TSR_E_SHAPE,
    /gemm: A is 3x4, B is 5x6: A's 4 columns must equal B's 5 rows/,
    (t) => t.n.tsr_gemm(t.c, 1, t.v(3, 4), t.v(5, 6), 0, t.v(3, 6), t.o),
  ],
  [
    "rows of C",
    TSR_E_SHAPE,
    /C's 4 rows must equal A's 3 rows/,
    (t) => t.n.tsr_gemm(t.c, 1, t.v(3, 4), t.v(4, 6), 0, t.v(4, 6), t.o),
  ],
  [
    "columns of C",
    TSR_E_SHAPE,
    /C's 3 columns must equal B's 6 columns/,
    (t) => t.n.tsr_gemm(t.c, 1, t.v(3, 4), t.v(4, 6), 0, t.v(3, 3), t.o),
  ],
  [
    "float64 A",
    TSR_E_TYPE,
    /gemm: A is f64/,
    (t) => t.n.tsr_gemm(t.c, 1, t.v(2, 2, f64), t.v(2, 2), 0, t.v(2, 2), t.o),
  ],
  [
    "float64 B",
    TSR_E_TYPE,
    /gemm: B is f64/,
    (t) => t.n.tsr_gemm(t.c, 1, t.v(2, 2), t.v(2, 2, f64), 0, t.v(2, 2), t.o),
  ],
  [
    "words as C",
    TSR_E_TYPE,
    /gemm: C is u32/,
    (t) => t.n.tsr_gemm(t.c, 1, t.v(2, 2), t.v(2, 2), 0, t.v(2, 2, u32), t.o),
  ],
  [
    "df32 C",
    TSR_E_UNSUPPORTED,
    /C is df32/,
    (t) => t.n.tsr_gemm(t.c, 1, t.v(3, 2), t.v(2, 1), 0, changed(t, { 2: 1, 3: 2, 7: 2 }), t.o),
  ],
]);

check("syrk", [
  [
    "no triangle",
    TSR_E_ARGUMENT,
    /syrk: uplo is 0; it must be 1 .* or 2/,
    (t) => t.n.tsr_syrk(t.c, 0, 1, t.v(2, 3), 0, t.v(2, 2), t.o),
  ],
  [
    "C not square",
    TSR_E_SHAPE,
    /C is 2x3; it must be square/,
    (t) => t.n.tsr_syrk(t.c, 1, 1, t.v(2, 3), 0, t.v(2, 3), t.o),
  ],
  [
    "rows of A",
    TSR_E_SHAPE,
    /C's 2 rows must equal A's 3 rows/,
    (t) => t.n.tsr_syrk(t.c, 1, 1, t.v(3, 2), 0, t.v(2, 2), t.o),
  ],
]);

const lower = abi.TSR_LOWER | abi.TSR_LEFT;

check("trsm", [
  ["no triangle", TSR_E_ARGUMENT, /trsm: flags is 0/, (t) => t.n.tsr_trsm(t.c, 0, 1, t.v(2, 2), t.v(2, 2), t.o)],
  ["both triangles", TSR_E_ARGUMENT, /trsm: flags is 3/, (t) => t.n.tsr_trsm(t.c, 3, 1, t.v(2, 2), t.v(2, 2), t.o)],
  [
    "an unknown flag",
    TSR_E_ARGUMENT,
    /trsm: flags is 17/,
    (t) => t.n.tsr_trsm(t.c, 17, 1, t.v(2, 2), t.v(2, 2), t.o),
  ],
  [
    "A not square",
    TSR_E_SHAPE,
    /A is 2x3; it must be square/,
    (t) => t.n.tsr_trsm(t.c, lower, 1, t.v(2, 3), t.v(2, 2), t.o),
  ],
  [
    "left",
    TSR_E_SHAPE,
    /A's 2 rows must equal B's 3 rows/,
    (t) => t.n.tsr_trsm(t.c, lower, 1, t.v(2, 2), t.v(3, 2), t.o),
  ],
  [
    "right",
    TSR_E_SHAPE,
    /A's 3 rows must equal B's 2 columns/,
    (t) => t.n.tsr_trsm(t.c, lower | abi.TSR_RIGHT, 1, t.v(3, 3), t.v(3, 2), t.o),
  ],
  ["float64", TSR_E_TYPE, /trsm: B is f64/, (t) => t.n.tsr_trsm(t.c, lower, 1, t.v(2, 2), t.v(2, 2, f64), t.o)],
]);

check("potrf", [
  [
    "not square",
    TSR_E_SHAPE,
    /potrf: A is 2x3; it must be square/,
    (t) => t.n.tsr_potrf(t.c, t.v(2, 3), t.v(1, 1, u32), 0, t.o),
  ],
  [
    "transposed",
    TSR_E_ARGUMENT,
    /A must not be transposed/,
    (t) => t.n.tsr_potrf(t.c, t.v(2, 2, trans), t.v(1, 1, u32), 0, t.o),
  ],
  [
    "info 1x2",
    TSR_E_SHAPE,
    /info is 1x2; it must be 1x1/,
    (t) => t.n.tsr_potrf(t.c, t.v(2, 2), t.v(1, 2, u32), 0, t.o),
  ],
  ["info of floats", TSR_E_TYPE, /info is f32/, (t) => t.n.tsr_potrf(t.c, t.v(2, 2), t.v(1, 1), 0, t.o)],
  ["no info", TSR_E_SHAPE, /info is 0x0/, (t) => t.n.tsr_potrf(t.c, t.v(2, 2), t.v(0, 0, u32), 0, t.o)],
  [
    "a base that overflows",
    TSR_E_ARGUMENT,
    /base is 4294967294/,
    (t) => t.n.tsr_potrf(t.c, t.v(2, 2), t.v(1, 1, u32), big - 1, t.o),
  ],
]);

check("colstat", [
  [
    "S too short",
    TSR_E_SHAPE,
    /S is 1x3; it must be 1x4/,
    (t) => t.n.tsr_colstat(t.c, t.v(3, 4), t.v(1, 3), t.v(1, 2, u32), t.o),
  ],
  [
    "S for a transposed A",
    TSR_E_SHAPE,
    /S is 1x3; it must be 1x4/,
    (t) => t.n.tsr_colstat(t.c, t.v(3, 4, trans), t.v(1, 3), t.v(1, 2, u32), t.o),
  ],
  [
    "info 2x1",
    TSR_E_SHAPE,
    /info is 2x1; it must be 1x2/,
    (t) => t.n.tsr_colstat(t.c, t.v(3, 4), t.v(1, 4), t.v(2, 1, u32), t.o),
  ],
  ["S is a row of A", TSR_E_ALIAS, /S and A overlap/, (t) => {
    const A = t.v(3, 4), S = A.slice();
    S[abi.TSR_VIEW_ROWS] = 1;
    return t.n.tsr_colstat(t.c, A, S, t.v(1, 2, u32), t.o);
  }],
]);

check("scale", [
  ["mode 3", TSR_E_ARGUMENT, /scale: mode is 3/, (t) => t.n.tsr_scale(t.c, 3, t.v(3, 4), t.v(1, 4), t.v(3, 4), t.o)],
  [
    "S too long",
    TSR_E_SHAPE,
    /S is 1x5; it must be 1x4/,
    (t) => t.n.tsr_scale(t.c, 0, t.v(3, 4), t.v(1, 5), t.v(3, 4), t.o),
  ],
  [
    "B too wide",
    TSR_E_SHAPE,
    /B's 5 columns must equal A's 4/,
    (t) => t.n.tsr_scale(t.c, 0, t.v(3, 4), t.v(1, 4), t.v(3, 5), t.o),
  ],
  ["B begins in A", TSR_E_ALIAS, /B and A overlap/, (t) => {
    const A = t.v(3, 4), B = A.slice();
    B[abi.TSR_VIEW_OFFSET_LOW]! += 1;
    A[abi.TSR_VIEW_ROWS] = B[abi.TSR_VIEW_ROWS] = 2;
    return t.n.tsr_scale(t.c, 0, A, t.v(1, 4), B, t.o);
  }],
  ["B is A transposed", TSR_E_ALIAS, /B and A overlap/, (t) => {
    const A = t.v(4, 4), B = A.slice();
    B[abi.TSR_VIEW_TRANS] = 1;
    return t.n.tsr_scale(t.c, 0, A, t.v(1, 4), B, t.o);
  }],
]);

check("orth", [
  [
    "129 columns",
    TSR_E_SHAPE,
    /W is 200x129; a panel has at most 128/,
    (t) => t.n.tsr_orth(t.c, t.v(200, 129), t.v(129, 129), t.v(1, 2, u32), 0, 1, t.o),
  ],
  [
    "T",
    TSR_E_SHAPE,
    /T is 3x3; it must be 4x4/,
    (t) => t.n.tsr_orth(t.c, t.v(9, 4), t.v(3, 3), t.v(1, 2, u32), 0, 1, t.o),
  ],
  [
    "info 1x1",
    TSR_E_SHAPE,
    /info is 1x1; it must be 1x2/,
    (t) => t.n.tsr_orth(t.c, t.v(9, 4), t.v(4, 4), t.v(1, 1, u32), 0, 1, t.o),
  ],
  [
    "W transposed",
    TSR_E_ARGUMENT,
    /W must not be transposed/,
    (t) => t.n.tsr_orth(t.c, t.v(9, 4, trans), t.v(4, 4), t.v(1, 2, u32), 0, 1, t.o),
  ],
  [
    "a negative floor",
    TSR_E_ARGUMENT,
    /floor is -1/,
    (t) => t.n.tsr_orth(t.c, t.v(9, 4), t.v(4, 4), t.v(1, 2, u32), -1, 1, t.o),
  ],
]);

check("resid", [
  [
    "inner sizes",
    TSR_E_SHAPE,
    /A's 4 columns must equal X's 3 rows/,
    (t) => t.n.tsr_resid(t.c, t.v(3, 4), t.v(3, 2), t.v(3, 2), t.v(3, 2), t.o),
  ],
  [
    "B",
    TSR_E_SHAPE,
    /B's 4 rows must equal A's 3 rows/,
    (t) => t.n.tsr_resid(t.c, t.v(3, 4), t.v(4, 2), t.v(4, 2), t.v(3, 2), t.o),
  ],
  [
    "R",
    TSR_E_SHAPE,
    /R's 3 columns must equal B's 2 columns/,
    (t) => t.n.tsr_resid(t.c, t.v(3, 4), t.v(4, 2), t.v(3, 2), t.v(3, 3), t.o),
  ],
  ["R half upon B", TSR_E_ALIAS, /R and B overlap/, (t) => {
    const B = t.v(4, 2), R = B.slice();
    B[abi.TSR_VIEW_ROWS] = R[abi.TSR_VIEW_ROWS] = 3;
    R[abi.TSR_VIEW_OFFSET_LOW] = 2;
    return t.n.tsr_resid(t.c, t.v(3, 4), t.v(4, 2), B, R, t.o);
  }],
]);

check("rand", [
  [
    "no such distribution",
    TSR_E_ARGUMENT,
    /rand: distribution is 2/,
    (t) => t.n.tsr_rand(t.c, 2, 0, 0, t.v(2, 2), t.o),
  ],
  ["float64", TSR_E_TYPE, /rand: A is f64/, (t) => t.n.tsr_rand(t.c, 0, 0, 0, t.v(2, 2, f64), t.o)],
]);
