/* fiber.cpp: the switch between stacks: own code for x86-64 and arm64, the C library's elsewhere. */
#include "fiber.hpp"
#include <cstring>

#if defined(__APPLE__)
#define SYMBOL "_emulator_switch"
#define HIDDEN ".private_extern _emulator_switch\n"
#else
#define SYMBOL "emulator_switch"
#define HIDDEN ".hidden emulator_switch\n"
#endif

#if defined(__x86_64__)
asm(".text\n.globl " SYMBOL "\n" HIDDEN SYMBOL ":\n"
    "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
    "movq %rsp, (%rdi)\nmovq %rsi, %rsp\n"
    "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n");
constexpr int RETURN = 6, WORDS = 8; /* the last word: a return address of 0, which ends back traces */
#elif defined(__aarch64__)
asm(".text\n.globl " SYMBOL "\n" HIDDEN ".p2align 2\n" SYMBOL ":\n"
    "sub sp, sp, #160\n"
    "stp x19, x20, [sp]\nstp x21, x22, [sp, #16]\nstp x23, x24, [sp, #32]\nstp x25, x26, [sp, #48]\n"
    "stp x27, x28, [sp, #64]\nstp x29, x30, [sp, #80]\n"
    "stp d8, d9, [sp, #96]\nstp d10, d11, [sp, #112]\nstp d12, d13, [sp, #128]\nstp d14, d15, [sp, #144]\n"
    "mov x9, sp\nstr x9, [x0]\nmov sp, x1\n"
    "ldp x19, x20, [sp]\nldp x21, x22, [sp, #16]\nldp x23, x24, [sp, #32]\nldp x25, x26, [sp, #48]\n"
    "ldp x27, x28, [sp, #64]\nldp x29, x30, [sp, #80]\n"
    "ldp d8, d9, [sp, #96]\nldp d10, d11, [sp, #112]\nldp d12, d13, [sp, #128]\nldp d14, d15, [sp, #144]\n"
    "add sp, sp, #160\nret\n");
constexpr int RETURN = 11, WORDS = 20;
#else
#include <ucontext.h>
#endif

namespace emulator {

#if defined(__x86_64__) || defined(__aarch64__)

void *new_stack(char *stack, void (*entry)(), unsigned shade) {
  void **top = reinterpret_cast<void **>(stack + STACK - 64 - (shade % 64) * 192) - WORDS;
  memset(top, 0, WORDS * sizeof *top);
  top[RETURN] = reinterpret_cast<void *>(entry);
  return top;
}

#else

extern "C" void emulator_switch(void **save, void *to) {
  ucontext_t own;
  *save = &own;
  swapcontext(&own, static_cast<ucontext_t *>(to));
}

void *new_stack(char *stack, void (*entry)(), unsigned) {
  auto *context = reinterpret_cast<ucontext_t *>(stack);
  getcontext(context);
  context->uc_stack.ss_sp = stack + 4096;
  context->uc_stack.ss_size = STACK - 4096;
  context->uc_link = nullptr;
  makecontext(context, entry, 0);
  return context;
}

#endif

} /* namespace emulator */
