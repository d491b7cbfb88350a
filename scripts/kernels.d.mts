// Types of kernels.mjs.
/** A file with every #include "..." replaced by that file, once each; #line tells where each line came from. */
export function resolveText(path: string): string;
/** All of metal/kernels in the order of their names. */
export function kernelSource(): string;
/** A text as the numbers of a C array, for `#include` inside braces. */
export function asBytes(text: string): string;
