/* blas.h: a vendor's BLAS and LAPACK as the files of this folder see it: the functions found in the library, and what
 * was found out about its integers. */
#ifndef TSR_BLAS_H
#define TSR_BLAS_H
#include "../core/core.h"

/* Integers by value. Where they go in registers or in stack slots of 8 bytes, a 64-bit one serves both interfaces;
 * Apple's arm64 packs the stack, and Accelerate takes 32 bits. */
#ifdef __APPLE__
typedef int32_t tsr_blas_int;
#else
typedef int64_t tsr_blas_int;
#endif
/* Integers by address: a 64-bit one whose low half is read where the library takes 32 bits (all machines here are
 * little-endian). */
typedef int64_t tsr_lapack_int;

enum { TSR_CBLAS_ROW_MAJOR = 101, TSR_CBLAS_PLAIN = 111, TSR_CBLAS_TRANSPOSED = 112, TSR_CBLAS_UPPER = 121,
       TSR_CBLAS_LOWER = 122, TSR_CBLAS_NON_UNIT = 131, TSR_CBLAS_UNIT = 132, TSR_CBLAS_LEFT = 141,
       TSR_CBLAS_RIGHT = 142 };

/* The functions; those of LAPACK end with the lengths of their texts, as Fortran passes them. NULL: not there. */
typedef struct {
  void (*gemm)(int order, int ta, int tb, tsr_blas_int m, tsr_blas_int n, tsr_blas_int k, float alpha, const float *a,
               tsr_blas_int lda, const float *b, tsr_blas_int ldb, float beta, float *c, tsr_blas_int ldc);
  void (*gemv)(int order, int ta, tsr_blas_int m, tsr_blas_int n, float alpha, const float *a, tsr_blas_int lda,
               const float *x, tsr_blas_int step_x, float beta, float *y, tsr_blas_int step_y);
  void (*syrk)(int order, int uplo, int ta, tsr_blas_int n, tsr_blas_int k, float alpha, const float *a,
               tsr_blas_int lda, float beta, float *c, tsr_blas_int ldc);
  void (*trsm)(int order, int side, int uplo, int ta, int diag, tsr_blas_int m, tsr_blas_int n, float alpha,
               const float *a, tsr_blas_int lda, float *b, tsr_blas_int ldb);
  void (*potrf)(const char *uplo, const tsr_lapack_int *n, float *a, const tsr_lapack_int *lda, tsr_lapack_int *info,
                size_t);
  void (*getrf)(const tsr_lapack_int *m, const tsr_lapack_int *n, float *a, const tsr_lapack_int *lda, void *pivots,
                tsr_lapack_int *info);
  void (*geqrf)(const tsr_lapack_int *m, const tsr_lapack_int *n, float *a, const tsr_lapack_int *lda, float *tau,
                float *work, const tsr_lapack_int *lwork, tsr_lapack_int *info);
  void (*orgqr)(const tsr_lapack_int *m, const tsr_lapack_int *n, const tsr_lapack_int *k, float *a,
                const tsr_lapack_int *lda, const float *tau, float *work, const tsr_lapack_int *lwork,
                tsr_lapack_int *info);
  void (*gesdd)(const char *job, const tsr_lapack_int *m, const tsr_lapack_int *n, float *a,
                const tsr_lapack_int *lda, float *s, float *u, const tsr_lapack_int *ldu, float *vt,
                const tsr_lapack_int *ldvt, float *work, const tsr_lapack_int *lwork, void *iwork,
                tsr_lapack_int *info, size_t);
  void (*syevd)(const char *job, const char *uplo, const tsr_lapack_int *n, float *a, const tsr_lapack_int *lda,
                float *w, float *work, const tsr_lapack_int *lwork, void *iwork, const tsr_lapack_int *liwork,
                tsr_lapack_int *info, size_t, size_t);
} tsr_blas_functions;

typedef struct {
  void *library;
  tsr_blas_functions f;
  void (*set_threads)(tsr_lapack_int count); /* in a register: libraries that take 32 bits read its low half */
  int (*get_threads)(void);
  bool wide;          /* integers of 64 bits */
  char kind[16];      /* openblas, mkl, blis, accelerate or blas */
  char path[512];
} tsr_blas;

static inline const tsr_blas *tsr_blas_of(const tsr_run *run) { return run->vendor[TSR_BLAS]; }

/* ---- products.c ---- */

/* Whether the contract of this product or triangular solve is one that such a library promises. */
bool tsr_blas_keeps_contract(const tsr_op *op);

int32_t tsr_blas_gemm(tsr_run *run, const tsr_op *op);
int32_t tsr_blas_syrk(tsr_run *run, const tsr_op *op);
int32_t tsr_blas_trsm(tsr_run *run, const tsr_op *op);

/* ---- lapack.c ---- */

int32_t tsr_blas_potrf(tsr_run *run, const tsr_op *op);
int32_t tsr_blas_getrf(tsr_run *run, const tsr_op *op);
int32_t tsr_blas_geqrf(tsr_run *run, const tsr_op *op);
int32_t tsr_blas_gesdd(tsr_run *run, const tsr_op *op);
int32_t tsr_blas_syevd(tsr_run *run, const tsr_op *op);

/* Whether pivots come as 64-bit integers: from a factorisation of a small matrix. */
bool tsr_blas_is_wide(const tsr_blas_functions *f);

#endif
