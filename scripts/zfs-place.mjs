// Where there is real OpenZFS: this host, a guest that the user named, or the project's own. See test/guest/README.md.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

// a guest's output may look like a terminal when ours is none
const plain = process.stdout.isTTY ? {} : { NO_COLOR: "1" };

/** Runs a command as root with OpenZFS; `who` names us in messages. Resolves to its exit code. */
export async function runWithZfs(who, command, { mayBuild = false, timeLimitSec = 3600 } = {}) {
  const place = await choosePlace(who, mayBuild, timeLimitSec);
  if (place === undefined) return 1;
  console.error(`${who}: on ${place.name}`);
  return run(who, [...place.command, ...command]);
}

/** The first of: this host, the guest that the user named, the project's own. */
async function choosePlace(who, mayBuild, timeLimitSec) {
  if (process.getuid() === 0 && existsSync("/dev/zfs")) return { name: "this host", command: [] };

  const named = process.env.ZREPL_RUN_TEST_GUEST?.trim();
  if (named) return { name: `the guest ${named}`, command: [...named.split(/\s+/), "-w", root] };

  if (mayBuild) {
    if ((await run(who, ["test/guest/build"])) !== 0) return undefined;
  } else if ((await run(who, ["test/guest/build", "--check"])) !== 0) {
    console.error(
      `${who}: no OpenZFS here: build the project's guest (test/guest/build or --build-guest), or be root with ZFS loaded, or name a guest in ZREPL_RUN_TEST_GUEST`,
    );
    return undefined;
  }
  const command = ["test/guest/run", "-t", String(timeLimitSec), "-w", root];
  return { name: "the project's own guest", command };
}

/** Runs a command in the repository's root; resolves to its exit code. */
function run(who, [program, ...rest]) {
  return new Promise((done) => {
    const command = program.includes("/") ? resolve(root, program) : program;
    const child = spawn(command, rest, { cwd: root, stdio: "inherit", env: { ...process.env, ...plain } });
    // the terminal sends Ctrl-C to the child too: wait for it
    process.on("SIGINT", () => {});
    process.on("SIGTERM", () => child.kill("SIGTERM"));
    child.on("error", (error) => {
      console.error(`${who}: cannot start ${command}: ${error.message}`);
      done(1);
    });
    child.on("exit", (code, signal) => done(code ?? 128 + constants.signals[signal]));
  });
}
