import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LockedError } from "../src/errors.ts";
import { type LockOptions, lockOwner, withLock } from "../src/lock.ts";
import { type LockOwner, thisProcess } from "../src/lock-owner.ts";

let dir: string;
let lockDir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "zrepl-run-"));
  lockDir = join(dir, "run", "locks");
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function options(more: Partial<LockOptions> = {}): LockOptions {
  const signal = new AbortController().signal;
  const onLost = (error: Error) => {
    throw error;
  };
  return { dir: lockDir, name: "job-prod", command: "zrepl-run push prod", waitSec: 0, signal, onLost, ...more };
}

const path = () => join(lockDir, "job-prod.lock");

/** The id of a process that has ended. */
async function deadPid(): Promise<number> {
  const child = spawn("true");
  await once(child, "exit");
  return child.pid ?? 0;
}

/** Puts a lock there as another process would have left it. */
function leaveLock(owner: Partial<LockOwner> | string, heartbeatAgeSec = 0): void {
  mkdirSync(path(), { recursive: true });
  const content = typeof owner === "string" ? owner : JSON.stringify({ ...thisProcess("other command"), ...owner });
  writeFileSync(join(path(), "owner.json"), content);
  const sec = Date.now() / 1000 - heartbeatAgeSec;
  utimesSync(path(), sec, sec);
}

/** Of the lock that is there. */
function claimOf(n: number): string {
  const digest = createHash("sha256")
    .update(readFileSync(join(path(), "owner.json")))
    .digest("hex");
  return `${path()}.claim.${statSync(path()).ino}-${digest.slice(0, 16)}.${n}`;
}

const attempt = (more: Partial<LockOptions> = {}) => withLock(options(more), async () => "done");

describe("a lock", () => {
  test("is held while the body runs, names its owner, and is gone afterwards", async () => {
    const result = await withLock(options(), async () => {
      const owner = JSON.parse(readFileSync(join(path(), "owner.json"), "utf8"));
      expect(owner).toMatchObject({ host: hostname(), pid: process.pid, command: "zrepl-run push prod" });
      expect(lockOwner({ dir: lockDir, name: "job-prod" })?.pid).toBe(process.pid);
      expect(statSync(lockDir).mode & 0o777).toBe(0o700);
      return "result";
    });
    expect(result).toBe("result");
    expect(readdirSync(lockDir)).toEqual([]);
    expect(lockOwner({ dir: lockDir, name: "job-prod" })).toBeUndefined();
  });

  test("is gone after a body that throws, and the error comes through", async () => {
    const broken = withLock(options(), async () => {
      throw new Error("broken");
    });
    await expect(broken).rejects.toThrow("broken");
    expect(readdirSync(lockDir)).toEqual([]);
  });

  test("refuses a second one, with the owner's name and what to do", async () => {
    await withLock(options(), async () => {
      const refused = attempt();
      await expect(refused).rejects.toThrow(LockedError);
      await expect(refused).rejects.toThrow(`"zrepl-run push prod" (pid ${process.pid} on ${hostname()}, since 20`);
      await expect(refused).rejects.toMatchObject({ exitCode: 75, hint: expect.stringContaining("--lock-wait") });
      await expect(attempt({ name: "job-other" })).resolves.toBe("done");
    });
    await expect(attempt()).resolves.toBe("done");
  });

  test("of a name with anything in it stays inside the directory", async () => {
    await withLock(options({ name: "job-a b/../c" }), async () => {
      expect(readdirSync(lockDir)).toEqual(["job-a_b_.._c.lock"]);
    });
  });
});

describe("waiting", () => {
  test("gets the lock when it is free, and tries no longer than asked", async () => {
    await withLock(options(), async () => {
      const startMs = performance.now();
      await expect(attempt({ waitSec: 0.3 })).rejects.toThrow(LockedError);
      expect(performance.now() - startMs).toBeGreaterThan(290);
    });
    let order = "";
    const first = withLock(options(), async () => {
      await sleep(200);
      order += "first ";
    });
    await withLock(options({ waitSec: 30 }), async () => {
      order += "second";
    });
    await first;
    expect(order).toBe("first second");
  });

  test("ends at once when interrupted, with the interruption's error", async () => {
    const interrupt = new AbortController();
    await withLock(options(), async () => {
      const waiting = attempt({ waitSec: 60, signal: interrupt.signal });
      setTimeout(() => interrupt.abort(new Error("SIGTERM")), 50);
      await expect(waiting).rejects.toThrow("SIGTERM");
    });
  });
});

describe("a lock that somebody left", () => {
  test.each<[string, () => Promise<Partial<LockOwner>> | Partial<LockOwner>, number, boolean]>([
    ["by a process that is dead", async () => ({ pid: await deadPid() }), 0, true],
    ["by a process whose id another one has now", () => ({ startTime: "1" }), 0, true],
    ["before the last boot", () => ({ bootId: "another boot" }), 0, true],
    ["by a process that lives", () => ({}), 0, false],
    ["by a process that lives, but was stopped for an hour", () => ({}), 3600, false],
    ["by another host, a moment ago", () => ({ host: "elsewhere" }), 5, false],
    [
      "by another host, with a process id that is dead here",
      async () => ({ host: "elsewhere", pid: await deadPid() }),
      5,
      false,
    ],
    ["by another host, silent for two minutes", () => ({ host: "elsewhere" }), 120, true],
  ])("%s", async (_, owner, heartbeatAgeSec, isTaken) => {
    leaveLock(await owner(), heartbeatAgeSec);
    expect(lockOwner({ dir: lockDir, name: "job-prod" }) === undefined).toBe(isTaken);
    if (isTaken) await expect(attempt()).resolves.toBe("done");
    else await expect(attempt()).rejects.toThrow('"other command"');
    expect(existsSync(path())).toBe(!isTaken);
  });

  test.each([
    ["", false, 5],
    ["{", false, 5],
    ["", true, 120],
  ])("without a readable owner (%j): taken over is %s after %i s", async (content, isTaken, ageSec) => {
    leaveLock(content, ageSec);
    if (isTaken) await expect(attempt()).resolves.toBe("done");
    else await expect(attempt()).rejects.toThrow(/another invocation holds the lock/);
  });

  test("in the middle of whose take-over another process died is taken over all the same", async () => {
    const dead = { ...thisProcess("takeover"), pid: await deadPid() };
    leaveLock(dead);
    for (const n of [0, 1]) writeFileSync(claimOf(n), JSON.stringify(dead));
    await expect(attempt()).resolves.toBe("done");
    expect(readdirSync(lockDir)).toEqual([]);
  });

  test("and that another living process is about to take over is left to it", async () => {
    leaveLock({ pid: await deadPid() });
    writeFileSync(claimOf(0), JSON.stringify(thisProcess("takeover")));
    await expect(attempt()).rejects.toThrow(LockedError);
  });
});

test("a lock that was taken away is noticed, and not released again", async () => {
  const lost = new Promise<Error>((resolve) => {
    void withLock(options({ onLost: resolve }), async () => {
      rmSync(path(), { recursive: true });
      await sleep(15_000);
    });
  });
  expect((await lost).message).toBe(`lost the lock ${path()}`);
}, 20_000);

describe("many processes", () => {
  const contender = fileURLToPath(new URL("fixtures/lock-contender.cjs", import.meta.url));

  test("that want one lock, some dying in it, are never two in it", async () => {
    const bundle = join(dir, "lock.cjs");
    const entryPoints = [fileURLToPath(new URL("../src/lock.ts", import.meta.url))];
    await build({ entryPoints, outfile: bundle, bundle: true, platform: "node", format: "cjs", logLevel: "error" });
    const children = new Set<ChildProcess>();
    let deaths = 0;
    const stop = () => existsSync(join(dir, "stop"));
    const start = () => {
      const child = spawn(process.execPath, [contender, bundle, dir], { stdio: "inherit" });
      children.add(child);
      child.once("exit", (_code, signal) => {
        children.delete(child);
        if (signal === "SIGKILL") deaths++;
        if (!stop()) start();
      });
    };
    for (let n = 0; n < 8; n++) start();
    const entered = () =>
      existsSync(join(dir, "entered")) ? readFileSync(join(dir, "entered"), "utf8").split("\n").length - 1 : 0;
    await expect.poll(entered, { timeout: 50_000, interval: 100 }).toBeGreaterThan(300);
    writeFileSync(join(dir, "stop"), "");
    await expect.poll(() => children.size, { timeout: 10_000 }).toBe(0);
    expect(existsSync(join(dir, "violations")) ? readFileSync(join(dir, "violations"), "utf8") : "").toBe("");
    expect(deaths).toBeGreaterThan(10);
    expect(readdirSync(join(dir, "locks")).filter((name) => name.includes("claim"))).toEqual([]);
  }, 70_000);
});
