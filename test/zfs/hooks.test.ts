import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { zfs } from "./pool.ts";
import { eventsOf, PUSH_JOB, property, type Site, snapshotsOf, trackSites } from "./site.ts";

const newSite = trackSites();

type Keys = Readonly<Record<string, unknown>>;

/** A hook program that first notes which edge of what it is. */
function program(site: Site, name: string, body = ""): string {
  const path = join(site.dir, name);
  writeFileSync(
    path,
    `#!/bin/sh\necho "${name} $ZREPL_HOOKTYPE \${ZREPL_FS##*/} $ZREPL_OUTCOME" >> '${logOf(site)}'\n${body}\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

const logOf = (site: Site) => join(site.dir, "hooks.log");

function notes(site: Site): string[] {
  if (!existsSync(logOf(site))) return [];
  return readFileSync(logOf(site), "utf8")
    .trim()
    .split("\n")
    .map((line) => line.trim());
}

/** Filesystems a, b and c, with hooks for a only. */
async function withHooks(make: (site: Site) => readonly Keys[]): Promise<Site> {
  const site = await newSite();
  for (const path of ["a", "b", "c"]) await zfs("create", site.fs(path));
  const hooks = make(site).map((hook) => ({ type: "command", filesystems: { [site.fs("a")]: true }, ...hook }));
  const snapshotting = { type: "periodic", prefix: "z_", interval: "1h", hooks };
  const filesystems = { [`${site.srcRoot}<`]: true, [site.srcRoot]: false };
  const pruning = { keep: [{ type: "last_n", count: 9 }] };
  site.configure({ jobs: [{ type: "snap", name: "local", filesystems, snapshotting, pruning }] });
  return site;
}

test("a filesystem with hooks is snapshotted inside them, the others together", async () => {
  const site = await withHooks((one) => [{ path: program(one, "h1") }, { path: program(one, "h2") }]);
  const ended = await site.succeed(["snap", "local"]);
  expect(notes(site)).toEqual(["h1 pre_snapshot a", "h2 pre_snapshot a", "h2 post_snapshot a", "h1 post_snapshot a"]);
  expect(eventsOf(ended, "hookDone").map(({ type, status }) => `${type} ${status}`)).toEqual([
    "pre_snapshot ok",
    "pre_snapshot ok",
    "post_snapshot ok",
    "post_snapshot ok",
  ]);
  const [a, b, c] = await Promise.all(
    ["a", "b", "c"].map(async (path) =>
      property(`${site.fs(path)}@${(await snapshotsOf(site.fs(path)))[0]}`, "createtxg"),
    ),
  );
  expect(b).toBe(c);
  expect(a).not.toBe(b);
});

test("a fatal hook prevents the snapshot of its filesystem only, and earlier ones clean up: exit 3", async () => {
  const site = await withHooks((one) => [
    { path: program(one, "h1") },
    { path: program(one, "bad", "exit 7"), err_is_fatal: true },
  ]);
  const ended = await site.run(["snap", "local"]);
  expect(ended.exitCode).toBe(3);
  expect(notes(site)).toEqual(["h1 pre_snapshot a", "bad pre_snapshot a", "h1 post_snapshot a"]);
  expect(await snapshotsOf(site.fs("a"))).toEqual([]);
  expect(await snapshotsOf(site.fs("b"))).toHaveLength(1);
  expect(ended.stderr).toContain("exit status 7");
});

test("a hook that fails without being fatal: the snapshot is there, the exit code tells", async () => {
  const site = await withHooks((one) => [{ path: program(one, "bad", "exit 7") }]);
  expect((await site.run(["snap", "local"])).exitCode).toBe(3);
  expect(await snapshotsOf(site.fs("a"))).toHaveLength(1);
});

test("after SIGTERM in a hook, the post edges of those before it run, and no process is left", async () => {
  const site = await withHooks((one) => [
    { path: program(one, "h1") },
    {
      path: program(one, "slow", `sleep 300 & echo $! > '${join(one.dir, "pid")}'; echo waiting; wait`),
      timeout: "5m",
    },
  ]);
  const running = site.start(["snap", "local"]);
  await expect.poll(() => existsSync(join(site.dir, "pid")), { timeout: 60_000 }).toBe(true);
  process.kill(running.pid, "SIGTERM");
  const ended = await running.ended;
  expect(ended.exitCode, ended.stderr).toBe(143);
  expect(notes(site)).toEqual(["h1 pre_snapshot a", "slow pre_snapshot a", "h1 post_snapshot a"]);
  expect(await snapshotsOf(site.fs("a"))).toEqual([]);
  const pid = readFileSync(join(site.dir, "pid"), "utf8").trim();
  await expect.poll(() => existsSync(`/proc/${pid}/exe`), { timeout: 10_000 }).toBe(false);
});

test("a dry run runs no hook, with --hooks it does and says so to them", async () => {
  const site = await withHooks((one) => [{ path: program(one, "h1", '[ "$ZREPL_DRYRUN" = true ]') }]);
  const shown = await site.succeed(["snap", "--dry-run", "local"], { json: false });
  expect(shown.stdout).toMatch(/would take snapshot \S+\/a@\S+ inside hook .*h1\n/);
  expect(notes(site)).toEqual([]);
  await site.succeed(["snap", "--dry-run", "--hooks", "local"]);
  expect(notes(site)).toEqual(["h1 pre_snapshot a", "h1 post_snapshot a"]);
  expect(await snapshotsOf(site.fs("a"))).toEqual([]);
});

test("replication hooks get the outcome; a fatal one prevents the replication", async () => {
  const site = await newSite();
  await zfs("create", site.fs("a"));
  await zfs("snapshot", `${site.fs("a")}@1`);
  const hook = (path: string, more: Keys = {}) => ({ type: "command", path, ...more });
  const notify = program(site, "notify");
  site.configure({ push: { replication: { hooks: [hook(notify)] } } });
  await site.succeed(["push", "--dry-run", PUSH_JOB]);
  await site.succeed(["push", PUSH_JOB]);
  expect(notes(site)).toEqual(["notify pre_replicate", "notify post_replicate  ok"]);
  expect(await snapshotsOf(site.replica("a"))).toEqual(["1"]);

  await zfs("snapshot", `${site.fs("a")}@2`);
  const bad = program(site, "bad", "exit 1");
  site.configure({ push: { replication: { hooks: [hook(notify), hook(bad, { err_is_fatal: true })] } } });
  const ended = await site.run(["push", PUSH_JOB]);
  expect(ended.exitCode).toBe(1);
  expect(notes(site).slice(2)).toEqual(["notify pre_replicate", "bad pre_replicate", "notify post_replicate  failed"]);
  expect(await snapshotsOf(site.replica("a"))).toEqual(["1"]);
});
