/* conquer.c: stedc and bdsdc as operations: bands taken from DE, values back to it, by divide and conquer or by QL. */
#include <stdlib.h>
#include "fast.h"
#include "reference.h"
#include "stedc.h"

typedef size_t (*workspace_of)(size_t n, bool vectors);

/* The solvers of an operation, over d, e, workspace. */
typedef int32_t (*solver)(tsr_run *run, size_t n, double *d, const double *e, float *Z, size_t ldz, void *workspace);

static int32_t divide(tsr_run *run, size_t n, double *d, const double *e, float *Z, size_t ldz, void *workspace) {
  return tsr_stedc_solve(run, n, d, e, Z, ldz, TSR_STEDC_TOLERANCE, workspace);
}

static int32_t divide_squares(tsr_run *run, size_t n, double *d, const double *e, float *Z, size_t ldz,
                              void *workspace) {
  double *s = workspace; /* the solver keeps d */
  int32_t status = tsr_bdsdc_solve(run, n, d, e, s, Z, ldz, (char *)workspace + (n * sizeof *s + 63) / 64 * 64);
  for (size_t i = 0; i < n; i++) d[i] = s[i];
  return status;
}

static int32_t ql_squares(tsr_run *run, size_t n, double *d, const double *e, float *Z, size_t ldz, void *workspace) {
  double *s = workspace;
  int32_t status = tsr_bdsdc_reference(run, n, d, e, s, Z, ldz, (char *)workspace + (n * sizeof *s + 63) / 64 * 64);
  for (size_t i = 0; i < n; i++) d[i] = s[i];
  return status;
}

/* Memory of its own: the products inside use the run's scratch. */
static int32_t solve(tsr_run *run, const tsr_op *op, workspace_of workspace, solver f, uint32_t tile) {
  const tsr_view *DE = &op->v[0], *Z = &op->v[1];
  size_t n = DE->cols;
  bool vectors = Z->rows > 0;
  void *memory;
  run->tile = tile;
  if (n == 0) return TSR_OK;
  size_t bytes = workspace(n, vectors) + (n * sizeof(double) + 63) / 64 * 64;
  if (posix_memalign(&memory, 64, bytes) != 0) return TSR_E_MEMORY;
  double *d = DE->data;
  int32_t status = f(run, n, d, d + DE->ld, vectors ? Z->data : NULL, Z->ld, memory);
  run->tile = tile; /* the products inside have set theirs */
  free(memory);
  return status;
}

int32_t tsr_fast_stedc(tsr_run *run, const tsr_op *op) {
  return solve(run, op, tsr_stedc_workspace, divide, TSR_TILE_PACKED);
}

int32_t tsr_fast_bdsdc(tsr_run *run, const tsr_op *op) {
  return solve(run, op, tsr_bdsdc_workspace, divide_squares, TSR_TILE_PACKED);
}

int32_t tsr_reference_stedc(tsr_run *run, const tsr_op *op) {
  return solve(run, op, tsr_stedc_reference_workspace, tsr_stedc_reference, TSR_TILE_REFERENCE);
}

int32_t tsr_reference_bdsdc(tsr_run *run, const tsr_op *op) {
  return solve(run, op, tsr_bdsdc_reference_workspace, ql_squares, TSR_TILE_REFERENCE);
}
