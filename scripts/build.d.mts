// Types of build.mjs.
export interface Compiler {
  command: string[];
  flags: string[];
  identity: string;
}
/** zig from PATH, else from the venv, else cc. */
export function findCompiler(): Compiler;
/** Compiles C files into one shared library, with the flags of the real one. */
export function compileLibrary(compiler: Compiler, sources: string[], output: string): Promise<void>;
/** Compiles a C file into a program for this machine's own processor. */
export function compileHere(compiler: Compiler, source: string, output: string): Promise<void>;
/** Makes the library of a platform (process.platform and process.arch of where it will run); its path. */
export function buildFor(compiler: Compiler, system: string, arch: string): Promise<string>;
/** Makes a static program for Linux of a C file and the sources of the library; the compiler is zig. Its path. */
export function buildStatic(compiler: Compiler, arch: "arm64" | "x64", source: string): Promise<string>;
/** Makes the library where sources, flags or compiler have changed; its path. */
export function build(): Promise<string>;
