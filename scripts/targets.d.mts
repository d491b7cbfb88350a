// Types of targets.mjs.
/** The flags for the instructions that a C file may use; undefined: it is for another architecture. */
export function instructionFlags(file: string, arch: string, zig: boolean): string[] | undefined;
