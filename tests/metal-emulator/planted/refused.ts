// Texts that rung 0 or rung 1 must refuse, each with one fault, and sound ones that both must take.

export interface Translation {
  readonly fault: string;
  readonly text: string;
  readonly rung: 0 | 1;
  /** What the rung says; undefined for a sound text. */
  readonly says: RegExp | undefined;
}

const head = "#include <metal_stdlib>\nusing namespace metal;\n#pragma METAL fp contract(off)\n";
const bindings = "device const uint *gate [[buffer(1)]], device float *x [[buffer(2)]]";
const position = "uint t [[thread_position_in_grid]]";

/** A sound kernel with a body and more parameters of one's own. */
const kernel = (body: string, parameters: string = position, before = ""): string =>
  `${head}${before}\nkernel void f(${bindings}, ${parameters}) {\n  if (*gate == 0u) return;\n  ${body}\n}\n`;

const sound = (fault: string, text: string): Translation => ({ fault, text, rung: 0, says: undefined });
const refused = (fault: string, says: RegExp, text: string): Translation => ({ fault, text, rung: 0, says });
const mistyped = (fault: string, says: RegExp, text: string): Translation => ({ fault, text, rung: 1, says });

const words: readonly Translation[] = [
  refused("the word double", /no double/, kernel("double v = 1; x[t] = float(v);")),
  refused("goto", /no goto/, kernel("goto end; end: x[t] = 1.0f;")),
  refused("an exception", /no such word/, kernel("throw 1;")),
  refused("namespace std", /namespace std/, kernel("x[t] = std::sqrt(x[t]);")),
  refused("a lambda", /lambdas/, kernel("x[t] = [&](float v) { return v; }(1.0f);")),
  refused("a static variable", /static/, kernel("static float v; x[t] = v;")),
  refused("float atomics", /order of threads/, kernel("", "device atomic_float *s [[buffer(3)]]")),
  refused("fast math", /fast math/, kernel("x[t] = fast::exp(x[t]);")),
  refused("C++17", /C\+\+14/, kernel("if constexpr (true) x[t] = 1.0f;")),
  refused("a function of the C library", /C library/, kernel("x[t] = sqrtf(x[t]);")),
  refused("a literal of type double", /ends in f/, kernel("x[t] = 0.5 * x[t];")),
  refused("a hexadecimal float", /hexadecimal floats/, kernel("x[t] = 0x1p-3f * x[t];")),
  refused("a barrier for no memory", /names the memory/, kernel("threadgroup_barrier();")),
  refused("a swizzle", /one component/, kernel("float2 v = float4(x[t]).xy; x[t] = v.x;")),
  refused("a system header", /only <metal_/, kernel("x[t] = 1.0f;", position, "#include <vector>")),
  refused(
    "a helper without inline",
    /starts with inline/,
    kernel("x[t] = g();", position, "float g() { return 1.0f; }"),
  ),
  refused(
    "a template without inline",
    /starts with inline/,
    kernel("", position, "template <typename T> T g() { return T(1); }"),
  ),
  refused("no pragma against contraction", /pragma/, kernel("").replace(/#pragma.*\n/, "")),
  refused("no gate", /the first statement reads it/, kernel("").replace(/if \(\*gate.*\n/, "")),
];

const forms: readonly Translation[] = [
  refused("a parameter without attribute", /needs an attribute/, kernel("", "uint t")),
  refused(
    "an unknown attribute",
    /unknown attribute \[\[thread_position\]\]/,
    kernel("", "uint t [[thread_position]]"),
  ),
  refused("a parameter with two bindings", /two bindings/, kernel("", "device float *y [[buffer(3), buffer(4)]]")),
  refused("a buffer without address space", /without device or constant/, kernel("", "float *y [[buffer(3)]]")),
  refused("buffer 31", /at most 30/, kernel("", "device float *y [[buffer(31)]]")),
  refused("one buffer index twice", /used twice/, kernel("", "device float *y [[buffer(2)]]")),
  refused("threadgroup memory elsewhere", /not threadgroup/, kernel("", "device float *y [[threadgroup(0)]]")),
  refused("a position of type float", /of type float/, kernel("", "float t [[thread_position_in_grid]]")),
  refused(
    "positions of different dimensions",
    /different numbers of dimensions/,
    kernel("", "uint t [[thread_position_in_grid]], uint2 g [[threadgroup_position_in_grid]]"),
  ),
  refused(
    "an unknown attribute of a kernel",
    /unknown attribute \[\[fragment\]\]/,
    kernel("").replace("kernel", "[[fragment]] kernel"),
  ),
  refused("two kernels of one name", /defined twice/, kernel("") + kernel("").slice(head.length)),
  refused(
    "a function constant of another form",
    /must read/,
    kernel("", position, "constant float2 c[2] [[function_constant(0)]];"),
  ),
  refused(
    "one index for two function constants",
    /one index/,
    kernel("", position, "constant bool a [[function_constant(0)]];\nconstant bool b [[function_constant(0)]];"),
  ),
  refused(
    "a condition that is no bool",
    /of type bool/,
    kernel("", "device float *y [[buffer(3), function_constant(a)]]", "constant uint a [[function_constant(0)]];"),
  ),
  refused(
    "a condition on threadgroup memory",
    /only a buffer/,
    kernel(
      "",
      "threadgroup float *y [[threadgroup(0), function_constant(a)]]",
      "constant bool a [[function_constant(0)]];",
    ),
  ),
  refused(
    "an instance of no template",
    /not a kernel template/,
    `${kernel("")}template [[host_name("g")]] kernel g_t g<float>;\n`,
  ),
  refused(
    "an instance without kernel",
    /not marked kernel/,
    `${head}template <typename T> kernel void f(${bindings}) { if (*gate == 0u) return; }\n` +
      'template [[host_name("g")]] void f<float>;\n',
  ),
  refused(
    "one host name twice",
    /given twice/,
    `${head}template <typename T> kernel void f(${bindings}) { if (*gate == 0u) return; }\n` +
      "typedef decltype(f<float>) g_t;\n" +
      'template [[host_name("g")]] kernel g_t f<float>;\n'.repeat(2),
  ),
  refused("a threadgroup variable with a value", /one a statement/, kernel("threadgroup float v = 1.0f; x[t] = v;")),
  refused(
    "two threadgroup variables in a statement",
    /one a statement/,
    kernel("threadgroup float v[4], w[4]; x[t] = v[0] + w[0];"),
  ),
  refused(
    "a threadgroup variable of a helper",
    /at kernel scope/,
    kernel("x[t] = g(t);", position, "inline float g(uint t) { threadgroup float v[4]; v[t] = 1.0f; return v[0]; }"),
  ),
  refused("a missing header", /nothing\.h/, kernel("", position, '#include "nothing.h"')),
  refused("an open bracket", /no bracket closes/, kernel("x[t = 1.0f;")),
];

const types: readonly Translation[] = [
  mistyped(
    "a device pointer taken for threadgroup",
    /cannot initialize.*'threadgroup float \*' with .*'device float \*'/,
    kernel("threadgroup float *p = x; p[t] = 1.0f;"),
  ),
  mistyped(
    "a pointer without address space",
    /cannot initialize.*'float \*' with .*'device float \*'/,
    kernel("float *p = x; p[t] = 1.0f;"),
  ),
  mistyped(
    "a device pointer passed as constant",
    /no matching function/,
    kernel("x[t] = g(x);", position, "inline float g(constant float *p) { return *p; }"),
  ),
  mistyped("constant memory written", /read-only|const/, kernel("*p = 1.0f;", "constant float *p [[buffer(3)]]")),
  mistyped("an unknown name", /undeclared/, kernel("x[t] = y;")),
  mistyped(
    "a vector of too few parts",
    /wrong number of components/,
    kernel("float4 v = float4(1.0f, 2.0f); x[t] = v.x;"),
  ),
  mistyped("ambiguous types of a function", /no matching function/, kernel("x[t] = max(x[t], 1);")),
];

const good: readonly Translation[] = [
  sound("a sound kernel is taken", kernel("x[t] = 0.5f * x[t] + 1e-3f;")),
  sound(
    "a sound kernel with constants, shared memory and helpers is taken",
    kernel(
      "threadgroup float s[2][32];\n  threadgroup_barrier(mem_flags::mem_threadgroup);\n" +
        "  s[0][t] = g(x, t);\n  x[t] = on ? s[0][t] : float(N);",
      position,
      "constant bool on [[function_constant(0)]];\nconstant constexpr uint N = 4u;\n" +
        "inline float g(device const float *x, uint t) { return x[t]; }",
    ).replace(/( *if \(\*gate.*\n)( *threadgroup float.*\n)/, "$2$1"),
  ),
];

export const translations: readonly Translation[] = [...words, ...forms, ...types, ...good];
