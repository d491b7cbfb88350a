// Real BLAS libraries for the tests: OpenBLAS with 32- and 64-bit integers and MKL from PyPI, BLIS from Debian, and
// Accelerate where the system has it. Unpacked, never installed.
import { renameSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { findPackage, type Package } from "./packages.ts";

export interface VendorLibrary {
  readonly name: string;
  /** What tsr_info says of it. */
  readonly facts: { readonly kind: string; readonly integers: number; readonly lapack: boolean };
  /** Its path, or why there is none. */
  readonly found: { readonly path: string } | { readonly missing: string };
}

/** A file of a package. */
function fileOf(path: string, wanted: Package): VendorLibrary["found"] {
  const found = findPackage(wanted);
  return "folder" in found ? { path: join(found.folder, path) } : found;
}

/** MKL, with Intel's OpenMP, which it looks for in its own folder. */
export function findMkl(): VendorLibrary["found"] {
  const found = fileOf("mkl-2026.2.0.data/data/lib/libmkl_rt.so.3", {
    name: "mkl",
    version: "2026.2.0",
    sha256: "eaab1875ce9f47ab3c66d5632cef06baf768c05781f2f28847bdbc4343500ed7",
    from: "pypi",
  });
  const threads = fileOf("intel_openmp-2026.2.0.data/data/lib/libiomp5.so", {
    name: "intel-openmp",
    version: "2026.2.0",
    sha256: "2308a1a3e74718a9cd8cccf218c34d8cd80b43d3b89dfbb01b38dee205c50980",
    from: "pypi",
  });
  if ("missing" in found) return found;
  if ("missing" in threads) return threads;
  const folder = dirname(found.path), link = join(folder, "libiomp5.so"), own = `${link}.${process.pid}`;
  symlinkSync(relative(folder, threads.path), own);
  renameSync(own, link);
  return found;
}

/** All that this platform can have. */
export function vendorLibraries(): readonly VendorLibrary[] {
  const lapack = true;
  if (process.platform === "darwin") {
    const path = "/System/Library/Frameworks/Accelerate.framework/Accelerate";
    return [{ name: "Accelerate", facts: { kind: "accelerate", integers: 32, lapack }, found: { path } }];
  }
  return [
    {
      name: "scipy-openblas32",
      facts: { kind: "openblas", integers: 32, lapack },
      found: fileOf("scipy_openblas32/lib/libscipy_openblas.so", {
        name: "scipy-openblas32",
        version: "0.3.34.481.3",
        sha256: "0595f94cd58c1f8a0d90c975621f4587337a003916b1979e834ebdf2cb5d9504",
        from: "pypi",
      }),
    },
    {
      name: "scipy-openblas64",
      facts: { kind: "openblas", integers: 64, lapack },
      found: fileOf("scipy_openblas64/lib/libscipy_openblas64_.so", {
        name: "scipy-openblas64",
        version: "0.3.34.481.3",
        sha256: "deb7f39980f5b4db6140d4a9d948e066ad3ea4a7c6545caa65c3f590fdc23559",
        from: "pypi",
      }),
    },
    { name: "MKL", facts: { kind: "mkl", integers: 32, lapack }, found: findMkl() },
    {
      name: "BLIS",
      facts: { kind: "blis", integers: 32, lapack: false },
      found: fileOf("usr/lib/x86_64-linux-gnu/blis-pthread/libblis.so.4", {
        name: "libblis4-pthread",
        version: "0.9.0-1",
        sha256: "02f19b125265c7ec007cf7ee10680f0a5a92c8e4b8f580bca13b564189195009",
        from: "debian",
      }),
    },
  ];
}
