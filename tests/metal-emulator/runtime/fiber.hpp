/* fiber.hpp: stacks to switch between, one for each thread of a threadgroup. */
#pragma once
#include <cstddef>

namespace emulator {

#ifndef EMULATOR_STACK
#define EMULATOR_STACK (64 << 10)
#endif
constexpr size_t STACK = EMULATOR_STACK;

/* Leaves this stack, keeping its pointer in *save, and continues on another. */
extern "C" void emulator_switch(void **save, void *to);

/* Prepares a stack of STACK bytes so that the first switch to it calls entry, which must never return. `shade` moves
 * the start by a few cache lines: stacks that begin at the same line of each page would fight over one cache set. */
void *new_stack(char *stack, void (*entry)(), unsigned shade);

} /* namespace emulator */
