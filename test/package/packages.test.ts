/** The packages, installed as a user would, into a folder of their own. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { completionScript } from "../../src/completion/scripts.ts";
import { pageFiles } from "../man-pages.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const isBuilt = existsSync(join(root, "dist/cli.js"));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const dir = mkdtempSync(join(tmpdir(), "zrepl-run-package-"));
afterAll(() => rmSync(dir, { recursive: true }));

const run = (program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  execFileSync(program, args, { cwd: root, encoding: "utf8", env: { ...process.env, ...env } });

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8", withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

test.each([
  ["bash", "zrepl-run.bash"],
  ["zsh", "_zrepl-run"],
  ["fish", "zrepl-run.fish"],
] as const)("the packaged completion of %s is what the program prints", (shell, file) => {
  expect(readFileSync(join(root, "contrib/completion", file), "utf8")).toBe(completionScript(shell));
});

describe.skipIf(!isBuilt)("the npm package", () => {
  test("installs without a network, with its manual pages, completions and units", () => {
    const npm = { npm_config_cache: join(dir, "cache"), npm_config_update_notifier: "false" };
    // the build is there, and other tests are using it
    run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", dir], npm);
    const prefix = join(dir, "prefix");
    const tarball = join(dir, `zrepl-run-${version}.tgz`);
    run("npm", ["install", "--silent", "-g", "--offline", "--prefix", prefix, tarball], npm);
    expect(run(join(prefix, "bin/zrepl-run"), ["version"])).toContain(`version=${version} `);
    for (const page of pageFiles)
      expect(existsSync(join(prefix, "share/man", `man${page.at(-1)}`, page)), page).toBe(true);
    const installed = filesBelow(join(prefix, "lib/node_modules/zrepl-run"));
    for (const file of ["contrib/completion/_zrepl-run", "systemd/zrepl-run@.timer", "schemas/config.schema.json"])
      expect(installed).toContain(file);
    expect(installed.filter((file) => /^(src|test|node_modules|scripts)\//.test(file))).toEqual([]);
  });
});

const hasDpkg = spawnSync("dpkg-deb", ["--version"]).status === 0;
const hasLintian = spawnSync("lintian", ["--version"]).status === 0;
if (!hasDpkg) process.stderr.write("skipped: the Debian package (dpkg-deb is not here)\n");
else if (!hasLintian)
  process.stderr.write("skipped: what lintian says of the Debian package (Debian package lintian)\n");

describe.skipIf(!isBuilt || !hasDpkg)("the Debian package", () => {
  const build = (folder: string, umask = "022") =>
    run("sh", ["-c", `umask ${umask}; exec node scripts/package-deb.mjs "$0"`, join(dir, folder)]).trim();
  const deb = isBuilt && hasDpkg ? build("deb") : "";

  test("is the same whenever and by whomever it is built", () => {
    expect(readFileSync(build("again", "077")).equals(readFileSync(deb))).toBe(true);
  });

  test("depends on what it needs", () => {
    const field = (name: string) => run("dpkg-deb", ["-f", deb, name]).trim();
    expect(field("Depends")).toBe("nodejs (>= 20), zfsutils-linux, openssh-client");
    expect([field("Version"), field("Architecture")]).toEqual([version, "all"]);
  });

  test.skipIf(process.getuid?.() !== 0)("installs, works, and leaves nothing when it is purged", () => {
    const tree = join(dir, "tree");
    mkdirSync(join(tree, "var/lib/dpkg/info"), { recursive: true });
    mkdirSync(join(tree, "var/lib/dpkg/updates"));
    writeFileSync(join(tree, "var/lib/dpkg/status"), "");
    // what it depends on is on this host, not in the tree
    const dpkg = (...args: string[]) => spawnSync("dpkg", [`--root=${tree}`, "--force-depends", ...args], { cwd: dir });
    expect(dpkg("--install", deb).status).toBe(0);
    const installed = filesBelow(join(tree, "usr"));
    for (const page of pageFiles) expect(installed).toContain(`share/man/man${page.at(-1)}/${page}.gz`);
    for (const file of [
      "lib/systemd/system/zrepl-run@.service",
      "lib/systemd/system/zrepl-run@.timer",
      "share/bash-completion/completions/zrepl-run",
      "share/zsh/vendor-completions/_zrepl-run",
      "share/fish/vendor_completions.d/zrepl-run.fish",
      "share/doc/zrepl-run/copyright",
      "share/doc/zrepl-run/changelog.gz",
      "share/doc/zrepl-run/examples/second-pool.yml",
    ])
      expect(installed).toContain(file);
    const program = join(tree, "usr/bin/zrepl-run");
    expect(run(program, ["version"])).toContain(`version=${version} `);
    const example = join(tree, "usr/share/doc/zrepl-run/examples/second-pool.yml");
    expect(run(program, ["-c", example, "configcheck", "--what", "config"])).toContain("2 jobs, no problems");
    expect(dpkg("--purge", "zrepl-run").status).toBe(0);
    expect(filesBelow(tree).filter((file) => !file.startsWith("var/lib/dpkg/"))).toEqual([]);
  });

  test.skipIf(!hasLintian)("has no errors for lintian", () => {
    const { stdout, stderr, status } = spawnSync("lintian", ["--fail-on", "error", "--allow-root", deb], {
      encoding: "utf8",
    });
    expect({ stdout, stderr, status }).toEqual({ stdout: "", stderr: "", status: 0 });
  });
});
