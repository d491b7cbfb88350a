// Generated from tsr.h by scripts/abi.ts. Do not edit: change tsr.h and run it again.

/** The contract that this package speaks; a library must answer the same from tsr_abi. */
export const TSR_ABI = 1;

export const TSR_OK = 0;
export const TSR_E_ARGUMENT = -1;
export const TSR_E_HANDLE = -2;
export const TSR_E_CONTEXT = -3;
export const TSR_E_MEMORY = -4;
export const TSR_E_DEVICE = -5;
export const TSR_E_UNSUPPORTED = -6;
export const TSR_E_THREAD = -7;
export const TSR_E_ALIAS = -8;
export const TSR_E_SHAPE = -9;
export const TSR_E_BOUNDS = -10;
export const TSR_E_TYPE = -11;
export const TSR_E_CANCELED = -12;
export const TSR_E_TIMEOUT = -13;
export const TSR_E_ABI = -14;
export const TSR_E_FULL = -15;

export const TSR_F32 = 0;
export const TSR_F64 = 1;
export const TSR_DF32 = 2;
export const TSR_U32 = 3;

export const TSR_VIEW_BUFFER = 0;
export const TSR_VIEW_ROWS = 1;
export const TSR_VIEW_COLS = 2;
export const TSR_VIEW_LD = 3;
export const TSR_VIEW_OFFSET_LOW = 4;
export const TSR_VIEW_OFFSET_HIGH = 5;
export const TSR_VIEW_TRANS = 6;
export const TSR_VIEW_TYPE = 7;
export const TSR_VIEW_BATCH = 8;
export const TSR_VIEW_STRIDE_LOW = 9;
export const TSR_VIEW_STRIDE_HIGH = 10;
export const TSR_VIEW_FLAGS = 11;
export const TSR_VIEW_WORDS = 12;

export const TSR_OPTION_ENGINE = 0;
export const TSR_OPTION_TILE = 1;
export const TSR_OPTION_CHAIN = 2;
export const TSR_OPTION_PREDICATE = 3;
export const TSR_OPTION_PREDICATE_INDEX = 4;
export const TSR_OPTION_WORDS = 8;

export const TSR_TILED = 0;
export const TSR_BLAS = 1;
export const TSR_MLX = 2;

export const TSR_TILE_DEFAULT = 0;
export const TSR_TILE_REFERENCE = 1;
export const TSR_TILE_SMALL = 2;
export const TSR_TILE_PACKED = 3;
export const TSR_TILE_TALL = 4;
export const TSR_TILE_INNER = 5;
export const TSR_TILE_GEMV = 6;
export const TSR_TILE_SIMD64 = 7;
export const TSR_TILE_SIMD32 = 8;
export const TSR_TILE_DEVICE = 9;
export const TSR_TILE_HOST = 10;

export const TSR_DEVICE_CPU = 0;
export const TSR_DEVICE_METAL = 1;

export const TSR_ISA_BEST = 0;
export const TSR_ISA_PORTABLE = 1;
export const TSR_ISA_AVX2 = 2;
export const TSR_ISA_AVX512 = 3;
export const TSR_ISA_NEON = 4;

export const TSR_CONFIG_ABI = 0;
export const TSR_CONFIG_DEVICE = 1;
export const TSR_CONFIG_ISA = 2;
export const TSR_CONFIG_THREADS = 3;
export const TSR_CONFIG_WORDS = 8;

export const TSR_FULL = 0;
export const TSR_LOWER = 1;
export const TSR_UPPER = 2;

export const TSR_LEFT = 0;
export const TSR_RIGHT = 4;

export const TSR_NON_UNIT = 0;
export const TSR_UNIT = 8;

export const TSR_MULTIPLY = 0;
export const TSR_NORMALIZE = 1;
export const TSR_RESTORE = 2;

export const TSR_UNIFORM = 0;
export const TSR_NORMAL = 1;

export const TSR_FORWARD = 0;
export const TSR_BACKWARD = 1;

export const TSR_PRINCIPAL = 0;
export const TSR_GRAM = 1;
export const TSR_COLUMNS = 2;
export const TSR_ROWS = 3;

export const TSR_QUEUED = 0;
export const TSR_INLINE = 1;

export const TSR_TRACE_NUMBER = 0;
export const TSR_TRACE_TILE = 1;
export const TSR_TRACE_SECONDS = 2;
export const TSR_TRACE_ENGINE = 3;
export const TSR_TRACE_WORDS = 4;

/** The names of the status codes. */
export const statusNames: Readonly<Record<number, string>> = {
  [0]: "TSR_OK",
  [-1]: "TSR_E_ARGUMENT",
  [-2]: "TSR_E_HANDLE",
  [-3]: "TSR_E_CONTEXT",
  [-4]: "TSR_E_MEMORY",
  [-5]: "TSR_E_DEVICE",
  [-6]: "TSR_E_UNSUPPORTED",
  [-7]: "TSR_E_THREAD",
  [-8]: "TSR_E_ALIAS",
  [-9]: "TSR_E_SHAPE",
  [-10]: "TSR_E_BOUNDS",
  [-11]: "TSR_E_TYPE",
  [-12]: "TSR_E_CANCELED",
  [-13]: "TSR_E_TIMEOUT",
  [-14]: "TSR_E_ABI",
  [-15]: "TSR_E_FULL",
};

/** The functions of the library: parameters and result. A buffer is the typed array itself, never null. */
export const symbols = {
  // uint32_t tsr_abi(void);
  tsr_abi: { parameters: [], result: "u32" },
  // int32_t tsr_open(const uint32_t *config, uint32_t *ctx);
  tsr_open: { parameters: ["buffer", "buffer"], result: "i32" },
  // int32_t tsr_close(uint32_t ctx);
  tsr_close: { parameters: ["u32"], result: "i32" },
  // int32_t tsr_info(uint32_t ctx, char *text, uint32_t capacity);
  tsr_info: { parameters: ["u32", "buffer", "u32"], result: "i32" },
  // int32_t tsr_error(uint32_t ctx, char *text, uint32_t capacity);
  tsr_error: { parameters: ["u32", "buffer", "u32"], result: "i32" },
  // int32_t tsr_attach(uint32_t ctx, uint32_t engine, const char *path);
  tsr_attach: { parameters: ["u32", "u32", "buffer"], result: "i32" },
  // int32_t tsr_align(const void *memory, uint32_t *skip);
  tsr_align: { parameters: ["buffer", "buffer"], result: "i32" },
  // int32_t tsr_alloc(uint32_t ctx, uint32_t bytes_low, uint32_t bytes_high, uint32_t *buffer);
  tsr_alloc: { parameters: ["u32", "u32", "u32", "buffer"], result: "i32" },
  // int32_t tsr_wrap(uint32_t ctx, void *memory, uint32_t bytes_low, uint32_t bytes_high, uint32_t *buffer);
  tsr_wrap: { parameters: ["u32", "buffer", "u32", "u32", "buffer"], result: "i32" },
  // int32_t tsr_free(uint32_t ctx, uint32_t buffer);
  tsr_free: { parameters: ["u32", "u32"], result: "i32" },
  // int32_t tsr_write(uint32_t ctx, const uint32_t *A, const void *source, uint32_t ld);
  tsr_write: { parameters: ["u32", "buffer", "buffer", "u32"], result: "i32" },
  // int32_t tsr_read(uint32_t ctx, const uint32_t *A, void *target, uint32_t ld);
  tsr_read: { parameters: ["u32", "buffer", "buffer", "u32"], result: "i32" },
  // int32_t tsr_submit(uint32_t ctx, uint32_t mode, uint32_t *ticket);
  tsr_submit: { parameters: ["u32", "u32", "buffer"], result: "i32" },
  // int32_t tsr_wait(uint32_t ctx, uint32_t ticket, double seconds);
  tsr_wait: { parameters: ["u32", "u32", "f64"], result: "i32" },
  // int32_t tsr_cancel(uint32_t ctx, uint32_t ticket);
  tsr_cancel: { parameters: ["u32", "u32"], result: "i32" },
  // int32_t tsr_trace(uint32_t ctx, double *records, uint32_t capacity, uint32_t *count);
  tsr_trace: { parameters: ["u32", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t tsr_laset(uint32_t ctx, uint32_t uplo, double off, double diag, const uint32_t *A, const uint32_t
  // *options);
  tsr_laset: { parameters: ["u32", "u32", "f64", "f64", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_geadd(uint32_t ctx, double alpha, const uint32_t *A, double beta, const uint32_t *B, const uint32_t
  // *options);
  tsr_geadd: { parameters: ["u32", "f64", "buffer", "f64", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_gemm(uint32_t ctx, double alpha, const uint32_t *A, const uint32_t *B, double beta, const uint32_t
  // *C, const uint32_t *options);
  tsr_gemm: { parameters: ["u32", "f64", "buffer", "buffer", "f64", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_atav(uint32_t ctx, const uint32_t *A, const uint32_t *V, const uint32_t *Y, const uint32_t *Z,
  // const uint32_t *options);
  tsr_atav: { parameters: ["u32", "buffer", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_syrk(uint32_t ctx, uint32_t uplo, double alpha, const uint32_t *A, double beta, const uint32_t *C,
  // const uint32_t *options);
  tsr_syrk: { parameters: ["u32", "u32", "f64", "buffer", "f64", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_trsm(uint32_t ctx, uint32_t flags, double alpha, const uint32_t *A, const uint32_t *B, const
  // uint32_t *options);
  tsr_trsm: { parameters: ["u32", "u32", "f64", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_potrf(uint32_t ctx, const uint32_t *A, const uint32_t *info, uint32_t base, const uint32_t
  // *options);
  tsr_potrf: { parameters: ["u32", "buffer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t tsr_getrf(uint32_t ctx, const uint32_t *A, const uint32_t *pivots, const uint32_t *info, const uint32_t
  // *options);
  tsr_getrf: { parameters: ["u32", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_laswp(uint32_t ctx, const uint32_t *A, const uint32_t *pivots, uint32_t direction, const uint32_t
  // *options);
  tsr_laswp: { parameters: ["u32", "buffer", "buffer", "u32", "buffer"], result: "i32" },
  // int32_t tsr_latrd(uint32_t ctx, const uint32_t *A, const uint32_t *L, const uint32_t *R, const uint32_t *T,
  // const uint32_t *DE, const uint32_t *options);
  tsr_latrd: { parameters: ["u32", "buffer", "buffer", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_labrd(uint32_t ctx, const uint32_t *A, const uint32_t *L, const uint32_t *R, const uint32_t *T,
  // const uint32_t *DE, const uint32_t *options);
  tsr_labrd: { parameters: ["u32", "buffer", "buffer", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_larft(uint32_t ctx, const uint32_t *V, const uint32_t *N, const uint32_t *options);
  tsr_larft: { parameters: ["u32", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_gemqrt(uint32_t ctx, const uint32_t *V, const uint32_t *N, const uint32_t *C, const uint32_t
  // *options);
  tsr_gemqrt: { parameters: ["u32", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_stedc(uint32_t ctx, const uint32_t *DE, const uint32_t *Z, const uint32_t *options);
  tsr_stedc: { parameters: ["u32", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_bdsdc(uint32_t ctx, const uint32_t *DE, const uint32_t *Z, const uint32_t *options);
  tsr_bdsdc: { parameters: ["u32", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_syev(uint32_t ctx, const uint32_t *G, const uint32_t *W, const uint32_t *Z, const uint32_t
  // *options);
  tsr_syev: { parameters: ["u32", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_jacobi(uint32_t ctx, uint32_t form, const uint32_t *G, const uint32_t *J, const uint32_t *words,
  // double tolerance, double floor, const uint32_t *options);
  tsr_jacobi: { parameters: ["u32", "u32", "buffer", "buffer", "buffer", "f64", "f64", "buffer"], result: "i32" },
  // int32_t tsr_apply(uint32_t ctx, uint32_t form, const uint32_t *A, const uint32_t *pairs, const uint32_t *B,
  // const uint32_t *options);
  tsr_apply: { parameters: ["u32", "u32", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_colstat(uint32_t ctx, const uint32_t *A, const uint32_t *S, const uint32_t *info, const uint32_t
  // *options);
  tsr_colstat: { parameters: ["u32", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_scale(uint32_t ctx, uint32_t mode, const uint32_t *A, const uint32_t *S, const uint32_t *B, const
  // uint32_t *options);
  tsr_scale: { parameters: ["u32", "u32", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_orth(uint32_t ctx, const uint32_t *W, const uint32_t *T, const uint32_t *info, double floor,
  // uint32_t seed, const uint32_t *options);
  tsr_orth: { parameters: ["u32", "buffer", "buffer", "buffer", "f64", "u32", "buffer"], result: "i32" },
  // int32_t tsr_resid(uint32_t ctx, const uint32_t *A, const uint32_t *X, const uint32_t *B, const uint32_t *R,
  // const uint32_t *options);
  tsr_resid: { parameters: ["u32", "buffer", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_rand(uint32_t ctx, uint32_t distribution, uint32_t seed_low, uint32_t seed_high, const uint32_t *A,
  // const uint32_t *options);
  tsr_rand: { parameters: ["u32", "u32", "u32", "u32", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_geqrf(uint32_t ctx, const uint32_t *A, const uint32_t *Q, const uint32_t *R, const uint32_t
  // *options);
  tsr_geqrf: { parameters: ["u32", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_gesdd(uint32_t ctx, const uint32_t *A, const uint32_t *U, const uint32_t *S, const uint32_t *V,
  // const uint32_t *info, const uint32_t *options);
  tsr_gesdd: { parameters: ["u32", "buffer", "buffer", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
  // int32_t tsr_syevd(uint32_t ctx, const uint32_t *A, const uint32_t *W, const uint32_t *V, const uint32_t *info,
  // const uint32_t *options);
  tsr_syevd: { parameters: ["u32", "buffer", "buffer", "buffer", "buffer", "buffer"], result: "i32" },
} as const;
