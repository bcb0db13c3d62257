import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { trackPools, zfs, zpool } from "./pool.ts";
import { CLIENT, eventsOf, PUSH_JOB, type Site, snapshotsOf, trackSites } from "./site.ts";

const newPool = trackPools();
const newSite = trackSites();
const NOBODY = 65534;
let site: Site;

async function createWithSnapshot(...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await zfs("create", site.fs(path));
    await site.write(path, "file", 16);
    await zfs("snapshot", `${site.fs(path)}@1`);
  }
}

/** A new snapshot on the sender, and one of its own on the receiver. */
async function diverge(path: string): Promise<void> {
  await zfs("snapshot", `${site.fs(path)}@2`);
  await zfs("snapshot", `${site.replica(path)}@own`);
}

describe("exit 3: some filesystems failed, the others are done", () => {
  beforeEach(async () => {
    site = await newSite();
    await createWithSnapshot("a", "b b", "c", "d");
  });

  test("when a receiver has diverged; the message says what is where and how to go on", async () => {
    await site.succeed(["push", PUSH_JOB]);
    await diverge("b b");
    for (const path of ["a", "c", "d"]) await zfs("snapshot", `${site.fs(path)}@2`);
    const ended = await site.run(["push", PUSH_JOB]);
    expect(ended.exitCode).toBe(3);
    for (const path of ["a", "c", "d"]) expect(await snapshotsOf(site.replica(path))).toEqual(["1", "2"]);
    expect(await snapshotsOf(site.replica("b b"))).toEqual(["1", "own"]);
    const [failure, ...others] = eventsOf(ended, "filesystemFailed");
    expect(others).toEqual([]);
    expect(failure?.filesystem).toBe(site.fs("b b"));
    expect(failure?.message).toContain("last common: @1");
    expect(failure?.message).toContain("@own");
    expect(failure?.message).toContain(`zfs rollback -r '${site.replica("b b")}@1'`);
    expect(ended.events.at(-1)).toMatchObject({ event: "end", exitCode: 3 });
  });

  test("when a quota of the receiver is full", async () => {
    await site.write("c", "much", 4 * 1024);
    await zfs("snapshot", `${site.fs("c")}@2`);
    await zfs("create", "-p", "-o", "zrepl:placeholder=on", "-o", "quota=2M", site.replica("c"));
    const ended = await site.run(["push", PUSH_JOB]);
    expect(ended.exitCode, ended.stderr).toBe(3);
    expect(eventsOf(ended, "filesystemFailed")).toMatchObject([
      { filesystem: site.fs("c"), message: expect.stringMatching(/out of space|quota exceeded/) },
    ]);
    for (const path of ["a", "b b", "d"]) expect(await snapshotsOf(site.replica(path))).toEqual(["1"]);
  });

  test("when the key of one is not loaded", async () => {
    const keyFile = join(site.dir, "key");
    writeFileSync(keyFile, "k".repeat(32));
    await site.succeed(["push", PUSH_JOB]);
    await zfs("destroy", "-r", site.fs("d"));
    await zfs(
      "create",
      "-o",
      "encryption=on",
      "-o",
      "keyformat=raw",
      "-o",
      `keylocation=file://${keyFile}`,
      site.fs("d"),
    );
    await zfs("snapshot", `${site.fs("d")}@new`);
    await zfs("unmount", site.fs("d"));
    await zfs("unload-key", site.fs("d"));
    await zfs("rename", site.replica("d"), `${site.replica("d")} old`);
    await zfs("snapshot", `${site.fs("a")}@2`);
    const ended = await site.run(["push", PUSH_JOB]);
    expect(ended.exitCode, ended.stderr).toBe(3);
    expect(eventsOf(ended, "filesystemFailed")).toMatchObject([
      { filesystem: site.fs("d"), message: expect.stringMatching(/key must be loaded/) },
    ]);
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1", "2"]);
  });

  test("of several jobs, when one fails", async () => {
    const job = (name: string, filesystem: string) => ({
      type: "snap",
      name,
      filesystems: { [filesystem]: true },
      snapshotting: { type: "periodic", prefix: "z_", interval: "1h" },
      pruning: { keep: [{ type: "last_n", count: 10 }] },
    });
    site.configure({ jobs: [job("good", site.fs("a")), job("bad", "zrtest-no-such-pool/x")] });
    const ended = await site.run(["snap", "bad", "good"]);
    expect(ended.exitCode, ended.stderr).toBe(3);
    expect(await snapshotsOf(site.fs("a"))).toHaveLength(2);
  });

  test("a filesystem without snapshots, or a foreign one beside the replicas, is no failure", async () => {
    await zfs("create", site.fs("empty"));
    await zfs("create", "-p", `${site.rootFs}/${CLIENT}/of somebody`);
    const ended = await site.succeed(["push", PUSH_JOB]);
    expect(eventsOf(ended, "stepDone")).toHaveLength(4);
  });
});

describe("exit 1: nothing could be done", () => {
  beforeEach(async () => {
    site = await newSite();
  });

  test("when all filesystems fail", async () => {
    await createWithSnapshot("a", "b");
    await site.succeed(["push", PUSH_JOB]);
    await diverge("a");
    await diverge("b");
    const ended = await site.run(["push", PUSH_JOB]);
    expect(ended.exitCode).toBe(1);
    expect(eventsOf(ended, "filesystemFailed")).toHaveLength(2);
  });

  test("when there is no zfs program on PATH, with what to do", async () => {
    const bin = join(site.dir, "bin");
    await execa("mkdir", [bin]);
    for (const program of ["setpriv", "sh"]) symlinkSync(`/usr/bin/${program}`, join(bin, program));
    const ended = await site.run(["push", PUSH_JOB], { env: { PATH: bin } });
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain('cannot run "zfs": not found on PATH');
    expect(ended.stderr).toMatch(/hint: install OpenZFS/);
    expect(ended.events.at(-1)).toMatchObject({ event: "end", exitCode: 1, hint: expect.stringContaining("PATH") });
  });

  test("when the sender's pool is not imported", async () => {
    const other = await newPool();
    site.configure({ push: { filesystems: { [`${other.name}<`]: true } } });
    await zpool("export", other.name);
    const ended = await site.run(["push", PUSH_JOB]);
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain(`pool "${other.name}" is not imported; import it with: zpool import ${other.name}`);
  });

  test("when the receiver's pool is not imported, and nothing is left on the sender", async () => {
    await createWithSnapshot("a");
    const other = await newPool();
    site.configure({ sink: { root_fs: `${other.name}/sink` } });
    await zpool("export", other.name);
    const before = await site.everything();
    const ended = await site.run(["push", PUSH_JOB]);
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain(`pool "${other.name}" is not imported`);
    expect(await site.everything()).toBe(before);
  });

  test("when root_fs does not exist, with the command that creates it", async () => {
    await createWithSnapshot("a");
    await zfs("destroy", "-r", site.rootFs);
    const ended = await site.run(["push", PUSH_JOB]);
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toContain(`root_fs "${site.rootFs}" does not exist`);
    expect(ended.stderr).toContain(`hint: create it: zfs create -o mountpoint=none ${site.rootFs}`);
  });

  test("when the user may not, with what to do about it", async () => {
    await createWithSnapshot("a");
    await execa("chmod", ["-R", "a+rwX", site.src.dir, site.dir]);
    const before = await site.everything();
    site.configure({ push: { snapshotting: { type: "periodic", prefix: "z_", interval: "1h" } } });
    for (const verb of ["push", "snap"]) {
      const ended = await site.run([verb, PUSH_JOB], { uid: NOBODY });
      expect([verb, ended.exitCode]).toEqual([verb, 1]);
      expect(ended.stderr).toMatch(/permission denied/);
      expect(ended.stderr).toMatch(/hint: run it as root, or delegate .*zfs allow/);
    }
    expect(await site.everything()).toBe(before);
  });
});

describe("exit 4: the filter matched no filesystem", () => {
  beforeAll(async () => {
    const snapshotting = { type: "periodic", prefix: "z_", interval: "1h" };
    site = await newSite();
    site.configure({ push: { snapshotting, filesystems: { [site.fs("nothing/here<")]: true } } });
  });

  test.each(["push", "prune", "snap", "run"])("%s", async (verb) => {
    const ended = await site.run([verb, PUSH_JOB]);
    expect(ended.exitCode, ended.stderr).toBe(4);
    expect(ended.stderr).toMatch(/the filter matches no filesystem\nhint: .*zfs list/);
  });
});

describe("exit 2: wrong usage or config, nothing is touched", () => {
  let before = "";
  beforeAll(async () => {
    site = await newSite();
    await createWithSnapshot("a");
    before = await site.everything();
  });
  afterAll(async () => {
    expect(await site.everything()).toBe(before);
  });

  test.each`
    what                      | args                                         | changes                      | message
    ${"unknown job"}          | ${["push", "nobody"]}                        | ${{}}                        | ${/there is no job "nobody"[\s\S]*jobs there: push job, sink job/}
    ${"wrong job type"}       | ${["push", "sink job"]}                      | ${{}}                        | ${/job "sink job" is a sink job/}
    ${"unknown option"}       | ${["push", PUSH_JOB, "--what"]}              | ${{}}                        | ${/what/}
    ${"bad duration"}         | ${["push", PUSH_JOB, "--lock-wait", "soon"]} | ${{}}                        | ${/--lock-wait: "soon" is not a duration/}
    ${"unknown key"}          | ${["push", PUSH_JOB]}                        | ${{ push: { sendd: {} } }}   | ${/config\.yml:\d+:\d+: .*sendd/}
    ${"name ZFS cannot hold"} | ${["push", "a/b"]}                           | ${{ push: { name: "a/b" } }} | ${/config\.yml:\d+:\d+: .*name/}
  `("$what", async ({ args, changes, message }) => {
    site.configure(changes);
    const ended = await site.run(args);
    expect(ended.exitCode, ended.stderr).toBe(2);
    expect(ended.stderr).toMatch(message);
  });
});
