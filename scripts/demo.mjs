// npm run demo: builds zrepl-run and shows its main job (scripts/demo-cycle.mjs) on the first ZFS that there is.
//   npm run demo -- --simulated      on the simulated ZFS of the tests, whatever there is
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

const built = await run(["npm", "run", "--silent", "build"]);
if (built !== 0) process.exit(built);
const place = await choosePlace();
process.exitCode = await run([...place.command, process.execPath, "scripts/demo-cycle.mjs"], {
  ZREPL_RUN_DEMO_PLACE: place.name,
  ...place.env,
});

/** The first of: this host, the guest that the user named, the project's own, the simulated ZFS. */
async function choosePlace() {
  if (process.argv.includes("--simulated")) return simulated();
  if (process.getuid() === 0 && existsSync("/dev/zfs")) return { name: "this host's OpenZFS", command: [] };

  // a guest has a temp folder of its own
  const env = { TMPDIR: undefined };
  const named = process.env.ZREPL_RUN_TEST_GUEST?.trim();
  if (named)
    return { name: "OpenZFS in the guest of $ZREPL_RUN_TEST_GUEST", command: [...named.split(/\s+/), "-w", root], env };

  if ((await run(["test/guest/build", "--check"], {}, "ignore")) === 0) {
    console.error(
      "demo: in the project's own guest; without KVM that takes some minutes (quick: npm run demo -- --simulated)",
    );
    return { name: "OpenZFS in the project's own guest", command: ["test/guest/run", "-t", "900", "-w", root], env };
  }

  return simulated();
}

/** Programs that look like zfs and zpool, with their pools in a file. */
async function simulated() {
  const code = await run([process.execPath, "scripts/build-sim.mjs"]);
  if (code !== 0) process.exit(code);
  const env = { PATH: `${root}/dist/sim:${process.env.PATH}`, ZREPL_RUN_DEMO_SIMULATED: "1" };
  return { name: "the simulated ZFS of its tests (README.md says how to see it on real OpenZFS)", command: [], env };
}

/** Runs a command in the repository's root; resolves to its exit code. */
function run([program, ...args], changes = {}, stdio = "inherit") {
  return new Promise((done) => {
    const command = program.includes("/") ? resolve(root, program) : program;
    const colors = process.stdout.isTTY && !process.env.NO_COLOR ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" };
    const child = spawn(command, args, { cwd: root, stdio, env: { ...process.env, ...colors, ...changes } });
    // the terminal sends Ctrl-C to the child too: wait until it has cleaned up
    const ignore = () => {};
    const pass = () => child.kill("SIGTERM");
    process.on("SIGINT", ignore).on("SIGTERM", pass);
    const end = (code) => {
      process.off("SIGINT", ignore).off("SIGTERM", pass);
      done(code);
    };
    child.on("error", (error) => {
      console.error(`demo: cannot start ${command}: ${error.message}`);
      end(1);
    });
    child.on("exit", (code, signal) => end(code ?? 128 + constants.signals[signal]));
  });
}
