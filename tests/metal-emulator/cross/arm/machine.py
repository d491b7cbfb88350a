"""An arm64 machine (Unicorn) with a Mach-O library in it: loads the segments, applies rebases and binds, and gives each
import a trap. Calls into the library stop at traps; the model behind them is the caller's."""
import struct
from unicorn import UC_ARCH_ARM64, UC_HOOK_CODE, UC_MODE_ARM, Uc
from unicorn.arm64_const import UC_ARM64_REG_D0, UC_ARM64_REG_LR, UC_ARM64_REG_PC, UC_ARM64_REG_SP, UC_ARM64_REG_X0
from unicorn.arm64_const import UC_CPU_ARM64_MAX

IMAGE, HEAP, STACK, TRAPS, END = 0x100000000, 0x200000000, 0x300000000, 0x700000000, 0x600000000
HEAP_BYTES, STACK_BYTES, PAGE = 0x8000000, 0x400000, 0x4000


class Machine:
    def __init__(self, path, resolve):
        """resolve(symbol) gives the address of imported data, or None for a function."""
        self.file = open(path, "rb").read()
        self.cpu = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
        self.cpu.ctl_set_cpu_model(UC_CPU_ARM64_MAX)  # the M1 has the atomics of Armv8.1; the default model has not
        for start, size in ((HEAP, HEAP_BYTES), (STACK, STACK_BYTES), (TRAPS, 0x10000), (END, 0x1000)):
            self.cpu.mem_map(start, size)
        self.free, self.traps, self.exports, self.segments = HEAP, [], {}, []
        self.rebases = self.binds = 0
        self.resolve = resolve
        self._load()
        self.cpu.hook_add(UC_HOOK_CODE, lambda cpu, *_: cpu.emu_stop(), begin=TRAPS, end=TRAPS + 0xFFFF)

    # ---- memory ----

    def allocate(self, size, alignment=16):
        at = (self.free + alignment - 1) // alignment * alignment
        self.free = at + max(size, 1)
        assert self.free <= HEAP + HEAP_BYTES, "the machine's heap is full"
        return at

    def read(self, at, size):
        return bytes(self.cpu.mem_read(at, size))

    def write(self, at, data):
        self.cpu.mem_write(at, bytes(data))

    def word(self, at):
        return struct.unpack("<Q", self.read(at, 8))[0]

    def text(self, at):
        data = b""
        while b"\0" not in data:
            data += self.read(at + len(data), 64)
        return data[:data.index(b"\0")]

    def put(self, data):
        at = self.allocate(len(data))
        self.write(at, data)
        return at

    # ---- registers ----

    def x(self, i):
        return self.cpu.reg_read(UC_ARM64_REG_X0 + i)

    def d(self, i):
        return struct.unpack("<d", struct.pack("<Q", self.cpu.reg_read(UC_ARM64_REG_D0 + i)))[0]

    def set_x(self, i, value):
        self.cpu.reg_write(UC_ARM64_REG_X0 + i, value & (2**64 - 1))

    def set_d(self, i, value):
        self.cpu.reg_write(UC_ARM64_REG_D0 + i, struct.unpack("<Q", struct.pack("<d", value))[0])

    @property
    def stack(self):
        return self.cpu.reg_read(UC_ARM64_REG_SP)

    # ---- calls ----

    def call(self, address, integers=(), doubles=(), model=None):
        """Runs a function to its end; model(symbol) is called at each import. Calls may nest."""
        stack = self.stack or STACK + STACK_BYTES - 0x1000
        link = self.cpu.reg_read(UC_ARM64_REG_LR)
        for i, value in enumerate(integers):
            self.set_x(i, value)
        for i, value in enumerate(doubles):
            self.set_d(i, value)
        self.cpu.reg_write(UC_ARM64_REG_SP, stack)
        self.cpu.reg_write(UC_ARM64_REG_LR, END)
        at = address
        while at != END:
            self.cpu.emu_start(at, END)
            at = self.cpu.reg_read(UC_ARM64_REG_PC)
            if at == END:
                break
            back = self.cpu.reg_read(UC_ARM64_REG_LR)
            model(self.traps[(at - TRAPS) // 16])
            at = back
        self.cpu.reg_write(UC_ARM64_REG_SP, stack)
        self.cpu.reg_write(UC_ARM64_REG_LR, link)
        return self.x(0)

    # ---- loading ----

    def _u32(self, at):
        return struct.unpack_from("<I", self.file, at)[0]

    def _load(self):
        info, symbols, at = None, None, 32
        for _ in range(self._u32(16)):
            kind, size = self._u32(at), self._u32(at + 4)
            if kind == 0x19:
                address, length, offset, stored = struct.unpack_from("<4Q", self.file, at + 24)
                self.cpu.mem_map(IMAGE + address, (length + PAGE - 1) // PAGE * PAGE)
                self.write(IMAGE + address, self.file[offset:offset + stored])
                self.segments.append(IMAGE + address)
            elif kind == 0x80000022:
                info = struct.unpack_from("<10I", self.file, at + 8)
            elif kind == 0x2:
                symbols = struct.unpack_from("<3I", self.file, at + 8)
            at += size
        for i in range(symbols[1]):
            name, kind, _, _, value = struct.unpack_from("<IBBHQ", self.file, symbols[0] + 16 * i)
            if kind & 0x0F == 0x0F:
                start = symbols[2] + name
                self.exports[self.file[start:self.file.index(b"\0", start)].decode()] = IMAGE + value
        self._rebase(info[0], info[0] + info[1])
        self._bind(info[2], info[2] + info[3])
        self._bind(info[6], info[6] + info[7])

    def _uleb(self, at):
        value = shift = 0
        while True:
            byte = self.file[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value, at

    def _rebase(self, at, end):
        place = 0
        while at < end:
            opcode, low = self.file[at] & 0xF0, self.file[at] & 0x0F
            at, count, skip = at + 1, 0, 0
            if opcode == 0x20:
                offset, at = self._uleb(at)
                place = self.segments[low] + offset
            elif opcode == 0x30:
                offset, at = self._uleb(at)
                place += offset
            elif opcode == 0x40:
                place += low * 8
            elif opcode == 0x50:
                count = low
            elif opcode == 0x60:
                count, at = self._uleb(at)
            elif opcode == 0x70:
                skip, at = self._uleb(at)
                count = 1
            elif opcode == 0x80:
                count, at = self._uleb(at)
                skip, at = self._uleb(at)
            for _ in range(count):
                self.write(place, struct.pack("<Q", self.word(place) + IMAGE))
                self.rebases, place = self.rebases + 1, place + 8 + skip

    def _bind(self, at, end):
        place, symbol = 0, ""
        while at < end:
            opcode, low = self.file[at] & 0xF0, self.file[at] & 0x0F
            at, count, skip = at + 1, 0, 0
            if opcode == 0x40:
                stop = self.file.index(b"\0", at)
                symbol, at = self.file[at:stop].decode(), stop + 1
            elif opcode == 0x70:
                offset, at = self._uleb(at)
                place = self.segments[low] + offset
            elif opcode == 0x80:
                offset, at = self._uleb(at)
                place = (place + offset) & (2**64 - 1)
            elif opcode in (0x20, 0x60):
                _, at = self._uleb(at)
            elif opcode == 0xA0:
                skip, at = self._uleb(at)
                count = 1
            elif opcode == 0xB0:
                count, skip = 1, low * 8
            elif opcode == 0xC0:
                count, at = self._uleb(at)
                skip, at = self._uleb(at)
            elif opcode == 0x90:
                count = 1
            for _ in range(count):
                self.write(place, struct.pack("<Q", self._address(symbol)))
                self.binds, place = self.binds + 1, place + 8 + skip

    def _address(self, symbol):
        data = self.resolve(self, symbol)
        if data is not None:
            return data
        if symbol not in self.traps:
            self.traps.append(symbol)
        return TRAPS + 16 * self.traps.index(symbol)
