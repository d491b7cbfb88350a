"""The model behind the library's imports: libSystem and libobjc, as far as the library uses them. A method c_NAME is
the function _NAME, a method m_NAME the message NAME with "_" for ":"."""
import math
import re
import struct
import time
from machine import Machine


class System:
    def __init__(self, dylib):
        self.objects, self.errors, self.pools, self.messages, self.selectors = {}, [], [], 0, set()
        self.locals = {}
        self.machine = Machine(dylib, self.data)

    def data(self, machine, symbol):
        if symbol.startswith("_OBJC_CLASS_$_"):
            return self.new("Class", machine, name=symbol[14:])
        return self.new("block class", machine) if symbol == "__NSConcreteStackBlock" else None

    def new(self, kind, machine=None, **fields):
        at = (machine or self.machine).allocate(64)
        self.objects[at] = dict(kind=kind, count=1, **fields)
        return at

    def string(self, text):
        return self.new("NSString", text=text, held=self.machine.put(text + b"\0"))

    def call(self, name, integers=(), doubles=()):
        value = self.machine.call(self.machine.exports["_" + name], integers, doubles, self.imported)
        return struct.unpack("<i", struct.pack("<I", value & 0xFFFFFFFF))[0]

    # ---- libSystem ----

    def imported(self, symbol):
        name = symbol.lstrip("_")
        handler = getattr(self, "c_" + name, None)
        if handler:
            result = handler(*(self.machine.x(i) for i in range(8)))
            if result is not None:
                self.machine.set_x(0, result)
        elif name.startswith("pthread_"):
            self.machine.set_x(0, 0)
        else:
            raise NotImplementedError(symbol)

    def c_calloc(self, count, size, *_):
        at = self.machine.allocate(count * size)
        self.machine.write(at, bytes(count * size))
        return at

    def c_malloc(self, size, *_):
        return self.machine.allocate(size)

    def c_realloc(self, old, size, *_):
        at = self.machine.allocate(size)
        if old:
            self.machine.write(at, self.machine.read(old, size))
        return at

    def c_free(self, *_):
        return None

    def c_posix_memalign(self, to, alignment, size, *_):
        self.machine.write(to, struct.pack("<Q", self.machine.allocate(size, alignment)))
        return 0

    def c_mmap(self, _at, size, *_):
        at = self.machine.allocate(size, 0x4000)
        self.machine.write(at, bytes(size))
        return at

    def c_munmap(self, *_):
        return 0

    def c_memcpy(self, to, source, size, *_):
        self.machine.write(to, self.machine.read(source, size))
        return to

    c_memmove = c_memcpy_chk = c_memmove_chk = c_memcpy

    def c_memset(self, to, value, size, *_):
        self.machine.write(to, bytes([value & 255]) * size)
        return to

    c_memset_chk = c_memset

    def c_memset_pattern16(self, to, pattern, size, *_):
        self.machine.write(to, (self.machine.read(pattern, 16) * (size // 16 + 1))[:size])

    def c_bzero(self, to, size, *_):
        self.machine.write(to, bytes(size))

    def c_memcmp(self, a, b, size, *_):
        left, right = self.machine.read(a, size), self.machine.read(b, size)
        return (left > right) - (left < right)

    def c_strlen(self, at, *_):
        return len(self.machine.text(at))

    def c_strcmp(self, a, b, *_):
        left, right = self.machine.text(a), self.machine.text(b)
        return (left > right) - (left < right)

    def c_strncmp(self, a, b, size, *_):
        left, right = self.machine.text(a)[:size], self.machine.text(b)[:size]
        return (left > right) - (left < right)

    def c_strcat_chk(self, to, source, *_):
        self.machine.write(to + len(self.machine.text(to)), self.machine.text(source) + b"\0")
        return to

    def c_sysconf(self, name, *_):
        return {29: 0x4000, 58: 1, 57: 1}[name]

    def c_clock_gettime(self, _clock, to, *_):
        now = time.time_ns()
        self.machine.write(to, struct.pack("<2q", now // 10**9, now % 10**9))
        return 0

    def c_dladdr(self, *_):
        return 0

    def c_dlopen(self, *_):
        return 0

    def c_tlv_bootstrap(self, descriptor, *_):
        return self.locals.setdefault(descriptor, 0) or self.thread_local(descriptor)

    def thread_local(self, descriptor):
        block = self.locals.setdefault("block", self.c_calloc(1, 0x4000))
        self.locals[descriptor] = block + self.machine.word(descriptor + 16)
        return self.locals[descriptor]

    def c_pthread_once(self, control, function, *_):
        if control not in self.locals:
            self.locals[control] = True
            self.machine.call(function, (), (), self.imported)
        return 0

    def c_pthread_create(self, *_):
        raise NotImplementedError("a thread: open with one, and submit inline")

    def c_pthread_cond_timedwait(self, *_):
        self.handlers()
        return 0

    c_pthread_cond_wait = c_pthread_cond_timedwait_relative_np = c_pthread_cond_timedwait

    def c_frexp(self, to, *_):
        fraction, exponent = math.frexp(self.machine.d(0))
        self.machine.write(to, struct.pack("<i", exponent))
        self.machine.set_d(0, fraction)

    def c_ldexp(self, exponent, *_):
        exponent &= 2**32 - 1
        self.machine.set_d(0, math.ldexp(self.machine.d(0), exponent - (exponent >> 31 << 32)))

    def c_snprintf(self, to, size, pattern, *_):
        return self.print(to, size, pattern, self.machine.stack)

    def c_vsnprintf(self, to, size, pattern, values, *_):
        return self.print(to, size, pattern, values)

    def print(self, to, size, pattern, values):
        """Variadic arguments lie on the stack, eight bytes each, on Apple's arm64."""
        def convert(found):
            nonlocal values
            flags, length, kind = found.groups()
            if kind == "%":
                return "%"
            bits, values = self.machine.word(values), values + 8
            if kind == "s":
                return ("%" + flags + "s") % self.machine.text(bits).decode()
            if kind in "gfe":
                return ("%" + flags + kind) % struct.unpack("<d", struct.pack("<Q", bits))[0]
            width = 64 if length else 32
            bits &= 2**width - 1
            if kind == "d" and bits >> (width - 1):
                bits -= 2**width
            return ("%" + flags + kind.replace("u", "d")) % bits
        pattern = self.machine.text(pattern).decode()
        text = re.sub(r"%([-+ 0#]*\d*(?:\.\d+)?)(l{0,2}|z|)([dusgfexc%])", convert, pattern).encode()
        if size:
            self.machine.write(to, text[:size - 1] + b"\0")
        return len(text)

    # ---- libobjc ----

    def c_objc_alloc_init(self, which, *_):
        return self.new(self.objects[which]["name"])

    c_objc_alloc = c_objc_alloc_init

    def c_objc_retain(self, at, *_):
        if at:
            self.objects[at]["count"] += 1
        return at

    def c_objc_release(self, at, *_):
        if not at:
            return
        self.objects[at]["count"] -= 1
        if self.objects[at]["count"] < 0:
            self.errors.append(f"over-release of a {self.objects[at]['kind']}")
        elif self.objects[at]["count"] == 0:
            for held in self.objects[at].get("holds", []):
                self.c_objc_release(held)

    def c_objc_autorelease(self, at, *_):
        if self.pools:
            self.pools[-1].append(at)
        else:
            self.errors.append("autorelease without a pool")
        return at

    def c_objc_autoreleasePoolPush(self, *_):
        self.pools.append([])
        return len(self.pools)

    def c_objc_autoreleasePoolPop(self, number, *_):
        assert number == len(self.pools), "pools end in order"
        for at in self.pools.pop():
            self.c_objc_release(at)

    def c_objc_msgSend(self, receiver, selector, *values):
        selector = self.machine.text(selector).decode()
        self.messages += 1
        self.selectors.add(selector)
        if receiver == 0:
            self.machine.set_d(0, 0.0)
            return 0
        target = self.objects[receiver]
        if target["count"] <= 0:
            self.errors.append(f"{selector} to a dead {target['kind']}")
        handler = getattr(self, "m_" + selector.replace(":", "_"), None)
        if not handler:
            raise NotImplementedError(f"[{target['kind']} {selector}]")
        return handler(receiver, target, *values)
