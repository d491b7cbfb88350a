// What Apple's tools made of published packages for macOS: in mlx-metal metal-cpp's headers, Metal kernels and their
// compiled form; in all of them libraries of Apple's linker.
import { findPackage, type Found, type Package } from "../../packages.ts";

const mlx: Package = {
  name: "mlx-metal",
  version: "0.32.4",
  sha256: "8019b2db622599267d66cc168b2f0dbf5af929790a6c3b3913e00eabc42a7947",
  from: "pypi",
  platform: "macosx_14_0_arm64",
};

/** Beside mlx-metal: Objective-C and Metal, reference counting, numerics, threads. */
const others: readonly Package[] = [
  {
    name: "@node-llama-cpp/mac-arm64-metal",
    version: "3.21.1",
    sha256: "cd11a52fab1935fde5abd221b5ecf8167686b45e386b6a02df49cb9b2814e9d6",
    from: "npm",
  },
  {
    name: "pyobjc-core",
    version: "12.1",
    sha256: "818bcc6723561f207e5b5453efe9703f34bc8781d11ce9b8be286bb415eb4962",
    from: "pypi",
    platform: "macosx_10_13_universal2",
  },
  {
    name: "numpy",
    version: "2.3.5",
    sha256: "612a95a17655e213502f60cfb9bf9408efdc9eb1d5f50535cc6eb365d11b42b5",
    from: "pypi",
    platform: "macosx_14_0_arm64",
  },
  {
    name: "uvloop",
    version: "0.22.1",
    sha256: "fe94b4564e865d968414598eea1a6de60adba0c040ba4ed05ac1300de402cd42",
    from: "pypi",
    platform: "macosx_10_13_universal2",
  },
  {
    name: "psycopg-binary",
    version: "3.3.9",
    sha256: "08689018e9169ca8e6769f5b3f2ce748442bda95b5f1ec260995a8ff63e6d6a4",
    from: "pypi",
    platform: "macosx_11_0_arm64",
  },
];

/** mlx-metal. */
export function wheel(): Found {
  return findPackage(mlx);
}

/** Packages with libraries that Apple's linker made. */
export function linkedPackages(): Found[] {
  return [mlx, ...others].map(findPackage);
}
