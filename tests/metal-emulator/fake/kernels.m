// Libraries, functions and pipelines of the fake: the kernels come from an emulation library made of the same .metal
// files, found by TSR_EMULATED_KERNELS; a text that differs from those files is an error, so nothing stale is tested.
#import "fake.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
  char path[4096];
  uint32_t (*abi)(void), (*module_count)(void);
  const emulator_module *(*module_at)(uint32_t);
  int32_t (*run)(const emulator_launch *, char *, size_t);
} emulator;

/* Opens the emulation library; NULL, or why not. Once opened it stays: pipelines point into it. */
static const char *open_emulator(void) {
  static char why[512];
  const char *path = fake_kernels();
  if (!path) return "TSR_EMULATED_KERNELS names no emulation library";
  if (!strcmp(path, emulator.path)) return NULL;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    snprintf(why, sizeof why, "TSR_EMULATED_KERNELS: %s", dlerror());
    return why;
  }
  emulator.abi = (uint32_t(*)(void))dlsym(library, "emulator_abi");
  emulator.module_count = (uint32_t(*)(void))dlsym(library, "emulator_module_count");
  emulator.module_at = (const emulator_module *(*)(uint32_t))dlsym(library, "emulator_module_at");
  emulator.run = (int32_t(*)(const emulator_launch *, char *, size_t))dlsym(library, "emulator_run");
  if (!emulator.abi || !emulator.module_count || !emulator.module_at || !emulator.run) {
    return "TSR_EMULATED_KERNELS is not an emulation library";
  }
  if (emulator.abi() != EMULATOR_ABI) return "the emulation library has another version of emulator.h";
  snprintf(emulator.path, sizeof emulator.path, "%s", path);
  return NULL;
}

/* Marks the modules whose texts, one behind the other, are the source; false when it is made of anything else. */
static bool match_modules(const char *source, bool *modules) {
  while (*source) {
    uint32_t i = 0, count = emulator.module_count();
    for (; i < count; i++) {
      const emulator_module *module = emulator.module_at(i);
      if (!modules[i] && !strncmp(source, module->source, module->source_length)) break;
    }
    if (i == count) return false;
    modules[i] = true;
    source += emulator.module_at(i)->source_length;
  }
  return true;
}

EmulatedLibrary *fake_library(NSString *source, MTLCompileOptions *options, NSError **error) {
  if (!options || (options->fast && options->mode != MTLMathModeSafe)) {
    fake_misuse("newLibraryWithSource with fast math: ask for mathMode safe, or fastMathEnabled NO");
  }
  const char *why = open_emulator();
  bool *modules = why ? NULL : fake_allocate(emulator.module_count() + 1);
  if (!why && (![source length] || !match_modules([source UTF8String], modules))) {
    why = "the emulation library was built from another text: build it again";
  }
  if (why) {
    free(modules);
    if (error) *error = fake_error(3, why);
    return nil;
  }
  EmulatedLibrary *library = [[EmulatedLibrary alloc] init];
  library->modules = modules;
  return library;
}

@implementation MTLCompileOptions
- (id)init {
  fast = YES;
  mode = MTLMathModeFast;
  version = MTLLanguageVersion3_2;
  return self;
}

- (BOOL)fastMathEnabled {
  return fast;
}

- (void)setFastMathEnabled:(BOOL)enabled {
  fast = enabled;
}

- (MTLMathMode)mathMode {
  return mode;
}

- (void)setMathMode:(MTLMathMode)wanted {
  mode = wanted;
}

- (MTLLanguageVersion)languageVersion {
  return version;
}

- (void)setLanguageVersion:(MTLLanguageVersion)wanted {
  version = wanted;
}
@end

@implementation MTLFunctionConstantValues
- (void)setConstantValue:(const void *)value type:(MTLDataType)type atIndex:(NSUInteger)index {
  if (index >= sizeof constant / sizeof *constant) {
    fake_misuse("function constant %lu: the fake knows 0 to 63", index);
    return;
  }
  constant[index].type = type;
  constant[index].bits = 0;
  memcpy(&constant[index].bits, value, type == MTLDataTypeBool ? 1 : 4);
}
@end

static const char *type_name(MTLDataType type) {
  switch (type) {
    case MTLDataTypeFloat: return "float";
    case MTLDataTypeInt: return "int";
    case MTLDataTypeUInt: return "uint";
    case MTLDataTypeBool: return "bool";
  }
  return "unknown";
}

/* Takes the values that the module declares; a value for a number that it does not know is legal and unused. */
static void specialise(EmulatedFunction *function, const emulator_module *module, MTLFunctionConstantValues *values) {
  for (uint32_t i = 0; i < module->constant_count; i++) {
    const emulator_constant *known = &module->constants[i];
    if (known->index >= 64 || !values->constant[known->index].type) continue;
    const char *given = type_name(values->constant[known->index].type);
    if (strcmp(given, known->type)) {
      fake_misuse("function constant %u, %s, is a %s and was given a %s", known->index, known->name, known->type,
                  given);
    }
    function->constants[function->constantCount++] =
        (emulator_value){known->index, values->constant[known->index].bits};
  }
}

@implementation EmulatedLibrary
- (id<MTLFunction>)newFunctionWithName:(NSString *)name {
  return [self newFunctionWithName:name constantValues:nil error:NULL];
}

- (id<MTLFunction>)newFunctionWithName:(NSString *)name
                        constantValues:(MTLFunctionConstantValues *)values
                                 error:(NSError **)error {
  for (uint32_t i = 0; i < emulator.module_count(); i++) {
    const emulator_module *module = emulator.module_at(i);
    for (uint32_t k = 0; modules[i] && k < module->kernel_count; k++) {
      if (strcmp(module->kernels[k].name, [name UTF8String])) continue;
      EmulatedFunction *function = [[EmulatedFunction alloc] init];
      function->kernel = &module->kernels[k];
      if (values) specialise(function, module, values);
      return function;
    }
  }
  char why[256];
  snprintf(why, sizeof why, "the library has no function %.200s", [name UTF8String]);
  if (error) *error = fake_error(5, why);
  return nil;
}

- (void)dealloc {
  free(modules);
  [super dealloc];
}
@end

@implementation EmulatedFunction
- (NSString *)name {
  return [NSString stringWithUTF8String:kernel->name];
}
@end

EmulatedPipeline *fake_pipeline(EmulatedFunction *function, NSError **error) {
  if (!function) {
    fake_misuse("newComputePipelineStateWithFunction: nil");
    if (error) *error = fake_error(3, "there is no function");
    return nil;
  }
  EmulatedPipeline *pipeline = [[EmulatedPipeline alloc] init];
  pipeline->function = [function retain];
  return pipeline;
}

@implementation EmulatedPipeline
- (NSUInteger)maxTotalThreadsPerThreadgroup {
  NSUInteger most = (NSUInteger)fake_number(FAKE_THREADS), own = function->kernel->max_threads;
  return own && own < most ? own : most;
}

- (NSUInteger)threadExecutionWidth {
  return EMULATOR_SIMD_WIDTH;
}

/* The emulator counts these bytes at the launch, and refuses more than the limit there. */
- (NSUInteger)staticThreadgroupMemoryLength {
  return 0;
}

- (void)dealloc {
  [function release];
  [super dealloc];
}
@end

static bool switched_off(const EmulatedFunction *function, int32_t condition) {
  if (condition < 0) return false;
  for (uint32_t i = 0; i < function->constantCount; i++) {
    if (function->constants[i].index == (uint32_t)condition) return !function->constants[i].bits;
  }
  return true;
}

bool fake_dispatch_complete(const fake_dispatch *dispatch) {
  const emulator_kernel *kernel = dispatch->pipeline->function->kernel;
  bool complete = true;
  for (uint32_t i = 0; i < kernel->parameter_count; i++) {
    const emulator_parameter *parameter = &kernel->parameters[i];
    if (switched_off(dispatch->pipeline->function, parameter->condition)) continue;
    bool missing = parameter->kind == EMULATOR_BUFFER ? !dispatch->binding[parameter->index].bytes
                   : parameter->kind == EMULATOR_THREADGROUP ? !dispatch->local[parameter->index] : false;
    if (!missing) continue;
    complete = false;
    fake_misuse("%s: nothing is bound for %s, %s(%u)", kernel->name, parameter->name,
                parameter->kind == EMULATOR_BUFFER ? "buffer" : "threadgroup", parameter->index);
  }
  return complete;
}

bool fake_dispatch_run(const fake_dispatch *dispatch, char *why, size_t capacity) {
  const EmulatedFunction *function = dispatch->pipeline->function;
  emulator_launch launch = {
      .kernel = function->kernel,
      .constant_count = function->constantCount,
      .order = (uint32_t)fake_number(FAKE_ORDER),
      .checks = (uint32_t)fake_number(FAKE_CHECK),
  };
  memcpy(launch.groups, dispatch->groups, sizeof launch.groups);
  memcpy(launch.group_size, dispatch->threads, sizeof launch.group_size);
  memcpy(launch.threadgroup_bytes, dispatch->local, sizeof launch.threadgroup_bytes);
  memcpy(launch.constants, function->constants, sizeof launch.constants);
  for (int i = 0; i < FAKE_BINDINGS; i++) {
    launch.buffers[i] = (emulator_buffer){dispatch->binding[i].bytes, dispatch->binding[i].length};
  }
  return emulator.run(&launch, why, capacity) == EMULATOR_OK;
}
