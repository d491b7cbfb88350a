/* triangle.h: numbers of the tiles of a triangle, row by row: 0; 1 2; 3 4 5; ... */
#ifndef TSR_TRIANGLE_H
#define TSR_TRIANGLE_H

/* Row of tile t: the largest r with r(r+1)/2 <= t, bit by bit in integers, so it is exact for every t < 2^31. */
inline uint triangle_row(uint t) {
  uint row = 0u;
  for (uint bit = 1u << 15; bit != 0u; bit >>= 1) {
    const uint next = row | bit;
    if (next * (next + 1u) / 2u <= t) row = next;
  }
  return row;
}

#endif
