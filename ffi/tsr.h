/* tsr.h: the contract between JavaScript and every native library of Tesserae (CPU, Metal, vendor engines).
 *
 * Storage    row-major: A(i,j) lies at offset + i*ld + j, counted in elements. A view is a descriptor of twelve u32
 *            (below).
 * Pointers   belong to the caller and are touched only during the call; the one exception is the memory given to
 *            tsr_wrap, used until tsr_free of its handle has passed the queue.
 * Handles    u32: slot in the low 20 bits, generation in the high 12; 0 is never valid. A stale handle is
 *            TSR_E_HANDLE.
 * Order      one in-order queue a context. An operation validates, is encoded and returns; tsr_submit starts what
 *            was encoded.
 * Threads    a context belongs to the thread that opened it, others get TSR_E_THREAD; tsr_wait and tsr_cancel
 *            are free.
 * Errors     every function but tsr_abi returns TSR_OK or a negative TSR_E_*; tsr_error tells operation, shapes and
 *            value. A call that fails encodes nothing and changes nothing.
 * Overlap    of an output with any other operand is TSR_E_ALIAS unless the operation says that it works in place.
 * Numbers    alpha = 0: A and B are not read. beta = 0: C is not read, so it may hold NaN. Numerical failure is
 *            data (`info`, LAPACK's meaning, 0 = none). No fast-math and no float atomics: same input, library,
 *            device, instruction set and tile give the same bits, for any number of threads.
 * Empty      views with no rows or no columns are legal everywhere; their buffer may be 0.
 * Never      reads the environment, prints, exits, calls back, or keeps a pointer.
 */
#ifndef TSR_H
#define TSR_H
#include <stdint.h>

#if defined(__GNUC__)
#define TSR_API __attribute__((visibility("default")))
#else
#define TSR_API
#endif

#define TSR_ABI 1u

/* Status. */
enum {
  TSR_OK = 0,
  TSR_E_ARGUMENT = -1,    /* a scalar, flag or reserved field has no meaning */
  TSR_E_HANDLE = -2,      /* unknown, stale or freed buffer */
  TSR_E_CONTEXT = -3,     /* unknown or closed context */
  TSR_E_MEMORY = -4,      /* not enough memory; nothing was allocated */
  TSR_E_DEVICE = -5,      /* the device failed; the context is dead */
  TSR_E_UNSUPPORTED = -6, /* this library lacks the engine, tile, type, or device */
  TSR_E_THREAD = -7,      /* the context belongs to another thread */
  TSR_E_ALIAS = -8,       /* an output overlaps another operand */
  TSR_E_SHAPE = -9,       /* operands do not conform */
  TSR_E_BOUNDS = -10,     /* a view reaches beyond its buffer, or ld < cols */
  TSR_E_TYPE = -11,       /* an element type the operation does not take there */
  TSR_E_CANCELED = -12,   /* the ticket was cancelled; its outputs are undefined */
  TSR_E_TIMEOUT = -13,    /* tsr_wait gave up; the work goes on */
  TSR_E_ABI = -14,        /* tsr_open was given another TSR_ABI */
  TSR_E_FULL = -15        /* no slot left: contexts, buffers or queued work */
};

/* Element types. DF32 is an unevaluated pair hi + lo of f32 (devices without f64). */
enum { TSR_F32 = 0, TSR_F64 = 1, TSR_DF32 = 2, TSR_U32 = 3 };

/* View: twelve u32 (TSR_VIEW_WORDS). rows, cols and ld are as stored; with trans = 1 the operand is the transpose
 * of that. batch must be 1, the batch stride and flags 0, until an operation says otherwise. */
enum {
  TSR_VIEW_BUFFER = 0, TSR_VIEW_ROWS = 1, TSR_VIEW_COLS = 2, TSR_VIEW_LD = 3, TSR_VIEW_OFFSET_LOW = 4,
  TSR_VIEW_OFFSET_HIGH = 5,
  TSR_VIEW_TRANS = 6, TSR_VIEW_TYPE = 7, TSR_VIEW_BATCH = 8, TSR_VIEW_STRIDE_LOW = 9, TSR_VIEW_STRIDE_HIGH = 10,
  TSR_VIEW_FLAGS = 11, TSR_VIEW_WORDS = 12
};

/* Options of an operation: eight u32 (TSR_OPTION_WORDS); reserved words are 0. All zero: the documented defaults.
 * engine     TSR_TILED (own kernels), TSR_BLAS, TSR_MLX: a vendor's library, after tsr_attach. What it does not have,
 *            or cannot do to this contract, runs on the own kernels; tsr_trace tells which did.
 * tile       the kernel to use (TSR_TILE_*); TSR_TILE_DEFAULT lets the library choose by shape, and so does a way
 *            through a product that these operands do not allow. tsr_trace tells what ran.
 * chain      longest chain of float32 additions: 0 is the library's own (tsr_info "chain", at most 256), 32 the
 *            short form for use inside factorisations. Chains are combined pairwise or in higher precision, so the
 *            error of a product is at most (chain + ceil(log2(ceil(K/chain))) + 2) * 2^-24 * |A||B|.
 * predicate  a buffer of u32 (0: none) and the index in it; where that word is 0 when its turn comes the operation
 *            does nothing. */
enum {
  TSR_OPTION_ENGINE = 0, TSR_OPTION_TILE = 1, TSR_OPTION_CHAIN = 2, TSR_OPTION_PREDICATE = 3,
  TSR_OPTION_PREDICATE_INDEX = 4,
  TSR_OPTION_WORDS = 8
};
enum { TSR_TILED = 0, TSR_BLAS = 1, TSR_MLX = 2 };

/* Tiles. REFERENCE is the plain loop that specifies the operation, offered for every operation. The next ones are
 * ways through a product: INNER splits a long K and adds the parts in a fixed order (A'B, few rows and columns),
 * GEMV takes one column; of the CPU library SMALL works in place, PACKED copies both operands into panels, TALL
 * keeps a tall A in place (A*V, few columns); of the Metal library SIMD64 and SIMD32 compute 64x64 or 32x32 numbers
 * of C in a threadgroup. The last two are told by tsr_trace and never asked for: any other kernel of a device, and
 * an operation that a device left to its host. */
enum {
  TSR_TILE_DEFAULT = 0, TSR_TILE_REFERENCE = 1, TSR_TILE_SMALL = 2, TSR_TILE_PACKED = 3, TSR_TILE_TALL = 4,
  TSR_TILE_INNER = 5, TSR_TILE_GEMV = 6, TSR_TILE_SIMD64 = 7, TSR_TILE_SIMD32 = 8, TSR_TILE_DEVICE = 9,
  TSR_TILE_HOST = 10
};

/* Devices and instruction sets for tsr_open. TSR_ISA_BEST is chosen by CPUID at run time. */
enum { TSR_DEVICE_CPU = 0, TSR_DEVICE_METAL = 1 };
enum { TSR_ISA_BEST = 0, TSR_ISA_PORTABLE = 1, TSR_ISA_AVX2 = 2, TSR_ISA_AVX512 = 3, TSR_ISA_NEON = 4 };

/* Configuration for tsr_open: eight u32 (TSR_CONFIG_WORDS). threads 0: one for each processor this process may use. */
enum { TSR_CONFIG_ABI = 0, TSR_CONFIG_DEVICE = 1, TSR_CONFIG_ISA = 2, TSR_CONFIG_THREADS = 3, TSR_CONFIG_WORDS = 8 };

/* uplo, side and diag are BLAS's; uplo names the triangle of the matrix as stored. */
enum { TSR_FULL = 0, TSR_LOWER = 1, TSR_UPPER = 2 };
enum { TSR_LEFT = 0, TSR_RIGHT = 4 };
enum { TSR_NON_UNIT = 0, TSR_UNIT = 8 };

/* How tsr_scale uses the numbers s_j: as factors, or by their binary exponents (exact): NORMALIZE brings a column
 * whose largest absolute value is s_j into [1/2, 1), RESTORE undoes that; 0, Inf and NaN have no exponent, there
 * both leave the column alone. */
enum { TSR_MULTIPLY = 0, TSR_NORMALIZE = 1, TSR_RESTORE = 2 };

enum { TSR_UNIFORM = 0, TSR_NORMAL = 1 };

/* Order of the row exchanges of tsr_laswp. */
enum { TSR_FORWARD = 0, TSR_BACKWARD = 1 };

/* What a small block of tsr_jacobi and tsr_apply is of its matrix: a principal submatrix, or X'X for some columns X;
 * and the two ways in which tsr_apply changes the matrix. */
enum { TSR_PRINCIPAL = 0, TSR_GRAM = 1, TSR_COLUMNS = 2, TSR_ROWS = 3 };

/* How tsr_submit starts the encoded work: on the queue's thread, or in the calling thread once the queue is idle. */
enum { TSR_QUEUED = 0, TSR_INLINE = 1 };

/* Words of one tsr_trace record (f64): number of the operation (they count from 1 in each context), tile that ran
 * (0: skipped by its predicate or cancelled), seconds from start to end on the device, engine. A device that runs many
 * operations at one go (Metal) tests predicates itself, reports the tile that was encoded, and tells the seconds of
 * all of them with the last. */
enum {
  TSR_TRACE_NUMBER = 0, TSR_TRACE_TILE = 1, TSR_TRACE_SECONDS = 2, TSR_TRACE_ENGINE = 3, TSR_TRACE_WORDS = 4
};

#ifdef __cplusplus
extern "C" {
#endif

/* ---- library ---- */

/* TSR_ABI of the library. */
TSR_API uint32_t tsr_abi(void);
/* Opens a device: config as above, the context to ctx. */
TSR_API int32_t tsr_open(const uint32_t *config, uint32_t *ctx);
/* Cancels what runs, waits for it, frees every buffer and thread of the context. */
TSR_API int32_t tsr_close(uint32_t ctx);
/* JSON text about the context, NUL-terminated: device, kind, isa, threads, cores, chain, page, tiles, emulated (kernels
 * run on the CPU), of a GPU checks (what its self-test looked at; it opens only where all holds), engines (those that
 * can be asked for), and of each attached engine, by its name, an object with library (the file), kind (what it calls
 * itself), and of a BLAS integers (their bits) and lapack (whether it has the factorisations). */
TSR_API int32_t tsr_info(uint32_t ctx, char *text, uint32_t capacity);
/* Text of the last error of the context, NUL-terminated, cut to capacity; ctx 0: of the calling thread's last
 * failed call that had no valid context, or that of another thread. */
TSR_API int32_t tsr_error(uint32_t ctx, char *text, uint32_t capacity);

/* Opens a vendor's library (its file's path, NUL-terminated) as engine TSR_BLAS or TSR_MLX of the context, after the
 * queue is idle, and compares what it computes with the plain loops. TSR_E_UNSUPPORTED tells why it cannot serve. */
TSR_API int32_t tsr_attach(uint32_t ctx, uint32_t engine, const char *path);

/* ---- memory ---- */

/* Number of bytes from memory up to the next page boundary, to skip. Needs no context. */
TSR_API int32_t tsr_align(const void *memory, uint32_t *skip);
/* Library-owned memory, zeroed, aligned to a page; bytes = low + 2^32 high. */
TSR_API int32_t tsr_alloc(uint32_t ctx, uint32_t bytes_low, uint32_t bytes_high, uint32_t *buffer);
/* A handle for caller-owned memory, which stays the caller's; it must not move or end before tsr_free has passed
 * the queue. */
TSR_API int32_t tsr_wrap(uint32_t ctx, void *memory, uint32_t bytes_low, uint32_t bytes_high, uint32_t *buffer);
/* Ends a handle at once; its memory is let go when the work encoded before this call has passed. */
TSR_API int32_t tsr_free(uint32_t ctx, uint32_t buffer);
/* Copies the rows of source (leading dimension ld, element type of A) into A, after the queue is idle. A is not
 * transposed. */
TSR_API int32_t tsr_write(uint32_t ctx, const uint32_t *A, const void *source, uint32_t ld);
/* Copies A into the rows of target, after the queue is idle; submits nothing: what is encoded and not submitted has
 * not run. */
TSR_API int32_t tsr_read(uint32_t ctx, const uint32_t *A, void *target, uint32_t ld);

/* ---- queue ---- */

/* Starts what was encoded; mode is TSR_QUEUED or TSR_INLINE, which returns how it ended. Tickets count up from 1;
 * one is given whenever something was started. */
TSR_API int32_t tsr_submit(uint32_t ctx, uint32_t mode, uint32_t *ticket);
/* Waits until the ticket has passed, at most so many seconds (0: it only looks), and tells how it ended: TSR_OK,
 * TSR_E_CANCELED, TSR_E_MEMORY (no workspace) or TSR_E_DEVICE; the endings of the last 4096 tickets are remembered.
 * TSR_E_TIMEOUT where it has not passed. */
TSR_API int32_t tsr_wait(uint32_t ctx, uint32_t ticket, double seconds);
/* Asks a ticket to stop; running loops see it within milliseconds. A ticket that has passed is left alone. */
TSR_API int32_t tsr_cancel(uint32_t ctx, uint32_t ticket);
/* Moves the records of finished operations (TSR_TRACE_WORDS doubles each) out of a ring of 16384, at most capacity
 * of them. Operations are timed from the first call on, which may have capacity 0; those before have 0 seconds. */
TSR_API int32_t tsr_trace(uint32_t ctx, double *records, uint32_t capacity, uint32_t *count);

/* ---- operations ---- */

/* A = off outside the diagonal, diag on it; LOWER and UPPER: only the strict triangle gets off, and the diagonal
 * diag. NaN as diag leaves the diagonal alone. A is f32, f64 or u32 and may be transposed. */
TSR_API int32_t tsr_laset(uint32_t ctx, uint32_t uplo, double off, double diag, const uint32_t *A,
                          const uint32_t *options);
/* B = alpha A + beta B. Both may be transposed; f32, or one or both f64 (rounded once on the way out). */
TSR_API int32_t tsr_geadd(uint32_t ctx, double alpha, const uint32_t *A, double beta, const uint32_t *B,
                          const uint32_t *options);
/* C = alpha A B + beta C. A and B are f32. C f32: chains as the options say. C f64: products exact, sums in float64
 * or better than 2^-44. C may be transposed. */
TSR_API int32_t tsr_gemm(uint32_t ctx, double alpha, const uint32_t *A, const uint32_t *B, double beta,
                         const uint32_t *C, const uint32_t *options);
/* Y = A V and Z = A'Y for that Y, two products with their chains and bounds. All are f32. */
TSR_API int32_t tsr_atav(uint32_t ctx, const uint32_t *A, const uint32_t *V, const uint32_t *Y, const uint32_t *Z,
                         const uint32_t *options);
/* C = alpha A A' + beta C on one triangle of C, square; the other is not touched. C f32 or f64 as in gemm. */
TSR_API int32_t tsr_syrk(uint32_t ctx, uint32_t uplo, double alpha, const uint32_t *A, double beta, const uint32_t *C,
                         const uint32_t *options);
/* B = alpha inv(A) B (LEFT) or alpha B inv(A) (RIGHT) in place, A triangular. flags = uplo | side | diag. A and B
 * may be transposed. */
TSR_API int32_t tsr_trsm(uint32_t ctx, uint32_t flags, double alpha, const uint32_t *A, const uint32_t *B,
                         const uint32_t *options);
/* A = L L' in place: reads and writes the lower triangle only. info (u32, 1x1): where it is not 0 on entry nothing
 * is done; the first pivot j (from 1) that is not > 0 writes base + j, and L is right in the columns before it. */
TSR_API int32_t tsr_potrf(uint32_t ctx, const uint32_t *A, const uint32_t *info, uint32_t base,
                          const uint32_t *options);
/* P A = L U in place for any m x n: L unit lower triangular, kept below the diagonal, U upper triangular. pivots
 * (u32, 1 x min(m,n)): row j was exchanged with row pivots[j] (from 0), the first of largest absolute value that
 * was left in its column; a NaN is taken only where all are. info (u32, 1x1) = first pivot (from 1) that is exactly
 * 0, or 0; the factorisation goes on behind it. */
TSR_API int32_t tsr_getrf(uint32_t ctx, const uint32_t *A, const uint32_t *pivots, const uint32_t *info,
                          const uint32_t *options);
/* Exchanges the rows j and pivots[j] of A for j = 0, 1, ... (FORWARD) or from the last j down (BACKWARD). pivots
 * (u32, 1 x at most the rows of A); a number that is no row of A exchanges nothing. A may be transposed. */
TSR_API int32_t tsr_laswp(uint32_t ctx, const uint32_t *A, const uint32_t *pivots, uint32_t direction,
                          const uint32_t *options);
/* Panels of the reductions to tridiagonal and bidiagonal form: nb <= 128 steps, nb = columns of DE. Each reflector
 * is H = I - v v'/t with v'v = 2t, t = 1 up to rounding, computed in float64 and rounded once; it makes the first
 * of its numbers -sign * length and the others 0. Where the length of those others is below 2^-48 they are dropped
 * instead: v = 0, t = 1. A must be scaled so that its largest entry lies in [1/2, 1). With the v as columns of V,
 * the product of the reflectors, first at the left, is I - V inv(T) V' for the upper triangular T = striu(V'V) +
 * diag(t). A is not changed: L and R are what the reduction subtracts, so A22 - L2 R2' is the rest that is still to
 * be reduced, where A22 is A without its first nb rows and columns, L2 and R2 are L and R without their first nb
 * rows. Sums are carried in float64 or in chains of at most 32 folded pairwise.
 *
 * latrd: A (n x n, symmetric, only the lower triangle is read), Q'A Q tridiagonal. L = [V W], R = [W V] (n x 2 nb),
 * T (nb x nb). DE (f32 or f64, 2 x nb): diagonal; below it, the last one 0 where nb = n. */
TSR_API int32_t tsr_latrd(uint32_t ctx, const uint32_t *A, const uint32_t *L, const uint32_t *R, const uint32_t *T,
                          const uint32_t *DE, const uint32_t *options);
/* labrd: A (m x n, m >= n), Q'A P upper bidiagonal. L = [V X] (m x 2 nb), R = [Y U] (n x 2 nb), T = [T of V, T of
 * U] (nb x 2 nb), Q from V and P from U. DE as in latrd, the second row above the diagonal. */
TSR_API int32_t tsr_labrd(uint32_t ctx, const uint32_t *A, const uint32_t *L, const uint32_t *R, const uint32_t *T,
                          const uint32_t *DE, const uint32_t *options);
/* A product Q of reflectors that are the columns of V (m x n, m >= n), first at the left, nb <= 128 of them in a
 * block: the one that begins at column j is I - W (I + N_j) W' with W the rows from j on of its columns of V, 0 above
 * their diagonal, and N_j the rows of N (n x nb) from j on, 0 below theirs.
 *
 * larft: N_j = inv(T) - I for T = striu(W'W) + diag(W'W)/2, in float64, rounded once; where a column is 0, so is that
 * of N. */
TSR_API int32_t tsr_larft(uint32_t ctx, const uint32_t *V, const uint32_t *N, const uint32_t *options);
/* gemqrt: C = Q C in place, C m x k. What the first nb rows of each W add to W'C, and N_j times that, is summed in
 * float64 or better than 2^-44, and rounded once each at most. */
TSR_API int32_t tsr_gemqrt(uint32_t ctx, const uint32_t *V, const uint32_t *N, const uint32_t *C,
                           const uint32_t *options);
/* Eigenvalues of the symmetric tridiagonal T with the bands DE (f64, 2 x n: diagonal; the other, its last number
 * free) to the first row of DE, ascending; Z (n x n, f32) = eigenvectors as columns, or 0x0: values only. Divide
 * and conquer in float64 (Cuppen; Gu and Eisenstat); orthonormal to about 6 sqrt(n) 2^-24. NaN or Inf in T makes
 * all results NaN. */
TSR_API int32_t tsr_stedc(uint32_t ctx, const uint32_t *DE, const uint32_t *Z, const uint32_t *options);
/* Singular values of the upper bidiagonal B with the bands DE to the first row of DE, descending, right to 2^-25 of
 * the largest; Z = right singular vectors as columns, or 0x0. The left ones are the Q of a QR factorisation of B Z. */
TSR_API int32_t tsr_bdsdc(uint32_t ctx, const uint32_t *DE, const uint32_t *Z, const uint32_t *options);
/* Eigenvalues of the symmetric G (f64, n x n; the lower triangle is read) to W (f64, 1 x n), descending, and the
 * vectors of the v largest as columns of Z (f64, n x v, v from 0 to n). All in float64: residual and orthogonality are
 * at most about n 2^-53, that times the largest eigenvalue. For orders up to about 1000. NaN or Inf in G makes all
 * results NaN. */
TSR_API int32_t tsr_syev(uint32_t ctx, const uint32_t *G, const uint32_t *W, const uint32_t *Z,
                         const uint32_t *options);
/* One round of block Jacobi is apply (the small blocks), jacobi (their rotations), apply (the rotations to the matrix).
 * Small blocks lie one below the other: `count` of order k <= 64 make a matrix of count*k x k.
 *
 * jacobi: for each block G_t (f32, f64 or df32; only the lower triangle is read) an orthogonal J_t (f32) such that
 * J_t' G_t J_t is diagonal. An element counts as 0 where |g_ij| <= tolerance s_i s_j. Where all but the diagonal do,
 * J_t = I and the word of the block (words: u32, 1 x count) is 0; else that is 1, and all get 16 times smaller than
 * they must, as far as rounding and 30 sweeps allow.
 *   PRINCIPAL  s = 1, floor is not used; every column of J_t keeps its place (all angles are at most pi/4).
 *   GRAM       s_i = max(sqrt(g_ii), floor); where the word is 1 the diagonal falls.
 * All is computed in float64 or df32. A block with NaN or Inf: J_t = NaN, word 1. */
TSR_API int32_t tsr_jacobi(uint32_t ctx, uint32_t form, const uint32_t *G, const uint32_t *J, const uint32_t *words,
                           double tolerance, double floor, const uint32_t *options);
/* apply: A is cut into blocks of w = k/2 columns (GRAM, COLUMNS), rows (ROWS) or both (PRINCIPAL, A square), numbered
 * from 0; pairs (u32, 3 x count) gives small block t two of them, p = pairs(0,t) and q = pairs(1,t). X are the columns
 * (ROWS: rows) of p, then of q.
 *   PRINCIPAL  B_t = (S + S')/2, S the rows and columns of p and q       COLUMNS  X = X B_t in place
 *   GRAM       B_t = X'X, sums in float64 or df32                        ROWS     X = B_t' X in place
 * The first two write B (f32 or f64), where a number that is no block of A counts as a block of zeros. The other two
 * read B (f32); where pairs(2,t) is 0, or a number is no block of A, they do nothing. There a block of A may occur in
 * one pair only, and once, or else its contents are undefined. */
TSR_API int32_t tsr_apply(uint32_t ctx, uint32_t form, const uint32_t *A, const uint32_t *pairs, const uint32_t *B,
                          const uint32_t *options);
/* S (f32, 1 x cols, or 2 x cols) = max |a_ij| of each column, NaN counted as Inf; in a second row the sign, 1 or -1, of
 * the first a_ij of a finite column with |a_ij| >= (1 - 2^-10) max (on a GPU, of numbers below 2^-116, perhaps that of
 * another). info (u32, 1x2) = row, column (from 1) of the first NaN or Inf in row-major order, 0 0 where there is none.
 * A may be transposed. */
TSR_API int32_t tsr_colstat(uint32_t ctx, const uint32_t *A, const uint32_t *S, const uint32_t *info,
                            const uint32_t *options);
/* B(:,j) = A(:,j) * s_j, or by its exponent (TSR_NORMALIZE, TSR_RESTORE). S is 1 x cols, or 1x1 for all columns. A and
 * B may be transposed; B may be A. */
TSR_API int32_t tsr_scale(uint32_t ctx, uint32_t mode, const uint32_t *A, const uint32_t *S, const uint32_t *B,
                          const uint32_t *options);
/* One certified panel of block Gram-Schmidt, in place: W (m x b, b <= 128) becomes W T^-1 with nearly orthonormal
 * columns, T (b x b) upper triangular with T_jj >= 0. Gram matrix and Cholesky in float64 or df32, columns scaled
 * to unit length, pivots guarded by the shift 2^-38; the triangular solve row by row in float32 (or, where T is near
 * I, a product with its rounded inverse), so that an exactly dependent column ends as 0 or as rounding noise: in
 * higher precision the shift would keep it parallel to the others. A column is dead when it is 0, or not farther than
 * floor from the span of those before it: T_jj = 0 and random numbers of length about 1 in W, from seed. info (u32,
 * 1x2): 1 when the certificate failed (Gram matrix further than 1/2 from I, a dead column, or a column that entered
 * shorter than sqrt(0.999): what a projection took off a unit column comes back as that part of the error of the
 * basis, and grows from block to block), so that this word is the predicate of another pass; the number of dead
 * columns. */
TSR_API int32_t tsr_orth(uint32_t ctx, const uint32_t *W, const uint32_t *T, const uint32_t *info, double floor,
                         uint32_t seed,
                         const uint32_t *options);
/* R = B - A X with float64 accumulation. A, X, B f32; R f32 (rounded once) or f64. R may be B: in place. */
TSR_API int32_t tsr_resid(uint32_t ctx, const uint32_t *A, const uint32_t *X, const uint32_t *B, const uint32_t *R,
                          const uint32_t *options);
/* A(i,j) = random number, a pure function of seed, i and j: Philox 4x32-10, key = seed, counter = (i, floor(j/4),
 * distribution, 0), word j mod 4. UNIFORM: (word >> 8) * 2^-24 in [0,1). NORMAL: inverse of the normal distribution
 * (Wichura's AS 241 PPND7, own log, every step one correctly rounded float32 operation), so the bits are the same
 * on every machine. */
TSR_API int32_t tsr_rand(uint32_t ctx, uint32_t distribution, uint32_t seed_low, uint32_t seed_high,
                         const uint32_t *A,
                         const uint32_t *options);

/* Whole factorisations of a vendor's LAPACK: engine TSR_BLAS only. A is not changed.
 *
 * geqrf: A = Q R for m >= n; Q (m x n) with orthonormal columns, R (n x n) upper triangular, R_jj >= 0. */
TSR_API int32_t tsr_geqrf(uint32_t ctx, const uint32_t *A, const uint32_t *Q, const uint32_t *R,
                          const uint32_t *options);
/* gesdd: A = U diag(S) V; U (m x p), S (1 x p, descending), V (p x n), p = min(m,n); info (u32, 1x1) = LAPACK's. */
TSR_API int32_t tsr_gesdd(uint32_t ctx, const uint32_t *A, const uint32_t *U, const uint32_t *S, const uint32_t *V,
                          const uint32_t *info, const uint32_t *options);
/* syevd: A = V diag(W) V' by the lower triangle of A; W (1 x n) ascending; info as above. */
TSR_API int32_t tsr_syevd(uint32_t ctx, const uint32_t *A, const uint32_t *W, const uint32_t *V, const uint32_t *info,
                          const uint32_t *options);

#ifdef __cplusplus
}
#endif
#endif
