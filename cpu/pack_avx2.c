/* pack_avx2.c: copies operands of a product into panels, with AVX2: as float or widened to double, as they lie or
 * transposed. Panels are as wide as the tiles of AVX2 and of AVX-512. */
#include "gemm.h"
#ifdef __AVX2__
#include "kernel_avx2.h"

enum { LANES = 8, ROWS_AHEAD = 4 };
_Static_assert((int)TSR_PACK_SLACK > (int)LANES, "panels of 6 and 14 are written in eights");

INLINE void put(const bool wide, void *to, size_t at, __m256 x) {
  if (wide) {
    _mm256_storeu_pd((double *)to + at, _mm256_cvtps_pd(_mm256_castps256_ps128(x)));
    _mm256_storeu_pd((double *)to + at + 4, _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1)));
  } else {
    _mm256_storeu_ps((float *)to + at, x);
  }
}

/* As they lie. All panels that can be read in full vectors at once, so that memory is read in order; */
INLINE void copy(const bool wide, const size_t w, size_t panels, const tsr_pack *p, void *to) {
  for (size_t t = 0; t < p->k; t++) {
    const float *from = p->from + t * p->ld;
    size_t at = t * w;
    for (size_t panel = 0; panel < panels; panel++, at += p->panel, from += w) {
      _mm_prefetch((const char *)(from + ROWS_AHEAD * p->ld), _MM_HINT_T0);
      UNROLL for (size_t h = 0; h < w; h += LANES) put(wide, to, at + h, _mm256_loadu_ps(from + h));
    }
  }
}

/* and a panel that cannot. */
INLINE void copy_part(const bool wide, const size_t w, size_t panel, const tsr_pack *p, void *to) {
  size_t left = tsr_min(p->width - panel * w, w), at = panel * p->panel;
  __m256i mask[4];
  UNROLL for (size_t h = 0; h < w; h += LANES) mask[h / LANES] = tsr_mask(left > h ? left - h : 0);
  const float *from = p->from + panel * w;
  for (size_t t = 0; t < p->k; t++, from += p->ld, at += w) {
    UNROLL for (size_t h = 0; h < w; h += LANES) put(wide, to, at + h, _mm256_maskload_ps(from + h, mask[h / LANES]));
  }
}

INLINE void transpose8(__m256 *r) {
  __m256 t[8];
  UNROLL for (int i = 0; i < 4; i++) {
    t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
  UNROLL for (int i = 0; i < 2; i++) {
    UNROLL for (int j = 0; j < 2; j++) {
      r[4 * i + 2 * j] = _mm256_shuffle_ps(t[4 * i + j], t[4 * i + j + 2], _MM_SHUFFLE(1, 0, 1, 0));
      r[4 * i + 2 * j + 1] = _mm256_shuffle_ps(t[4 * i + j], t[4 * i + j + 2], _MM_SHUFFLE(3, 2, 3, 2));
    }
  }
  UNROLL for (int i = 0; i < 4; i++) {
    t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
    t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
  }
  UNROLL for (int i = 0; i < 8; i++) r[i] = t[i];
}

/* Up to eight lines, transposed in blocks of 8x8. */
INLINE void transpose_lines(const bool wide, const size_t w, size_t lines, size_t k, const float *from, size_t ld,
                            void *to, size_t at) {
  for (size_t t = 0; t < k; t += LANES) {
    __m256 r[LANES];
    size_t left = k - t;
    if (left >= LANES) {
      UNROLL for (size_t i = 0; i < LANES; i++)
        r[i] = i < lines ? _mm256_loadu_ps(from + i * ld + t) : _mm256_setzero_ps();
    } else {
      __m256i mask = tsr_mask(left);
      UNROLL for (size_t i = 0; i < LANES; i++)
        r[i] = i < lines ? _mm256_maskload_ps(from + i * ld + t, mask) : _mm256_setzero_ps();
    }
    transpose8(r);
    if (left >= LANES) {
      UNROLL for (size_t i = 0; i < LANES; i++) put(wide, to, at + (t + i) * w, r[i]);
    } else {
      for (size_t i = 0; i < left; i++) put(wide, to, at + (t + i) * w, r[i]);
    }
  }
}

INLINE void pack(const bool wide, const size_t w, const tsr_pack *p, void *to) {
  if (!p->transpose) {
    const size_t read = (w + LANES - 1) / LANES * LANES;
    size_t whole = p->width < read ? 0 : (p->width - read) / w + 1;
    copy(wide, w, whole, p, to);
    for (; whole * w < p->width; whole++) copy_part(wide, w, whole, p, to);
    return;
  }
  for (size_t panel = 0; panel * w < p->width; panel++) {
    size_t left = tsr_min(p->width - panel * w, w);
    /* From the last eight to the first: where they reach over the panel's width they spoil the next step's first. */
    for (size_t eight = (w + LANES - 1) / LANES; eight-- > 0;) {
      size_t h = eight * LANES, lines = left > h ? tsr_min(left - h, LANES) : 0;
      const float *from = p->from + (panel * w + tsr_min(h, left)) * p->ld;
      transpose_lines(wide, w, lines, p->k, from, p->ld, to, panel * p->panel + h);
    }
  }
}

void tsr_pack_avx2(const tsr_pack *p, float *to) {
  switch (p->w) {
    case 6: pack(false, 6, p, to); break;
    case 14: pack(false, 14, p, to); break;
    case 16: pack(false, 16, p, to); break;
    default: pack(false, 32, p, to); break;
  }
}

void tsr_pack64_avx2(const tsr_pack *p, double *to) {
  switch (p->w) {
    case 6: pack(true, 6, p, to); break;
    case 8: pack(true, 8, p, to); break;
    case 14: pack(true, 14, p, to); break;
    default: pack(true, 16, p, to); break;
  }
}

void tsr_transpose_avx2(size_t m, size_t n, const float *from, size_t ld_from, float *to, size_t ld_to) {
  for (size_t j = 0; j < n; j += LANES) {
    size_t lines = tsr_min(n - j, LANES);
    __m256i across = tsr_mask(lines);
    for (size_t i = 0; i < m; i += LANES) {
      __m256 r[LANES];
      size_t left = tsr_min(m - i, LANES);
      const float *at = from + i * ld_from + j;
      if (left == LANES && lines == LANES) {
        UNROLL for (size_t l = 0; l < LANES; l++) r[l] = _mm256_loadu_ps(at + l * ld_from);
        transpose8(r);
        UNROLL for (size_t l = 0; l < LANES; l++) _mm256_storeu_ps(to + (j + l) * ld_to + i, r[l]);
        continue;
      }
      UNROLL for (size_t l = 0; l < LANES; l++)
        r[l] = l < left ? _mm256_maskload_ps(at + l * ld_from, across) : _mm256_setzero_ps();
      transpose8(r);
      __m256i along = tsr_mask(left);
      for (size_t l = 0; l < lines; l++) _mm256_maskstore_ps(to + (j + l) * ld_to + i, along, r[l]);
    }
  }
}
#endif
