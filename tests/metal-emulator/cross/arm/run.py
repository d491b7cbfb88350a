"""Rung 6: runs the arm64 code of libtesserae.dylib against a model of Metal whose kernels the emulation library runs.
Usage: run.py DYLIB KERNELS TSR_H. Prints a JSON object; needs Debian's python3-unicorn."""
import ctypes
import json
import re
import struct
import sys
from system import System

GAP = 4096


class Metal(System):
    def __init__(self, dylib, kernels):
        super().__init__(dylib)
        self.emulator, self.dispatches, self.pending = ctypes.CDLL(kernels), [], []

    def c_MTLCreateSystemDefaultDevice(self, *_):
        return self.new("device")

    # ---- Foundation ----

    def m_stringWithUTF8String_(self, _at, _cls, text, *_):
        return self.c_objc_autorelease(self.string(self.machine.text(text)))

    def m_UTF8String(self, _at, text, *_):
        return text["held"]

    def m_localizedDescription(self, *_):
        return self.c_objc_autorelease(self.string(b"an error of the model"))

    def m_respondsToSelector_(self, *_):
        return 1

    # ---- the device ----

    def m_name(self, *_):
        return self.c_objc_autorelease(self.string(b"Emulated arm64 host"))

    def m_supportsFamily_(self, _at, _device, family, *_):
        return int(family in (1007, 1008, 5001))

    def m_maxBufferLength(self, *_):
        return 1 << 32

    m_recommendedMaxWorkingSetSize = m_maxBufferLength

    def m_currentAllocatedSize(self, *_):
        return 0

    def m_newCommandQueue(self, *_):
        return self.new("queue")

    def m_newFence(self, *_):
        return self.new("fence")

    def m_setMathMode_(self, _at, options, mode, *_):
        options["safe"] = mode == 0

    def m_setLanguageVersion_(self, _at, options, version, *_):
        options["version"] = version

    def m_newLibraryWithSource_options_error_(self, _at, _device, source, options, *_):
        if not self.objects[options].get("safe") or self.objects[options].get("version") != 0x30001:
            self.errors.append("the library is not compiled with safe math as Metal 3.1")
        self.source = self.objects[source]["text"].decode()
        return self.new("library")

    def m_setConstantValue_type_atIndex_(self, _at, values, value, kind, index, *_):
        assert kind == 33, "constants are uint"
        values.setdefault("constants", {})[index] = struct.unpack("<I", self.machine.read(value, 4))[0]

    def m_newFunctionWithName_constantValues_error_(self, _at, _library, name, values, *_):
        constants = self.objects[values].get("constants", {})
        return self.new("function", name=self.objects[name]["text"], constants=constants)

    def m_newComputePipelineStateWithFunction_error_(self, _at, _device, function, *_):
        chosen = self.objects[function]
        return self.new("pipeline", name=chosen["name"], constants=chosen["constants"])

    def m_maxTotalThreadsPerThreadgroup(self, *_):
        return 1024

    def m_threadExecutionWidth(self, *_):
        return 32

    def m_newBufferWithLength_options_(self, _at, _device, length, options, *_):
        assert options in (0, 1 << 8), options
        return self.new("buffer", memory=self.c_mmap(0, length), length=length)

    def m_newBufferWithBytesNoCopy_length_options_deallocator_(self, _at, _device, memory, length, *_):
        fits = memory % 0x4000 == 0 and length % 0x4000 == 0
        return self.new("buffer", memory=memory, length=length) if fits else 0

    def m_contents(self, _at, buffer, *_):
        return buffer["memory"]

    # ---- commands ----

    def m_commandBuffer(self, *_):
        return self.c_objc_autorelease(self.new("commands", work=[], handlers=[], status=0, open=None))

    def m_computeCommandEncoderWithDispatchType_(self, at, commands, *_):
        commands["open"] = self.c_objc_autorelease(self.new("encoder", commands=at, bound={}, local={}, ended=False))
        return commands["open"]

    def encoding(self, encoder, call):
        if encoder["ended"]:
            self.errors.append(f"{call} after endEncoding")

    def m_setComputePipelineState_(self, _at, encoder, pipeline, *_):
        encoder["pipeline"] = self.objects[pipeline]

    def m_setBuffer_offset_atIndex_(self, _at, encoder, buffer, offset, index, *_):
        self.encoding(encoder, "setBuffer")
        chosen = self.objects[buffer]
        encoder["bound"][index] = (chosen["memory"] + offset, chosen["length"] - offset)

    def m_setBytes_length_atIndex_(self, _at, encoder, memory, length, index, *_):
        encoder["bound"][index] = self.machine.read(memory, length)

    def m_setThreadgroupMemoryLength_atIndex_(self, _at, encoder, length, index, *_):
        encoder["local"][index] = length

    def m_dispatchThreadgroups_threadsPerThreadgroup_(self, _at, encoder, groups, threads, *_):
        """Structs of more than 16 bytes come by reference."""
        self.encoding(encoder, "dispatch")
        sizes = [struct.unpack("<3Q", self.machine.read(at, 24)) for at in (groups, threads)]
        work = (encoder["pipeline"], dict(encoder["bound"]), dict(encoder["local"]), *sizes)
        self.objects[encoder["commands"]]["work"].append(work)

    def m_memoryBarrierWithScope_(self, _at, encoder, scope, *_):
        self.encoding(encoder, "memoryBarrierWithScope")
        assert scope == 1

    def m_waitForFence_(self, _at, encoder, *_):
        self.encoding(encoder, "waitForFence")

    m_updateFence_ = m_waitForFence_

    def m_endEncoding(self, _at, encoder, *_):
        self.encoding(encoder, "endEncoding")
        encoder["ended"] = True
        self.objects[encoder["commands"]]["open"] = None

    def m_addCompletedHandler_(self, _at, commands, block, *_):
        size = struct.unpack("<Q", self.machine.read(self.machine.word(block + 24) + 8, 8))[0]
        commands["handlers"].append(self.machine.put(self.machine.read(block, size)))

    def m_commit(self, at, commands, *_):
        if commands["open"] is not None:
            self.errors.append("commit with an open encoder")
        for work in commands["work"]:
            self.dispatch(*work)
        commands["status"] = 4
        self.pending += [(block, self.c_objc_retain(at)) for block in commands["handlers"]]

    def handlers(self):
        """The host waits: the handlers of what is committed run, by the invoke pointer of each block."""
        assert self.pending, "the host waits for nothing"
        for block, commands in self.pending.copy():
            self.pending.remove((block, commands))
            self.machine.call(self.machine.word(block + 16), (block, commands), (), self.imported)
            self.c_objc_release(commands)

    def m_status(self, _at, commands, *_):
        return commands["status"]

    def m_GPUStartTime(self, *_):
        self.machine.set_d(0, 2.0)

    def m_GPUEndTime(self, *_):
        self.machine.set_d(0, 2.5)

    def dispatch(self, pipeline, bound, local, groups, threads):
        """The words of emulator_run_packed, in runtime/packed.cpp; buffers that share memory are given once."""
        buffers = {i: b if isinstance(b, bytes) else self.machine.read(*b) for i, b in bound.items()}
        words = [*groups, *threads, 0, 0, 0, 0, 0, 0, 0, len(buffers), len(local), len(pipeline["constants"])]
        places, end = {}, GAP
        for index, data in buffers.items():
            words += [index, end, len(data), 0, 0, 0, 0]
            places[index], end = end, (end + len(data) + GAP + 255) // 256 * 256
        for index, value in [*local.items(), *pipeline["constants"].items()]:
            words += [index, value]
        memory, why = ctypes.create_string_buffer(end), ctypes.create_string_buffer(8192)
        for index, data in buffers.items():
            ctypes.memmove(ctypes.addressof(memory) + places[index], data, len(data))
        run = self.emulator.emulator_run_packed
        if run(pipeline["name"], (ctypes.c_uint32 * len(words))(*words), memory, why, len(why)):
            self.errors.append(why.value.decode())
        for index, where in bound.items():
            after = memory.raw[places[index]:places[index] + len(buffers[index])]
            if after != buffers[index]:
                self.machine.write(where[0], after)
        self.dispatches.append(pipeline["name"].decode())


class Library:
    """The functions of tsr.h, called as JavaScript does."""

    def __init__(self, model, header):
        self.model, self.machine = model, model.machine
        self.constants = {name: int(value) for name, value in re.findall(r"\b(TSR_\w+) = (-?\d+)", header)}
        self.context, self.out = 0, self.machine.allocate(16)

    def ok(self, name, integers=(), doubles=()):
        status = self.model.call(name, integers, doubles)
        if status:
            text = self.machine.allocate(600)
            self.model.call("tsr_error", (self.context, text, 600))
            raise SystemExit(f"{name}: {status}: {self.machine.text(text).decode()}")
        return struct.unpack("<I", self.machine.read(self.out, 4))[0]

    def words(self, *values):
        return self.machine.put(struct.pack(f"<{len(values)}I", *values))

    def open(self, device):
        self.context = self.ok("tsr_open", (self.words(1, device, 0, 1, 0, 0, 0, 0), self.out))

    def view(self, rows, cols):
        handle = self.ok("tsr_alloc", (self.context, 4 * rows * cols, 0, self.out))
        return self.words(handle, rows, cols, cols, 0, 0, 0, 0, 1, 0, 0, 0), handle

    def submit(self):
        ticket = self.ok("tsr_submit", (self.context, self.constants["TSR_INLINE"], self.out))
        self.ok("tsr_wait", (self.context, ticket), (10.0,))

    def write(self, view, numbers, ld):
        self.ok("tsr_write", (self.context, view, self.machine.put(struct.pack(f"<{len(numbers)}f", *numbers)), ld))

    def read(self, view, count, ld):
        to = self.machine.allocate(4 * count)
        self.ok("tsr_read", (self.context, view, to, ld))
        return struct.unpack(f"<{count}f", self.machine.read(to, 4 * count))


def products(library, m=37, n=29, k=41):
    """C = 2 A B + C of small whole numbers, three times; how many elements are wrong at the end."""
    a, b = [i * 7 % 13 - 6 for i in range(m * k)], [i * 5 % 11 - 5 for i in range(k * n)]
    views, handles = zip(*(library.view(*shape) for shape in ((m, k), (k, n), (m, n))))
    options = library.words(*[0] * 8)
    library.write(views[0], a, k)
    library.write(views[1], b, n)
    library.ok("tsr_laset", (library.context, 0, views[2], options), (3.0, 3.0))
    for _ in range(3):
        library.ok("tsr_gemm", (library.context, views[0], views[1], views[2], options), (2.0, 1.0))
    library.submit()
    got = library.read(views[2], m * n, n)
    wanted = [3 + 6 * sum(a[i * k + q] * b[q * n + j] for q in range(k)) for i in range(m) for j in range(n)]
    for handle in handles:
        library.ok("tsr_free", (library.context, handle))
    return sum(x != y for x, y in zip(got, wanted))


def main():
    header = open(sys.argv[3]).read()
    model = Metal(sys.argv[1], sys.argv[2])
    library, result = Library(model, header), {}
    for device, name in enumerate(("cpu", "metal")):
        library.open(device)
        result[name] = products(library)
        library.ok("tsr_close", (library.context,))
    live = {}
    for item in model.objects.values():
        if item["count"] > 0 and item["kind"] not in ("Class", "block class"):
            live[item["kind"]] = live.get(item["kind"], 0) + 1
    machine = model.machine
    print(json.dumps({
        "wrong": result, "live": live, "errors": model.errors, "messages": model.messages,
        "selectors": len(model.selectors), "dispatches": model.dispatches, "binds": machine.binds,
        "rebases": machine.rebases, "source": model.source,
    }))


main()
