// Runs the tests of test/zfs on real OpenZFS: on this host, or in a guest. See test/guest/README.md.
//   node scripts/test-zfs.mjs [--build-guest] [vitest's options and file filters]
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const args = process.argv.slice(2).filter((arg) => arg !== "--build-guest");
const mayBuild = args.length < process.argv.length - 2 || process.env.ZREPL_RUN_BUILD_GUEST === "1";
const vitest = [process.execPath, "node_modules/vitest/vitest.mjs", "run", "--config", "test/zfs/vitest.config.ts"];

// a guest's output may look like a terminal to vitest when ours is none
const plain = process.stdout.isTTY ? {} : { NO_COLOR: "1" };

const place = await choosePlace();
console.error(`test-zfs: on ${place.name}`);
process.exitCode = await run([...place.command, ...vitest, ...args]);

/** The first of: this host, the guest that the user named, the project's own. */
async function choosePlace() {
  if (process.getuid() === 0 && existsSync("/dev/zfs")) return { name: "this host", command: [] };

  const named = process.env.ZREPL_RUN_TEST_GUEST?.trim();
  if (named) return { name: `the guest ${named}`, command: [...named.split(/\s+/), "-w", root] };

  if (mayBuild) {
    const code = await run(["test/guest/build"]);
    if (code !== 0) process.exit(code);
  } else if ((await run(["test/guest/build", "--check"])) !== 0) {
    console.error(
      "test-zfs: no OpenZFS here: build the project's guest (test/guest/build or --build-guest), or be root with ZFS loaded, or name a guest in ZREPL_RUN_TEST_GUEST",
    );
    process.exit(1);
  }
  return { name: "the project's own guest", command: ["test/guest/run", "-t", "3600", "-w", root] };
}

/** Runs a command in the repository's root; resolves to its exit code. */
function run([program, ...rest]) {
  return new Promise((done) => {
    const command = program.includes("/") ? resolve(root, program) : program;
    const child = spawn(command, rest, { cwd: root, stdio: "inherit", env: { ...process.env, ...plain } });
    // the terminal sends Ctrl-C to the child too: wait for it
    process.on("SIGINT", () => {});
    process.on("SIGTERM", () => child.kill("SIGTERM"));
    child.on("error", (error) => {
      console.error(`test-zfs: cannot start ${command}: ${error.message}`);
      done(1);
    });
    child.on("exit", (code, signal) => done(code ?? 128 + constants.signals[signal]));
  });
}
