/* random.h: random numbers as pure functions of seed, row and column: Philox 4x32-10, and the normal distribution by
 * inversion. */
#ifndef TSR_RANDOM_H
#define TSR_RANDOM_H
#include <stdint.h>

/* The four random words of a counter under a key. */
void tsr_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]);
/* The standard normal number of a random word. */
float tsr_normal_of(uint32_t word);
/* Element (row, col) of the normal matrix of this seed, as tsr_rand writes it. */
float tsr_normal(const uint32_t seed[2], uint32_t row, uint32_t col);

#endif
