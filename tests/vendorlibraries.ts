// Real BLAS libraries for the tests: OpenBLAS with 32- and 64-bit integers from PyPI, BLIS from Debian, and Accelerate
// where the system has it. Unpacked, never installed.
import { join } from "node:path";
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
