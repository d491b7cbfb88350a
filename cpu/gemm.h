/* gemm.h: what the parts of the fast matrix product share: the product to compute, the kernels of an instruction set,
 * and the ways through a product. */
#ifndef TSR_GEMM_H
#define TSR_GEMM_H
#include "../core/core.h"

/* ---- kernels of one instruction set ---- */

/* One pass over rows of a float32 matrix, products and sums in float64: dots[r] += a(r,:) x, and
 * y += f[0] a(0,:) + f[1] a(1,:) + ... Without x, or without y, only the other half. */
typedef struct {
  size_t rows, k;
  const float *a;
  size_t lda;
  const double *x, *f;
  double *dots, *y;
} tsr_sweep;

/* One tile of C = alpha A B + beta C with at most `mr` rows and exactly nr (or nr/2) columns. Row t of B is a vector;
 * elements of A are broadcast: a[i*lda + t] when A lies by rows, a[t*lda + i] when it lies by columns or in a packed
 * panel (lda = mr). In pairs of rows of B (tsr_columns) a vector has the numbers of two rows in turn. Sums run in
 * chains of `chain` products, folded pairwise; at most TSR_CHAINS of them. beta = 0 does not read C. */
typedef struct {
  size_t k, chain;
  const float *a;
  size_t lda;
  const float *b;
  size_t ldb;
  float *c;
  size_t ldc, cut; /* cut: columns at the right that C does not have, fewer than half a tile */
  double alpha, beta;
  const char *ahead; /* memory soon needed, of which as much as a row of B here is fetched at every second step, */
  const char *also;  /* more of it, for the steps between: of a whole tile with A by columns; NULL: none */
  size_t stride;     /* how far both go on then */
} tsr_tile;

enum { TSR_CHAINS = 16, TSR_TILE_SIZE_MAX = 512, TSR_CHAIN_DEFAULT = 256, TSR_PACK_SLACK = 16, TSR_PAIRED_MAX = 16 };

typedef void (*tsr_tile_kernel)(const tsr_tile *tile);
/* c[i*ldc + j] += A B over k steps, j < nr64; A packed mr64 wide, B packed nr64 wide. */
typedef void (*tsr_tile64_kernel)(size_t k, const double *a, const double *b, double *c, size_t ldc);

/* Copies `width` lines of k elements into panels of w lines: element t of line l goes to to[l/w*panel + t*w + l%w].
 * It is found at from[t*ld + l], or at from[l*ld + t] with `transpose`. The last panel is filled up with zeros. What
 * lies behind the k*w elements of a panel is overwritten, less than TSR_PACK_SLACK of it. */
typedef struct {
  size_t w, panel, width, k;
  const float *from;
  size_t ld;
  bool transpose;
} tsr_pack;

/* A triangle T of at most mr unknowns and a panel of right-hand sides nr wide: row r of them at x[r*step], element
 * (r,s) of T, s <= r, at t[r*row + s*col]. A system that is solved backwards is given from its end, with negative
 * strides. */
typedef struct {
  size_t rows;
  const float *t;
  ptrdiff_t row, col;
  bool unit;
  float *x;
  ptrdiff_t step;
} tsr_corner;

/* A plane rotation: what it is applied to tells which way round. */
typedef struct {
  double c, s;
} tsr_rotation;

/* Rows first .. first + TSR_RANK2_ROWS of a symmetric matrix in float64, left of the diagonal block (`first` columns, a
 * points at their beginning): A -= v w' + w v', and what these rows, and as columns their transpose, add to y = A x. */
typedef struct {
  size_t first;
  double *a;
  size_t lda;
  const double *v, *w, *x;
  double *y;
} tsr_rank2;

enum { TSR_STRIP = 8, TSR_RANK2_ROWS = 4, TSR_SECULAR_COLUMNS = 8 };

/* Of terms w/(p-x): sum, derivative, half the second derivative. */
typedef struct {
  double f, slope, curve;
} tsr_secular_sums;

/* The eigenvectors of a secular equation: number i of vector j is part_i / (pole_i - (origin_j + offset_j)), but for
 * its length. */
typedef struct {
  const double *pole, *part, *origin, *offset;
} tsr_secular_vectors;

typedef struct {
  size_t mr, nr, mr64, nr64;
  size_t block; /* longest of K in one go: longer ones are not faster, and a panel of B fills more of a cache */
  const tsr_tile_kernel *tile[2][2]; /* [A by rows][narrow], then by the number of rows */
  const tsr_tile_kernel *pairs[2];   /* [half of it], of nr/2 columns, see tsr_columns; NULL: none */
  const tsr_tile64_kernel *tile64;   /* by the number of rows */
  void (*pack)(const tsr_pack *pack, float *to);
  void (*pack64)(const tsr_pack *pack, double *to);
  /* to = from', from of m rows and n columns: from[i*ld_from + j] goes to to[j*ld_to + i]. */
  void (*transpose)(size_t m, size_t n, const float *from, size_t ld_from, float *to, size_t ld_to);
  void (*substitute)(const tsr_corner *corner);                    /* X = inv(T) X */
  void (*fold)(size_t n, const float *from, double *to, bool add); /* to = from, or to += from */
  /* y[r] = A(r,:) x for r < rows <= 4; at most TSR_DOT_STEPS * chain elements, in so many chains or more, folded
   * pairwise. Meanwhile what lies `ahead` floats further is fetched; 0: nothing. */
  void (*dots)(size_t rows, size_t k, const float *a, size_t lda, const float *x, float *y, size_t ahead);
  /* z = y' A: z[j] = sum over t < k of y[t] A(t,j), in order. */
  void (*rows)(size_t k, size_t n, const float *a, size_t lda, const float *y, float *z);
  /* largest[j] = the largest bits of |a(i,j)| and its own. */
  void (*largest)(size_t rows, size_t n, const int32_t *a, size_t lda, int32_t *largest);
  void (*sweep)(const tsr_sweep *sweep);
  void (*turn)(size_t n, double *x, double *y, double c, double s); /* x, y = c x - s y, s x + c y */
  /* Of a strip, rows of TSR_STRIP doubles one after the other: rows t and t+1 become c x + s y and c y - s x for t = 0,
   * 1, ..., where the rotation of t is last[-t]; and n rows X become X - beta v (v'X). */
  void (*turns)(size_t count, const tsr_rotation *last, double *strip);
  void (*reflect)(size_t n, const double *v, double beta, double *strip);
  void (*rank2)(const tsr_rank2 *step);
  /* n terms at x = origin + offset; the product of (at - x_j) / (at - p_j); of TSR_SECULAR_COLUMNS vectors the squares
   * of their lengths, then their products with `first`, then with `last`; and n numbers of row i, times their scale. */
  tsr_secular_sums (*terms)(size_t n, const double *pole, const double *weight, double origin, double offset);
  double (*quotients)(size_t n, const double *pole, const double *origin, const double *offset, double at);
  void (*columns)(const tsr_secular_vectors *s, size_t rows, const double *first, const double *last, double *sums);
  void (*row)(const tsr_secular_vectors *s, size_t i, size_t n, const double *scale, float *row);
} tsr_kernels;

enum { TSR_DOT_STEPS = 16, TSR_DOT_ROWS = 4 };

/* The last argument of dots for an m x k matrix: two passes ahead where it is larger than caches are as a rule. */
static inline size_t tsr_dots_ahead(size_t m, size_t k, size_t lda) {
  return m * k > (size_t)1 << 22 ? 2 * TSR_DOT_ROWS * lda : 0;
}

/* Inner products of rows of A with x, in float32 for `step` elements and in float64 beyond; `sums` has room for a
 * multiple of TSR_DOT_ROWS. */
typedef struct {
  const float *a;
  size_t lda, k;
  const float *x;
  size_t step, ahead;
} tsr_dots;

void tsr_sum_dots(const tsr_kernels *kernels, const tsr_dots *dots, size_t count, double *sums);

void tsr_fold_portable(size_t n, const float *from, double *to, bool add);
void tsr_dots_portable(size_t rows, size_t k, const float *a, size_t lda, const float *x, float *y, size_t ahead);
void tsr_rows_portable(size_t k, size_t n, const float *a, size_t lda, const float *y, float *z);
void tsr_largest_portable(size_t rows, size_t n, const int32_t *a, size_t lda, int32_t *largest);
void tsr_sweep_portable(const tsr_sweep *s);
void tsr_turn_portable(size_t n, double *x, double *y, double c, double s);
#define TSR_STRIP_KERNELS(set)                                                             \
  void tsr_strip_turns_##set(size_t count, const tsr_rotation *last, double *strip);       \
  void tsr_strip_reflect_##set(size_t n, const double *v, double beta, double *strip);     \
  void tsr_strip_rank2_##set(const tsr_rank2 *step);
#define TSR_SECULAR_KERNELS(set)                                                                                 \
  tsr_secular_sums tsr_secular_terms_##set(size_t n, const double *pole, const double *weight, double origin,    \
                                           double offset);                                                       \
  double tsr_secular_quotients_##set(size_t n, const double *pole, const double *origin, const double *offset,   \
                                     double at);                                                                 \
  void tsr_secular_columns_##set(const tsr_secular_vectors *s, size_t rows, const double *first,                 \
                                 const double *last, double *sums);                                              \
  void tsr_secular_row_##set(const tsr_secular_vectors *s, size_t i, size_t n, const double *scale, float *row);
TSR_SECULAR_KERNELS(portable)
TSR_SECULAR_KERNELS(avx2)
TSR_SECULAR_KERNELS(avx512)
TSR_STRIP_KERNELS(portable)
TSR_STRIP_KERNELS(avx2)
TSR_STRIP_KERNELS(neon)
extern const tsr_kernels tsr_kernels_portable, tsr_kernels_avx2, tsr_kernels_avx512, tsr_kernels_neon;
const tsr_kernels *tsr_kernels_of(uint32_t isa);

/* ---- a product ---- */

/* Element (i,j) is p[i*ld + j], or p[j*ld + i] when transposed. */
typedef struct {
  const float *p;
  size_t ld;
  bool trans;
} tsr_operand;

/* Element (i,j) is p[i*row + j*col], float or double. */
typedef struct {
  void *p;
  size_t row, col;
  bool wide;
} tsr_target;

/* C = alpha A B + beta D, C m x n; D is C except in a residual. uplo other than FULL: only that triangle of C is
 * computed. */
typedef struct {
  size_t m, n, k;
  double alpha, beta;
  tsr_operand a, b;
  tsr_target c, d;
  uint32_t uplo;
  uint32_t chain; /* as in the options: 0 or 32 */
  bool wide;      /* products exact, sums in float64 */
} tsr_product;

tsr_operand tsr_operand_of(const tsr_view *v);
tsr_target tsr_target_of(const tsr_view *v);
size_t tsr_rows_of(const tsr_view *v);
size_t tsr_cols_of(const tsr_view *v);
static inline const float *tsr_operand_at(const tsr_operand *a, size_t i, size_t j) {
  return a->trans ? a->p + j * a->ld + i : a->p + i * a->ld + j;
}

/* Computes it the way `tile` says, or the default way where that one does not apply; run->tile tells. */
int32_t tsr_multiply(tsr_run *run, const tsr_product *g, uint32_t tile);

/* The ways, for m, n, k > 0. INNER takes every product; PACKED all with float32 sums; in place those of them without a
 * triangle; GEMV those of one row or one column. */
int32_t tsr_gemm_packed(tsr_run *run, const tsr_product *g);
int32_t tsr_gemm_inplace(tsr_run *run, const tsr_product *g);
int32_t tsr_gemm_inner(tsr_run *run, const tsr_product *g);
int32_t tsr_gemm_gemv(tsr_run *run, const tsr_product *g);

/* ---- shared steps ---- */

/* Block of K: the number of products that are added in one go, and whether the blocks are then added in float64. */
typedef struct {
  size_t size, count, chain;
  bool wide;
} tsr_blocks;
tsr_blocks tsr_blocks_of(const tsr_product *g, const tsr_kernels *kernels);

/* Writes C(row.., col..) = alpha tile + beta D for a tile of sums (rows of `ld` numbers), each element rounded once,
 * only inside the triangle. */
void tsr_merge(const tsr_product *g, size_t row, size_t col, size_t rows, size_t cols, const double *tile,
               size_t ld);

/* Back from the panels of a pack to rows along memory, in their order. */
void tsr_unpack(const tsr_pack *pack, const float *panels, float *to, size_t ld);

/* How a tile takes `cols` packed columns of B where A lies by rows: whole, or where they are at most half of it and the
 * instruction set can, in pairs of rows. */
typedef struct {
  const tsr_tile_kernel *tile; /* by the number of rows */
  size_t width, ldb;           /* columns that it computes; floats from a step's row of B to the next */
  bool pairs;
} tsr_columns;
tsr_columns tsr_columns_of(const tsr_kernels *kernels, size_t cols);
/* Turns a panel of k rows, packed nr wide, into pairs where the tile wants them. */
void tsr_pair_rows(const tsr_kernels *kernels, const tsr_columns *columns, size_t k, float *panel);

/* Whether the block touches the triangle, or lies wholly inside it. */
bool tsr_touches(uint32_t uplo, size_t row, size_t col, size_t rows, size_t cols);
bool tsr_inside(uint32_t uplo, size_t row, size_t col, size_t rows, size_t cols);

static inline size_t tsr_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t tsr_max(size_t a, size_t b) { return a > b ? a : b; }
/* Of so many rows of A those that can be read together where they lie: rows apart by TSR_ALIAS floats share one set of
 * the first-level cache, which holds TSR_WAYS of them for certain. */
enum { TSR_ALIAS = 1024, TSR_WAYS = 8 };
static inline size_t tsr_rows_together(const tsr_operand *a, size_t rows) {
  return !a->trans && a->ld % TSR_ALIAS == 0 ? tsr_min(rows, TSR_WAYS) : rows;
}

/* Here and in a cut without divisions where one part holds all: small products would feel them. */
static inline size_t tsr_parts(size_t n, size_t size) { return n <= size ? n > 0 : (n + size - 1) / size; }
static inline size_t tsr_round_up(size_t n, size_t unit) { return tsr_parts(n, unit) * unit; }

/* Lines cut into pieces as even as can be, so many or none longer than `most`: the first `longer` have one more than
 * `size`. */
typedef struct {
  size_t count, size, longer;
} tsr_cut;
static inline tsr_cut tsr_cut_into(size_t lines, size_t count) {
  return (tsr_cut){count, lines / count, lines % count};
}
static inline tsr_cut tsr_cut_of(size_t lines, size_t most) {
  if (lines <= most) return (tsr_cut){1, lines, 0};
  return tsr_cut_into(lines, tsr_parts(lines, most));
}
static inline size_t tsr_cut_size(const tsr_cut *cut, size_t piece) { return cut->size + (piece < cut->longer); }
static inline size_t tsr_cut_start(const tsr_cut *cut, size_t piece) {
  return cut->size * piece + tsr_min(piece, cut->longer);
}
/* First of `lines` lines of a piece, where units of so many lines were cut and the last may be short. */
static inline size_t tsr_cut_line(const tsr_cut *cut, size_t piece, size_t unit, size_t lines) {
  return tsr_min(lines, tsr_cut_start(cut, piece) * unit);
}

static inline bool tsr_stopped(const tsr_run *run) {
  return atomic_load_explicit(run->canceled, memory_order_relaxed) != 0;
}

#endif
