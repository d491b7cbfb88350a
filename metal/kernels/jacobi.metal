/* jacobi.metal: the rotations that make a small symmetric block diagonal: parallel cyclic Jacobi in df32 (Brent & Luk
 * 1985). 256 threads, 16704 bytes; grid (blocks).
 *
 * A sweep is a tournament: the columns sit at two rows of `seats`, a step turns the two that face each other, and all
 * but one then move on by a seat. Lane i of every SIMD-group keeps seat i. J lies in registers, eight of its rows in
 * each SIMD-group, and moves with the columns; the lower triangle of G lies in threadgroup memory and stays. Every
 * SIMD-group computes all angles of a step, which costs no more time than waiting for one that does.
 *
 * G is scaled by a power of two, so that of the range of float32 nearly all lies below its largest element. */
#include <metal_stdlib>
using namespace metal;
#include "f64.h"
#include "jacobi_args.h"
#pragma METAL fp contract(off)

constant uint JACOBI_ORDER = 64u;
constant uint JACOBI_GROUPS = 8u; /* SIMD-groups */
constant uint JACOBI_ROWS = 8u;   /* of J in a SIMD-group */
constant uint JACOBI_SWEEPS = 30u;
constant int JACOBI_TOP = 96; /* exponent of the largest number after scaling: sums of 64 such have room */

/* What elements are measured by. */
struct jacobi_measure {
  float2 tolerance;
  float2 floor;
  bool gram;
};

/* Columns p and q become c p - s q and s p + c q. */
struct jacobi_turn {
  float2 c;
  float2 s;
  float2 t;
};

/* Place of an element in the lower triangle. */
inline uint jacobi_at(uint i, uint j) {
  uint row = max(i, j);
  return row * (row + 1u) / 2u + min(i, j);
}

inline float2 jacobi_scaled(scaled x, int shift) {
  return float2(scale_by(x.v.x, x.e - shift), scale_by(x.v.y, x.e - shift));
}

inline scaled jacobi_number(float hi, float lo, int e) { return scaled_of(float2(hi, lo), e); }

/* Element (i,j) of a block; 0 in the row that makes an odd order even. */
inline scaled jacobi_element(constant jacobi_args &p, device const uint *G, uint block, uint i, uint j) {
  if (i >= p.k) return scaled_of(float2(0.0f, 0.0f), 0);
  ulong at = (ulong(block) * p.k + i) * p.g_ld + j;
  if (p.wide == 0u) return scaled_of(float2(as_type<float>(G[at]), 0.0f), 0);
  return f64_load(uint2(G[2ul * at], G[2ul * at + 1ul]));
}

inline float2 jacobi_size(jacobi_measure m, float2 diagonal) {
  float2 root = diagonal.x > 0.0f ? df_sqrt(diagonal) : float2(0.0f, 0.0f);
  return df_less_equal(m.floor, root) ? root : m.floor;
}

inline bool jacobi_small(jacobi_measure m, float2 gpp, float2 gqq, float2 gpq) {
  float2 limit = m.tolerance;
  if (m.gram) limit = df_mul(df_mul(limit, jacobi_size(m, gpp)), jacobi_size(m, gqq));
  return df_less_equal(gpq.x < 0.0f ? df_negate(gpq) : gpq, limit);
}

/* The angle that makes g_pq 0, at most pi/4. Where its cotangent is large, the square would overflow and adds
 * nothing. */
inline jacobi_turn jacobi_angle(float2 gpp, float2 gqq, float2 gpq) {
  const float2 one = float2(1.0f, 0.0f);
  float2 apart = df_sub(gqq, gpp);
  float2 twice = 2.0f * gpq;
  jacobi_turn turn;
  if (fabs(apart.x) > 67108864.0f * fabs(twice.x)) {
    turn.t = df_div(gpq, apart);
  } else {
    float2 cot = df_div(apart, twice);
    float2 size = cot.x < 0.0f ? df_negate(cot) : cot;
    turn.t = df_div(one, df_add(size, df_sqrt(df_add(one, df_mul(cot, cot)))));
    if (cot.x < 0.0f) turn.t = df_negate(turn.t);
  }
  turn.c = df_div(one, df_sqrt(df_add(one, df_mul(turn.t, turn.t))));
  turn.s = df_mul(turn.t, turn.c);
  return turn;
}

inline void jacobi_rotate(float2 c, float2 s, thread float2 &x, thread float2 &y) {
  float2 first = df_sub(df_mul(c, x), df_mul(s, y));
  y = df_add(df_mul(s, x), df_mul(c, y));
  x = first;
}

/* Turns the 2x2 block of two seats' columns. */
inline void jacobi_block(threadgroup float2 *g, uint2 rows, float2 row_c, float2 row_s, uint2 cols, float2 col_c,
                         float2 col_s) {
  uint4 at = uint4(jacobi_at(rows.x, cols.x), jacobi_at(rows.x, cols.y), jacobi_at(rows.y, cols.x),
                   jacobi_at(rows.y, cols.y));
  float2 pp = g[at.x];
  float2 pq = g[at.y];
  float2 qp = g[at.z];
  float2 qq = g[at.w];
  jacobi_rotate(col_c, col_s, pp, pq);
  jacobi_rotate(col_c, col_s, qp, qq);
  jacobi_rotate(row_c, row_s, pp, qp);
  jacobi_rotate(row_c, row_s, pq, qq);
  g[at.x] = pp;
  g[at.y] = pq;
  g[at.z] = qp;
  g[at.w] = qq;
}

/* All blocks off the diagonal: each two seats are some distance up to half of all apart, one way round. */
inline void jacobi_blocks(threadgroup float2 *g, uint2 players, float2 c, float2 s, uint seats, uint lane,
                          uint simdgroup) {
  for (uint apart = simdgroup + 1u; apart <= seats / 2u; apart += JACOBI_GROUPS) {
    ushort to = ushort((lane + apart) % seats);
    uint2 others = simd_shuffle(players, to);
    float2 other_c = simd_shuffle(c, to);
    float2 other_s = simd_shuffle(s, to);
    bool once = 2u * apart < seats || lane < apart;
    bool turned = s.x != 0.0f || other_s.x != 0.0f;
    if (lane < seats && once && turned) jacobi_block(g, players, c, s, others, other_c, other_s);
  }
}

/* One step without the move; whether anything was turned. */
inline bool jacobi_step(jacobi_measure m, threadgroup float2 *g, thread float2 *top, thread float2 *bottom,
                        uint2 players, uint seats, uint lane, uint simdgroup) {
  jacobi_turn turn;
  turn.c = float2(1.0f, 0.0f);
  turn.s = float2(0.0f, 0.0f);
  turn.t = turn.s;
  uint3 at = uint3(jacobi_at(players.x, players.x), jacobi_at(players.y, players.y), jacobi_at(players.x, players.y));
  float2 gpp = turn.s;
  float2 gqq = turn.s;
  float2 gpq = turn.s;
  if (lane < seats) {
    gpp = g[at.x];
    gqq = g[at.y];
    gpq = g[at.z];
  }
  bool turned = lane < seats && !jacobi_small(m, gpp, gqq, gpq);
  if (turned) turn = jacobi_angle(gpp, gqq, gpq);
  bool any = simd_any(turned);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  if (turned && simdgroup == 0u) {
    float2 part = df_mul(turn.t, gpq);
    g[at.x] = df_sub(gpp, part);
    g[at.y] = df_add(gqq, part);
    g[at.z] = float2(0.0f, 0.0f);
  }
  if (any) {
    jacobi_blocks(g, players, turn.c, turn.s, seats, lane, simdgroup);
#pragma unroll
    for (uint q = 0u; q < JACOBI_ROWS; q++) jacobi_rotate(turn.c, turn.s, top[q], bottom[q]);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  return any;
}

/* What seats have after a move: the first on top stays, the others go round by it, on top to the right. */
template <class T> inline void jacobi_move(thread T &top, thread T &bottom, uint seats, uint lane) {
  T right = lane == 0u ? bottom : top;
  T from_left = simd_shuffle(right, ushort(max(lane, 1u) - 1u));
  T from_right = simd_shuffle(bottom, ushort(min(lane, 30u) + 1u));
  bottom = lane == seats - 1u ? top : from_right;
  if (lane != 0u) top = from_left;
}

/* Whether anything was turned. After a whole sweep everyone sits where it sat before. */
inline bool jacobi_sweep(jacobi_measure m, threadgroup float2 *g, thread float2 *top, thread float2 *bottom,
                         uint2 players, uint seats, uint lane, uint simdgroup) {
  bool any = false;
  for (uint step = 0u; step < 2u * seats - 1u; step++) {
    bool turned = jacobi_step(m, g, top, bottom, players, seats, lane, simdgroup);
    any = any || turned;
    if (seats == 1u) break;
    uint x = players.x;
    uint y = players.y;
    jacobi_move(x, y, seats, lane);
    players = uint2(x, y);
    for (uint q = 0u; q < JACOBI_ROWS; q++) jacobi_move(top[q], bottom[q], seats, lane);
  }
  return any;
}

/* How many diagonal elements come before that of column i in falling order. */
inline uint jacobi_rank(threadgroup const float2 *g, uint k, uint i) {
  float2 own = g[jacobi_at(i, i)];
  uint rank = 0u;
  for (uint j = 0u; j < k; j++) {
    float2 other = g[jacobi_at(j, j)];
    bool equal = other.x == own.x && other.y == own.y;
    if (equal ? j < i : df_less_equal(own, other)) rank++;
  }
  return rank;
}

/* The power of two to scale by, and in `m` what the scaled elements are measured by; even for Gram matrices, whose
 * lengths are scaled by half of it. */
inline int jacobi_scale(constant jacobi_args &p, int largest, thread jacobi_measure &m) {
  scaled tolerance = jacobi_number(p.tolerance.hi, p.tolerance.lo, p.tolerance.exponent);
  scaled floor = jacobi_number(p.floor.hi, p.floor.lo, p.floor.exponent);
  m.gram = p.gram != 0u;
  int shift = max(largest, m.gram ? 2 * floor.e : tolerance.e) - JACOBI_TOP;
  if (m.gram) shift -= shift & 1;
  m.tolerance = jacobi_scaled(tolerance, m.gram ? 0 : shift);
  m.floor = m.gram ? jacobi_scaled(floor, shift / 2) : float2(0.0f, 0.0f);
  return shift;
}

/* J without turns: the unit matrix, or NaN. */
inline void jacobi_plain(constant jacobi_args &p, device float *J, uint block, float diagonal, float other, uint t) {
  for (uint e = t; e < p.k * p.k; e += 32u * JACOBI_GROUPS) {
    uint i = e / p.k;
    uint j = e % p.k;
    J[(ulong(block) * p.k + i) * p.j_ld + j] = i == j ? diagonal : other;
  }
}

/* The largest exponent of a block, and whether it has a NaN or Inf. */
inline bool jacobi_survey(constant jacobi_args &p, device const uint *G, uint block, threadgroup int *exponents,
                          threadgroup uint *flags, thread int &largest, uint lane, uint simdgroup) {
  bool special = false;
  for (uint i = simdgroup; i < p.k; i += JACOBI_GROUPS) {
    for (uint j = lane; j <= i; j += 32u) {
      scaled x = jacobi_element(p, G, block, i, j);
      special = special || is_special(x.v.x);
      largest = max(largest, x.e);
    }
  }
  largest = simd_max(largest);
  special = simd_any(special);
  if (lane == 0u) {
    exponents[simdgroup] = largest;
    flags[simdgroup] = special ? 1u : 0u;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint s = 0u; s < JACOBI_GROUPS; s++) {
    largest = max(largest, exponents[s]);
    special = special || flags[s] != 0u;
  }
  return special;
}

/* Whether any element is not small. */
inline bool jacobi_turns(constant jacobi_args &p, thread const jacobi_measure &m, threadgroup const float2 *g,
                         threadgroup uint *flags, uint lane, uint simdgroup) {
  bool turn = false;
  for (uint i = simdgroup; i < p.k; i += JACOBI_GROUPS) {
    for (uint j = lane; j < i; j += 32u) {
      bool is_small = jacobi_small(m, g[jacobi_at(i, i)], g[jacobi_at(j, j)], g[jacobi_at(i, j)]);
      turn = turn || !is_small;
    }
  }
  turn = simd_any(turn);
  if (lane == 0u) flags[simdgroup] = turn ? 1u : 0u;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint s = 0u; s < JACOBI_GROUPS; s++) turn = turn || flags[s] != 0u;
  return turn;
}

kernel void jacobi_blocks_of(constant jacobi_args &p [[buffer(0)]], device const uint *gate [[buffer(1)]],
                             device const uint *G [[buffer(2)]], device float *J [[buffer(3)]],
                             device uint *words [[buffer(4)]], uint group [[threadgroup_position_in_grid]],
                             uint t [[thread_index_in_threadgroup]], uint lane [[thread_index_in_simdgroup]],
                             uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup float2 g[JACOBI_ORDER * (JACOBI_ORDER + 1u) / 2u];
  threadgroup int exponents[JACOBI_GROUPS];
  threadgroup uint flags[JACOBI_GROUPS];
  if (*gate == 0u) return;
  uint block = p.first + group;
  uint seats = (p.k + 1u) / 2u;

  int largest = SCALED_ZERO;
  bool special = jacobi_survey(p, G, block, exponents, flags, largest, lane, simdgroup);

  jacobi_measure m;
  int shift = jacobi_scale(p, largest, m);
  for (uint i = simdgroup; i < 2u * seats; i += JACOBI_GROUPS) {
    for (uint j = lane; j <= i; j += 32u) g[jacobi_at(i, j)] = jacobi_scaled(jacobi_element(p, G, block, i, j), shift);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  bool turn = jacobi_turns(p, m, g, flags, lane, simdgroup);
  if (t == 0u) words[block] = special || turn ? 1u : 0u;
  if (special || !turn) {
    float lost = as_type<float>(0x7fc00000u);
    jacobi_plain(p, J, block, special ? lost : 1.0f, special ? lost : 0.0f, t);
    return;
  }

  /* Rounding leaves 2^-46 of what is turned. */
  float2 least = float2(m.gram ? power_of_two(-46) : scale_by(1.0f, largest - shift - 46), 0.0f);
  float2 fine = 0.0625f * m.tolerance;
  m.tolerance = df_less_equal(least, fine) ? fine : least;
  uint2 players = uint2(lane, 2u * seats - 1u - min(lane, seats - 1u));
  float2 top[JACOBI_ROWS];
  float2 bottom[JACOBI_ROWS];
  for (uint q = 0u; q < JACOBI_ROWS; q++) {
    uint row = simdgroup + JACOBI_GROUPS * q;
    top[q] = float2(row == players.x ? 1.0f : 0.0f, 0.0f);
    bottom[q] = float2(row == players.y ? 1.0f : 0.0f, 0.0f);
  }
  for (uint sweep = 0u; sweep < JACOBI_SWEEPS; sweep++) {
    if (!jacobi_sweep(m, g, top, bottom, players, seats, lane, simdgroup)) break;
  }

  if (lane >= seats) return;
  uint2 to = players;
  if (m.gram) to.x = jacobi_rank(g, p.k, players.x);
  if (m.gram && players.y < p.k) to.y = jacobi_rank(g, p.k, players.y);
  for (uint q = 0u; q < JACOBI_ROWS; q++) {
    uint row = simdgroup + JACOBI_GROUPS * q;
    if (row >= p.k) continue;
    ulong at = (ulong(block) * p.k + row) * p.j_ld;
    J[at + to.x] = top[q].x;
    if (players.y < p.k) J[at + to.y] = bottom[q].x;
  }
}
