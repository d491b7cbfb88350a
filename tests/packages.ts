// Published packages that tests need, each fetched once into build/packages and unpacked there: libraries of vendors,
// and what Apple's compiler and linker made. Nothing of them is part of this tree.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Package {
  readonly name: string;
  readonly version: string;
  /** Of the archive. */
  readonly sha256: string;
  readonly from: "pypi" | "npm" | "crates" | "debian";
  /** Of PyPI, where the machine's own is not meant: pip's name of the oldest system that it runs on. */
  readonly platform?: string;
}

/** The folder of an unpacked package, or what to do to have it. */
export type Found = { readonly folder: string } | { readonly missing: string };

/** Runs a command in an existing folder; its last words when it failed. */
type Run = (command: string, ...parameters: string[]) => string | undefined;

interface Registry {
  readonly title: string;
  /** Puts the archive into the folder, as its only file. */
  readonly fetch: (run: Run, wanted: Package) => string | undefined;
  readonly unpack: (run: Run, archive: string) => string | undefined;
}

const root = fileURLToPath(new URL("..", import.meta.url));

function python(): string {
  const own = join(root, "build/venv/bin/python");
  return existsSync(own) ? own : "python3";
}

const untar: Registry["unpack"] = (run, archive) => run("tar", "-xzf", archive);

const registries: Readonly<Record<Package["from"], Registry>> = {
  pypi: {
    title: "PyPI",
    fetch: (run, { name, version, platform }) => {
      const quiet = ["--quiet", "--disable-pip-version-check", "--retries=1", "--timeout=20", "--no-deps"];
      const which = platform === undefined ? [] : ["--platform", platform, "--python-version", "3.12"];
      return run(python(), "-m", "pip", "download", ...quiet, "--only-binary=:all:", ...which, `${name}==${version}`);
    },
    unpack: (run, archive) => run(python(), "-m", "zipfile", "-e", archive, "."),
  },
  npm: {
    title: "npm",
    fetch: (run, { name, version }) => run("npm", "pack", "--silent", `${name}@${version}`),
    unpack: untar,
  },
  crates: {
    title: "crates.io",
    fetch: (run, { name, version }) => {
      const program = "import sys, urllib.request; urllib.request.urlretrieve(sys.argv[1], 'crate.tar.gz')";
      return run(python(), "-c", program, `https://static.crates.io/crates/${name}/${name}-${version}.crate`);
    },
    unpack: untar,
  },
  debian: {
    title: "Debian",
    fetch: (run, { name }) => {
      const quiet = ["-qq", "-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=20"];
      return run("apt-get", ...quiet, "download", name);
    },
    unpack: (run, archive) => run("dpkg-deb", "-x", archive, "."),
  },
};

function runner(folder: string): Run {
  return (command, ...parameters) => {
    const { status, error, stderr } = spawnSync(command, parameters, { cwd: folder, encoding: "utf8" });
    if (status === 0) return undefined;
    return error ? `${command} could not be started` : stderr.trim().split("\n").at(-1) || `${command} failed`;
  };
}

/** Fetches and unpacks into an empty folder; why that was impossible, or undefined. */
function fetchInto(wanted: Package, folder: string): string | undefined {
  const registry = registries[wanted.from], run = runner(folder);
  const why = registry.fetch(run, wanted), archive = readdirSync(folder)[0];
  if (why !== undefined || archive === undefined) return why ?? "nothing was fetched";
  const hash = createHash("sha256").update(readFileSync(join(folder, archive))).digest("hex");
  if (hash !== wanted.sha256) throw new Error(`${archive} has the SHA-256 ${hash}, expected ${wanted.sha256}`);
  const failed = registry.unpack(run, archive);
  rmSync(join(folder, archive));
  return failed;
}

export function findPackage(wanted: Package): Found {
  const home = join(root, "build/packages"), { name, version, from, platform } = wanted;
  const folder = join(home, [name.replaceAll(/\W/g, "_"), version, ...(platform ? [platform] : [])].join("-"));
  if (existsSync(folder)) return { folder };
  mkdirSync(home, { recursive: true });
  const part = mkdtempSync(`${folder}.`);
  try {
    const why = fetchInto(wanted, part);
    if (why !== undefined) {
      return {
        missing: `${name} ${version}${platform ? ` for ${platform}` : ""}, from ${registries[from].title}: ${why}`,
      };
    }
    // Another runtime's tests may have been faster: theirs is as good.
    if (!existsSync(folder)) renameSync(part, folder);
    return { folder };
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}
