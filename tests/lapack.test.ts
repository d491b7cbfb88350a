// Operands of the factorisations that only a vendor's LAPACK has, and of tsr_attach: what is refused, in which words.
import * as abi from "../ffi/symbols.ts";
import { check } from "./statuses.ts";

const { TSR_E_ARGUMENT, TSR_E_SHAPE, TSR_E_TYPE, TSR_E_UNSUPPORTED } = abi;
const u32 = { type: abi.TSR_U32 };
const text = (path: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(`${path}\0`);

check("attach", [
  ["own engine", TSR_E_ARGUMENT, /attach: engine is 0; it must be 1/, (t) => t.n.tsr_attach(t.c, 0, text("x.so"))],
  ["no engine", TSR_E_ARGUMENT, /attach: engine is 3/, (t) => t.n.tsr_attach(t.c, 3, text("x.so"))],
  ["no file", TSR_E_UNSUPPORTED, /attach: no\/such\.so/, (t) => t.n.tsr_attach(t.c, 1, text("no/such.so"))],
]);

check("geqrf", [
  [
    "wide A",
    TSR_E_SHAPE,
    /geqrf: A is 3x4; it must have no more columns than rows/,
    (t) => t.n.tsr_geqrf(t.c, t.v(3, 4), t.v(3, 4), t.v(4, 4), t.o),
  ],
  ["Q", TSR_E_SHAPE, /Q is 4x4; it must be 4x3/, (t) => t.n.tsr_geqrf(t.c, t.v(4, 3), t.v(4, 4), t.v(3, 3), t.o)],
  ["R", TSR_E_SHAPE, /R is 4x3; it must be 3x3/, (t) => t.n.tsr_geqrf(t.c, t.v(4, 3), t.v(4, 3), t.v(4, 3), t.o)],
  [
    "own engine",
    TSR_E_UNSUPPORTED,
    /geqrf: only a vendor's LAPACK/,
    (t) => t.n.tsr_geqrf(t.c, t.v(4, 3), t.v(4, 3), t.v(3, 3), t.o),
  ],
]);

check("gesdd", [
  [
    "V",
    TSR_E_SHAPE,
    /V is 3x4; it must be 3x5/,
    (t) => t.n.tsr_gesdd(t.c, t.v(3, 5), t.v(3, 3), t.v(1, 3), t.v(3, 4), t.v(1, 1, u32), t.o),
  ],
  [
    "info of floats",
    TSR_E_TYPE,
    /info is f32/,
    (t) => t.n.tsr_gesdd(t.c, t.v(3, 5), t.v(3, 3), t.v(1, 3), t.v(3, 5), t.v(1, 1), t.o),
  ],
  [
    "own engine",
    TSR_E_UNSUPPORTED,
    /gesdd: only a vendor's LAPACK/,
    (t) => t.n.tsr_gesdd(t.c, t.v(3, 5), t.v(3, 3), t.v(1, 3), t.v(3, 5), t.v(1, 1, u32), t.o),
  ],
]);

check("syevd", [
  [
    "A not square",
    TSR_E_SHAPE,
    /A is 3x4; it must be square/,
    (t) => t.n.tsr_syevd(t.c, t.v(3, 4), t.v(1, 3), t.v(3, 3), t.v(1, 1, u32), t.o),
  ],
  [
    "W",
    TSR_E_SHAPE,
    /W is 3x1; it must be 1x3/,
    (t) => t.n.tsr_syevd(t.c, t.v(3, 3), t.v(3, 1), t.v(3, 3), t.v(1, 1, u32), t.o),
  ],
  [
    "own engine",
    TSR_E_UNSUPPORTED,
    /syevd: only a vendor's LAPACK/,
    (t) => t.n.tsr_syevd(t.c, t.v(3, 3), t.v(1, 3), t.v(3, 3), t.v(1, 1, u32), t.o),
  ],
]);
