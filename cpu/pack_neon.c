/* pack_neon.c: copies operands of a product into panels, with NEON: as float or widened to double, as they lie or
 * transposed. */
#include "gemm.h"
#ifdef __aarch64__
#include <arm_neon.h>
#include <string.h>
#include "kernel_neon.h"

#define UNROLL _Pragma("GCC unroll 16")
#define INLINE static inline __attribute__((always_inline))

enum { LANES = 4, NR = 8, ROWS_AHEAD = 4 };

INLINE void put(const bool wide, void *to, size_t at, float32x4_t x) {
  if (wide) {
    vst1q_f64((double *)to + at, vcvt_f64_f32(vget_low_f32(x)));
    vst1q_f64((double *)to + at + 2, vcvt_high_f64_f32(x));
  } else {
    vst1q_f32((float *)to + at, x);
  }
}

/* The first n numbers; zeros behind them. */
INLINE float32x4_t take(const float *from, size_t n) {
  float some[LANES] = {0};
  if (n >= LANES) return vld1q_f32(from);
  for (size_t i = 0; i < n; i++) some[i] = from[i];
  return vld1q_f32(some);
}

/* As they lie: memory is read in order. */
INLINE void copy(const bool wide, const size_t w, const tsr_pack *p, void *to) {
  for (size_t t = 0; t < p->k; t++) {
    const float *from = p->from + t * p->ld;
    for (size_t line = 0, at = t * w; line < p->width; line += w, at += p->panel) {
      size_t left = p->width - line;
      __builtin_prefetch(from + line + ROWS_AHEAD * p->ld, 0, 3);
      UNROLL for (size_t h = 0; h < w; h += LANES) {
        put(wide, to, at + h, left > h ? take(from + line + h, left - h) : vdupq_n_f32(0));
      }
    }
  }
}

INLINE void transpose4(float32x4_t *r) {
  float64x2_t even01 = vreinterpretq_f64_f32(vtrn1q_f32(r[0], r[1])),
              odd01 = vreinterpretq_f64_f32(vtrn2q_f32(r[0], r[1])),
              even23 = vreinterpretq_f64_f32(vtrn1q_f32(r[2], r[3])),
              odd23 = vreinterpretq_f64_f32(vtrn2q_f32(r[2], r[3]));
  r[0] = vreinterpretq_f32_f64(vtrn1q_f64(even01, even23));
  r[1] = vreinterpretq_f32_f64(vtrn1q_f64(odd01, odd23));
  r[2] = vreinterpretq_f32_f64(vtrn2q_f64(even01, even23));
  r[3] = vreinterpretq_f32_f64(vtrn2q_f64(odd01, odd23));
}

/* Up to four lines, transposed in blocks of 4x4. */
INLINE void transpose_lines(const bool wide, const size_t w, size_t lines, size_t k, const float *from, size_t ld,
                            void *to, size_t at) {
  for (size_t t = 0; t < k; t += LANES, at += LANES * w) {
    float32x4_t r[LANES];
    size_t steps = tsr_min(LANES, k - t);
    UNROLL for (size_t i = 0; i < LANES; i++) r[i] = i < lines ? take(from + i * ld + t, k - t) : vdupq_n_f32(0);
    transpose4(r);
    UNROLL for (size_t i = 0; i < LANES; i++) {
      if (i < steps) put(wide, to, at + i * w, r[i]);
    }
  }
}

INLINE void pack(const bool wide, const size_t w, const tsr_pack *p, void *to) {
  if (!p->transpose) {
    copy(wide, w, p, to);
    return;
  }
  for (size_t line = 0, at = 0; line < p->width; line += w, at += p->panel) {
    for (size_t h = 0; h < w; h += LANES) {
      size_t left = p->width - line, lines = left > h ? tsr_min(left - h, LANES) : 0;
      transpose_lines(wide, w, lines, p->k, p->from + (line + tsr_min(h, left)) * p->ld, p->ld, to, at + h);
    }
  }
}

void tsr_pack_neon(const tsr_pack *p, float *to) {
  if (p->w == NR) pack(false, NR, p, to);
  else pack(false, 12, p, to);
}

void tsr_pack64_neon(const tsr_pack *p, double *to) {
  if (p->w == 4) pack(true, 4, p, to);
  else pack(true, 12, p, to);
}

void tsr_transpose_neon(size_t m, size_t n, const float *from, size_t ld_from, float *to, size_t ld_to) {
  for (size_t j = 0; j < n; j += LANES) {
    size_t lines = tsr_min(LANES, n - j);
    for (size_t i = 0; i < m; i += LANES) {
      float32x4_t r[LANES];
      size_t left = tsr_min(LANES, m - i);
      UNROLL for (size_t l = 0; l < LANES; l++)
        r[l] = l < left ? take(from + (i + l) * ld_from + j, lines) : vdupq_n_f32(0);
      transpose4(r);
      UNROLL for (size_t l = 0; l < LANES; l++) {
        if (l < lines) memcpy(to + (j + l) * ld_to + i, &r[l], left * sizeof(float));
      }
    }
  }
}
#endif
