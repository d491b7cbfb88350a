/* blas.c: opens a vendor's BLAS and LAPACK at run time (Accelerate, OpenBLAS, MKL, BLIS) and finds out its names, its
 * integers and how its threads are set. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../cpu/pool.h"
#include "blas.h"

/* How libraries decorate their names: before them, and behind those of C and of Fortran. */
static const struct {
  const char *before, *behind_c, *behind_fortran;
} decorations[] = {
    {"", "", "_"}, {"scipy_", "", "_"}, {"scipy_", "64_", "_64_"}, {"", "64_", "_64_"}, {"", "_64", "_64_"}};
enum { DECORATIONS = sizeof decorations / sizeof decorations[0] };

/* The address as a function pointer: ISO C has no cast from one to the other. */
static bool find(void *library, const char *before, const char *name, const char *behind, void *function) {
  char decorated[64];
  snprintf(decorated, sizeof decorated, "%s%s%s", before, name, behind);
  void *address = dlsym(library, decorated);
  memcpy(function, &address, sizeof address);
  return address != NULL;
}

/* All functions under one decoration; false without a matrix product. */
static bool find_functions(tsr_blas *blas, int d) {
  const char *before = decorations[d].before, *c = decorations[d].behind_c, *fortran = decorations[d].behind_fortran;
  tsr_blas_functions *f = &blas->f;
  if (!find(blas->library, before, "cblas_sgemm", c, &f->gemm)) return false;
  find(blas->library, before, "cblas_sgemv", c, &f->gemv);
  find(blas->library, before, "cblas_ssyrk", c, &f->syrk);
  find(blas->library, before, "cblas_strsm", c, &f->trsm);
  find(blas->library, before, "spotrf", fortran, &f->potrf);
  find(blas->library, before, "sgetrf", fortran, &f->getrf);
  find(blas->library, before, "sgeqrf", fortran, &f->geqrf);
  find(blas->library, before, "sorgqr", fortran, &f->orgqr);
  find(blas->library, before, "sgesdd", fortran, &f->gesdd);
  find(blas->library, before, "ssyevd", fortran, &f->syevd);
  return true;
}

/* What the library is, by the functions that only it has. */
static void find_threads(tsr_blas *blas, int d) {
  static const struct {
    const char *kind, *set, *get;
  } kinds[] = {{"openblas", "openblas_set_num_threads", "openblas_get_num_threads"},
               {"mkl", "MKL_Set_Num_Threads", "MKL_Get_Max_Threads"},
               {"blis", "bli_thread_set_num_threads", "bli_thread_get_num_threads"}};
  const char *before = decorations[d].before, *behind = decorations[d].behind_c;
  strcpy(blas->kind, strstr(blas->path, "Accelerate") ? "accelerate" : "blas");
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (!find(blas->library, before, kinds[i].set, behind, &blas->set_threads)) continue;
    find(blas->library, before, kinds[i].get, behind, &blas->get_threads);
    strcpy(blas->kind, kinds[i].kind);
    return;
  }
}

static void *refuse(tsr_run *run, tsr_blas *blas, const char *path, const char *why) {
  bool named = strncmp(why, path, strlen(path)) == 0;
  snprintf(run->trouble, sizeof run->trouble, "%s%s%s", named ? "" : path, named ? "" : ": ", why);
  if (blas && blas->library) dlclose(blas->library);
  free(blas);
  return NULL;
}

static void *open_blas(tsr_run *run, const char *path) {
  tsr_blas *blas = calloc(1, sizeof *blas);
  if (!blas) return refuse(run, NULL, path, "no memory");
  snprintf(blas->path, sizeof blas->path, "%s", path);
  blas->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!blas->library) return refuse(run, blas, path, dlerror());
  int d = 0;
  while (d < DECORATIONS && !find_functions(blas, d)) d++;
  if (d == DECORATIONS) return refuse(run, blas, path, "the library has no cblas_sgemm");
  find_threads(blas, d);
  blas->wide = blas->f.getrf ? tsr_blas_is_wide(&blas->f) : false;
  return blas;
}

/* The library stays in memory: its threads may still stand in its code. */
static void close_blas(void *state) { free(state); }

static bool has_function(const tsr_blas_functions *f, tsr_op_id id) {
  switch (id) {
    case TSR_OP_GEMM: return f->gemm;
    case TSR_OP_SYRK: return f->syrk;
    case TSR_OP_TRSM: return f->trsm;
    case TSR_OP_POTRF: return f->potrf;
    case TSR_OP_GETRF: return f->getrf;
    case TSR_OP_GEQRF: return f->geqrf && f->orgqr;
    case TSR_OP_GESDD: return f->gesdd;
    case TSR_OP_SYEVD: return f->syevd;
    default: return false;
  }
}

/* Operands with numbers, of sizes that its integers hold. */
static bool can(const void *state, const tsr_op *op) {
  const tsr_blas *blas = state;
  size_t most = blas->wide ? INT64_MAX : INT32_MAX;
  for (uint32_t i = 0; i < op->operands; i++) {
    const tsr_view *v = &op->v[i];
    if (v->rows == 0 || v->cols == 0 || v->rows > most || v->ld > most) return false;
  }
  bool product = op->id == TSR_OP_GEMM || op->id == TSR_OP_SYRK || op->id == TSR_OP_TRSM;
  return has_function(&blas->f, op->id) && (!product || tsr_blas_keeps_contract(op));
}

static int describe(const void *state, char *json, size_t capacity) {
  const tsr_blas *blas = state;
  char path[sizeof blas->path];
  tsr_plain_text(blas->path, path, sizeof path);
  return snprintf(json, capacity, "{\"library\":\"%s\",\"kind\":\"%s\",\"integers\":%d,\"lapack\":%s}", path,
                  blas->kind, blas->wide ? 64 : 32, blas->f.gesdd && blas->f.syevd && blas->f.geqrf ? "true" : "false");
}

/* Runs the operation with as many threads as this library's own pool has, and leaves the number as it was. */
static int32_t with_threads(tsr_run *run, const tsr_op *op, tsr_kernel kernel) {
  const tsr_blas *blas = tsr_blas_of(run);
  if (!blas->set_threads || !blas->get_threads) return kernel(run, op);
  int before = blas->get_threads();
  blas->set_threads(tsr_pool_threads(run->pool));
  int32_t status = kernel(run, op);
  blas->set_threads(before);
  return status;
}

#define TSR_BLAS_OP(name)                                     \
  static int32_t name(tsr_run *run, const tsr_op *op) {       \
    return with_threads(run, op, tsr_blas_##name);            \
  }
TSR_BLAS_OP(gemm) TSR_BLAS_OP(syrk) TSR_BLAS_OP(trsm) TSR_BLAS_OP(potrf)
TSR_BLAS_OP(getrf) TSR_BLAS_OP(geqrf) TSR_BLAS_OP(gesdd) TSR_BLAS_OP(syevd)

static const tsr_engine engine = {
    "blas",
    {
        [TSR_OP_GEMM] = gemm, [TSR_OP_SYRK] = syrk, [TSR_OP_TRSM] = trsm, [TSR_OP_POTRF] = potrf,
        [TSR_OP_GETRF] = getrf, [TSR_OP_GEQRF] = geqrf, [TSR_OP_GESDD] = gesdd, [TSR_OP_SYEVD] = syevd,
    }
};

const tsr_vendor tsr_blas_vendor = {&engine, open_blas, close_blas, can, describe};
