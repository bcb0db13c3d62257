/** Scenarios of test/scenarios where real OpenZFS might not do what the simulator does. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { cutAfter, tokenContents } from "./cut.ts";
import { sendReceive, zfs } from "./pool.ts";
import {
  bookmarksOf,
  CLIENT,
  type Ended,
  eventsOf,
  holdsBelow,
  PUSH_JOB,
  property,
  type RunOptions,
  SINK_JOB,
  type Site,
  snapshotsOf,
  trackSites,
} from "./site.ts";

const newSite = trackSites(1024);
const STEP = `zrepl_STEP_J_${PUSH_JOB}`;
const LAST_RECEIVED = `zrepl_last_received_J_${SINK_JOB}`;
const ONCE = { retry: { attempts: 1, backoff: "0s" } };
const ALL = { conflict_resolution: { initial_replication: "all" } };

async function cursorOf(snapshot: string, kind = "zrepl_CURSOR", job = PUSH_JOB): Promise<string> {
  const guid = BigInt(await property(snapshot, "guid"));
  return `${kind}_G_${guid.toString(16).padStart(16, "0")}_J_${job}`;
}

function steps(ended: Ended): string[] {
  return eventsOf(ended, "stepStarted").map(
    ({ from = "full", to, resumed }) => `${resumed ? "resume " : ""}${from} → ${to}`,
  );
}

function failures(ended: Ended): { filesystem: string; message: string; hint?: string }[] {
  return eventsOf(ended, "filesystemFailed");
}

/** Writes so much and takes a snapshot. */
async function grow(site: Site, path: string, snapshot: string, kib = 16): Promise<void> {
  await site.write(path, `file of ${snapshot}`, kib);
  await zfs("snapshot", `${site.fs(path)}@${snapshot}`);
}

/** Runs the command that a message gives to a person, in a shell. */
async function follow(advice: string | undefined, pattern: RegExp): Promise<void> {
  const command = pattern.exec(advice ?? "")?.[0] ?? "exit 9";
  await execa("sh", ["-c", command]);
}

/** A `zfs` on PATH that fails for one command with a message; how to run zrepl-run with it. */
async function failing(site: Site, pattern: string, message: string): Promise<RunOptions> {
  const real = (await execa("sh", ["-c", "command -v zfs"])).stdout;
  const directory = join(site.dir, "failing");
  mkdirSync(directory, { recursive: true });
  const wrapper = join(directory, "zfs");
  writeFileSync(
    wrapper,
    `#!/bin/bash\ncase "$*" in ${pattern}) echo '${message}' >&2; exit 1;; esac\nexec '${real}' "$@"\n`,
  );
  chmodSync(wrapper, 0o755);
  return { env: { PATH: `${directory}:${process.env["PATH"]}` } };
}

describe("what is on disk", () => {
  test("of this job is cleaned, of other jobs and of users stays", async () => {
    const site = await newSite({ push: ALL });
    const fs = site.fs("foo bar");
    await zfs("create", fs);
    for (const snapshot of ["1", "2", "3"]) await grow(site, "foo bar", snapshot);
    await zfs("bookmark", `${fs}@2`, `${fs}#2`);
    await site.succeed(["push", PUSH_JOB]);
    for (const job of [PUSH_JOB, "other-job"]) {
      await zfs("bookmark", `${fs}@2`, `${fs}#${await cursorOf(`${fs}@2`, "zrepl_CURSOR", job)}`);
      await zfs("bookmark", `${fs}@3`, `${fs}#${await cursorOf(`${fs}@3`, "zrepl_CURSORTENTATIVE_", job)}`);
      await zfs("hold", `zrepl_STEP_J_${job}`, `${fs}@1`, `${fs}@2`);
    }
    await zfs("hold", "zrepl_last_received_J_other-job", `${site.replica("foo bar")}@1`);
    await grow(site, "foo bar", "4");
    await grow(site, "foo bar", "5");
    await site.succeed(["push", PUSH_JOB]);
    const expected = [
      "2",
      await cursorOf(`${fs}@2`, "zrepl_CURSOR", "other-job"),
      await cursorOf(`${fs}@3`, "zrepl_CURSORTENTATIVE_", "other-job"),
      await cursorOf(`${fs}@5`),
    ];
    expect((await bookmarksOf(fs)).sort()).toEqual(expected.sort());
    expect(await holdsBelow(fs)).toEqual(["@1: zrepl_STEP_J_other-job", "@2: zrepl_STEP_J_other-job"]);
    expect(await holdsBelow(site.replica("foo bar"))).toEqual([
      "@1: zrepl_last_received_J_other-job",
      `@5: ${LAST_RECEIVED}`,
    ]);
  });

  test.each(["resumability", "incremental"])("is enough to go on where SendCompleted was lost (%s)", async (kind) => {
    const guarantee = `guarantee_${kind}`;
    const replication = { ...ONCE, protection: { initial: guarantee, incremental: guarantee } };
    const site = await newSite({ push: { replication } });
    const fs = site.fs("a");
    await zfs("create", fs);
    await grow(site, "a", "1");
    await site.succeed(["push", PUSH_JOB]);
    await grow(site, "a", "2");
    const lost = await failing(site, "bookmark*#zrepl_CURSOR_G_*", "internal error: Input/output error");
    expect((await site.run(["push", PUSH_JOB], lost)).exitCode).toBe(1);
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1", "2"]);
    expect(await holdsBelow(site.replica("a"))).toEqual([`@2: ${LAST_RECEIVED}`]);
    const destroy = Promise.all(["1", "2"].map((snapshot) => zfs("destroy", `${fs}@${snapshot}`)));
    if (kind === "resumability") await expect(destroy).rejects.toThrow(/dataset is busy/);
    else await destroy;
    await grow(site, "a", "3");
    const ended = await site.succeed(["push", PUSH_JOB]);
    expect(steps(ended)[0]).toMatch(kind === "resumability" ? /^@2 → @3$/ : /^#zrepl_CURSORTENTATIVE__G_.* → @3$/);
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1", "2", "3"]);
    expect(await bookmarksOf(fs)).toEqual([await cursorOf(`${fs}@3`)]);
    expect(await holdsBelow(fs)).toEqual([]);
  });
});

describe("resuming", () => {
  test.each(["resumability", "incremental"])(
    "a full send in pieces of 1 MiB while a user destroys what can be destroyed (initial %s)",
    async (initial) => {
      const protection = { initial: `guarantee_${initial}`, incremental: "guarantee_incremental" };
      const site = await newSite({ push: { replication: { ...ONCE, protection } } });
      const fs = site.fs("a");
      await zfs("create", fs);
      await grow(site, "a", "1", 4096);
      const cut = await cutAfter(site, 1 << 20);
      const destroyed: boolean[] = [];
      for (let round = 1; round <= 6; round++) {
        await site.run(["push", PUSH_JOB], cut);
        destroyed.push(
          await zfs("destroy", `${fs}@1`).then(
            () => true,
            () => false,
          ),
        );
        if (round <= 2) await zfs("snapshot", `${fs}@${round + 1}`);
      }
      if (initial === "resumability") {
        expect(destroyed.slice(0, 3)).toEqual([false, false, false]);
        expect(await snapshotsOf(site.replica("a"))).toEqual(["1", "2", "3"]);
      } else {
        expect(destroyed[0]).toBe(true);
        await site.succeed(["push", PUSH_JOB]); // zrepl is stuck here
        expect((await snapshotsOf(site.replica("a"))).at(-1)).toBe("3");
      }
      expect(await bookmarksOf(fs)).toEqual([await cursorOf(`${fs}@3`)]);
      expect(await holdsBelow(fs)).toEqual([]);
    },
  );

  test("goes on from the cursor where @from was destroyed", async () => {
    const protection = { initial: "guarantee_resumability", incremental: "guarantee_incremental" };
    const site = await newSite({ push: { replication: { ...ONCE, protection } } });
    await zfs("create", site.fs("a"));
    await grow(site, "a", "1");
    await site.succeed(["push", PUSH_JOB]);
    await grow(site, "a", "2", 2048);
    await site.run(["push", PUSH_JOB], await cutAfter(site, 900_000));
    await zfs("destroy", `${site.fs("a")}@1`);
    const ended = await site.succeed(["push", PUSH_JOB]);
    expect(steps(ended)).toEqual([expect.stringMatching(/^resume #zrepl_CURSOR.* → @2$/)]);
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1", "2"]);
  });

  test("is not done with a token of another filesystem, which the receiver is rid of", async () => {
    const site = await newSite({ push: { replication: ONCE } });
    await zfs("create", site.fs("a"));
    await grow(site, "a", "1");
    await zfs("create", site.fs("secret"));
    await grow(site, "secret", "1", 2048);
    site.configure({
      push: { replication: ONCE, filesystems: { [site.fs("a")]: true } },
    });
    await zfs("create", "-p", "-o", "zrepl:placeholder=on", `${site.rootFs}/${CLIENT}/${site.srcRoot}`);
    const pipe = `zfs send '${site.fs("secret")}@1' | head -c 900000 | zfs recv -s -u '${site.replica("a")}'`;
    await execa("sh", ["-c", pipe], { reject: false });
    const token = await property(site.replica("a"), "receive_resume_token");
    expect((await tokenContents(token))["toname"]).toBe(`${site.fs("secret")}@1`);
    const ended = await site.succeed(["push", PUSH_JOB]);
    expect(steps(ended)).toEqual(["full → @1"]);
    expect(await property(`${site.replica("a")}@1`, "guid")).toBe(await property(`${site.fs("a")}@1`, "guid"));
  });

  test("a bundle in its middle keeps what arrived, resumes the rest, then goes on as a bundle", async () => {
    const replication = { ...ONCE, bundle: true };
    const site = await newSite({ push: { replication } });
    await zfs("create", site.fs("a"));
    await grow(site, "a", "1");
    await site.succeed(["push", PUSH_JOB]);
    await grow(site, "a", "2", 1024);
    await grow(site, "a", "3", 2048);
    await grow(site, "a", "4", 1024);
    await grow(site, "a", "5", 64);
    await site.run(["push", PUSH_JOB], await cutAfter(site, 2_100_000));
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1", "2"]);
    const ended = await site.succeed(["push", PUSH_JOB]);
    expect(steps(ended)).toEqual(["resume @2 → @3", "@3 → @5"]);
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1", "2", "3", "4", "5"]);
    expect(await holdsBelow(site.fs("a"))).toEqual([]);
    expect(await bookmarksOf(site.fs("a"))).toEqual([await cursorOf(`${site.fs("a")}@5`)]);
  });
});

describe("a receiver that is not as we left it", () => {
  /** @1 is on both sides; the receiver has @mine after it, the sender @2. */
  async function diverged(policy: string): Promise<Site> {
    const site = await newSite({ push: { conflict_resolution: { diverged: policy } } });
    await zfs("create", site.fs("a b"));
    await grow(site, "a b", "1");
    await site.succeed(["push", PUSH_JOB]);
    await zfs("snapshot", `${site.replica("a b")}@mine`);
    await grow(site, "a b", "2");
    return site;
  }

  test("diverged: fail explains, and the command that it gives resolves it", async () => {
    const site = await diverged("fail");
    const before = await site.everything();
    const [failure] = failures(await site.run(["push", PUSH_JOB]));
    expect(failure?.message).toMatch(/last common: @1\n.*\n +@2\n.*\n +@mine\n/);
    expect(await site.everything()).toBe(before);
    await follow(failure?.message, /zfs rollback -r .*/);
    expect(steps(await site.succeed(["push", PUSH_JOB]))).toEqual(["@1 → @2"]);
  });

  test("diverged: rollback takes only what it said in the dry run, and nothing that is held", async () => {
    const site = await diverged("rollback");
    await zfs("hold", "keep", `${site.replica("a b")}@mine`);
    expect((await site.run(["push", PUSH_JOB])).exitCode).toBe(1);
    expect(await snapshotsOf(site.replica("a b"))).toEqual(["1", "mine"]);
    await zfs("release", "keep", `${site.replica("a b")}@mine`);
    const { stdout } = await site.run(["--dry-run", "push", PUSH_JOB], { json: false });
    expect(stdout).toMatch(/roll the receiver back to @1, destroying @mine$/m);
    expect(await snapshotsOf(site.replica("a b"))).toEqual(["1", "mine"]);
    await site.succeed(["push", PUSH_JOB]);
    expect(await snapshotsOf(site.replica("a b"))).toEqual(["1", "2"]);
  });

  test("diverged: set_aside renames with all snapshots and starts again", async () => {
    const site = await diverged("set_aside");
    expect(steps(await site.succeed(["push", PUSH_JOB]))).toEqual(["full → @2"]);
    const parent = site.replica("a b").replace(/\/[^/]*$/, "");
    const names = (await zfs("list", "-Ho", "name", "-d", "1", parent)).split("\n").slice(1);
    expect(names).toEqual([site.replica("a b"), expect.stringMatching(/\/a b\.diverged-\d{8}T\d{6}Z$/)]);
    expect(await snapshotsOf(names[1] ?? "")).toEqual(["1", "mine"]);
    expect(await snapshotsOf(site.replica("a b"))).toEqual(["2"]);
    await grow(site, "a b", "3");
    expect(steps(await site.succeed(["push", PUSH_JOB]))).toEqual(["@2 → @3"]);
  });

  test("a sender that was rolled back: our own hold does not keep what is nobody's any more", async () => {
    const site = await newSite({ push: ALL });
    const [fs, replica] = [site.fs("a"), site.replica("a")];
    await zfs("create", fs);
    await grow(site, "a", "1");
    for (const round of ["by hand", "rollback"]) {
      await grow(site, "a", `2 ${round}`);
      site.configure({ push: ALL });
      await site.succeed(["push", PUSH_JOB]);
      await zfs("rollback", "-r", `${fs}@1`);
      await grow(site, "a", `3 ${round}`);
      if (round === "by hand") {
        const [failure] = failures(await site.run(["push", PUSH_JOB]));
        await follow(failure?.message, /zfs release .*/);
        await follow(failure?.message, /zfs rollback -r .*/);
      } else site.configure({ push: { conflict_resolution: { diverged: "rollback" } } });
      expect(steps(await site.succeed(["push", PUSH_JOB]))).toEqual([`@1 → @3 ${round}`]);
      expect(await snapshotsOf(replica)).toEqual(["1", `3 ${round}`]);
      await zfs("rollback", "-r", `${fs}@1`);
      await zfs("release", LAST_RECEIVED, `${replica}@3 ${round}`);
      await zfs("rollback", "-r", `${replica}@1`);
    }
  });

  test("modified since its newest snapshot: refused with advice that works", async () => {
    const site = await newSite({ push: { replication: ONCE } });
    await zfs("create", site.fs("a"));
    await grow(site, "a", "1");
    await site.succeed(["push", PUSH_JOB]);
    const mountpoint = join(site.dir, "replica");
    await zfs("set", `mountpoint=${mountpoint}`, site.replica("a"));
    if ((await property(site.replica("a"), "mounted")) === "no") await zfs("mount", site.replica("a"));
    writeFileSync(join(mountpoint, "mine"), "x");
    await grow(site, "a", "2");
    const [failure] = failures(await site.run(["push", PUSH_JOB]));
    expect(failure?.message).toMatch(/has been modified/);
    expect(readFileSync(join(mountpoint, "mine"), "utf8")).toBe("x");
    await follow(failure?.hint?.replace("@NEWEST", "@1"), /zfs rollback [^,]*/);
    await site.succeed(["push", PUSH_JOB]);
    expect(await snapshotsOf(site.replica("a"))).toEqual(["1", "2"]);
  });

  test("without any snapshot: refused, and goes on when it is out of the way as it says", async () => {
    const site = await newSite();
    await zfs("create", site.fs("a b"));
    await grow(site, "a b", "1");
    await zfs("create", "-p", site.replica("a b"));
    const [failure] = failures(await site.run(["push", PUSH_JOB]));
    await follow(failure?.message, /zfs destroy .*/);
    await site.succeed(["push", PUSH_JOB]);
    expect(await snapshotsOf(site.replica("a b"))).toEqual(["1"]);
  });
});

/** Children inherit the value: only a local one counts. */
async function isPlaceholder(dataset: string): Promise<boolean> {
  return (await zfs("get", "-Ho", "value", "-s", "local", "zrepl:placeholder", dataset)) === "on";
}

test("chained replication passes placeholders on: host1 → host2 → host3", async () => {
  const site = await newSite();
  const second = `${site.dstRoot}/host3`;
  await zfs("create", second);
  const local = (identity: string, name: string) => ({ type: "local", listener_name: name, client_identity: identity });
  const pruning = { keep_sender: [{ type: "regex", regex: ".*" }], keep_receiver: [{ type: "regex", regex: ".*" }] };
  site.configure({
    push: { filesystems: { [site.fs("a/b")]: true } },
    jobs: [
      {
        type: "push",
        name: "onward",
        connect: local("host2", "onward"),
        filesystems: { [`${site.rootFs}<`]: true, [site.rootFs]: false },
        snapshotting: { type: "manual" },
        pruning,
      },
      {
        type: "sink",
        name: "host3",
        root_fs: second,
        serve: { type: "local", listener_name: "onward" },
        recv: { placeholder: { encryption: "off" } },
      },
    ],
  });
  await zfs("create", "-p", site.fs("a/b"));
  const end = `${second}/host2/${site.replica("a/b")}`;
  for (const snapshot of ["1", "2"]) {
    await grow(site, "a/b", snapshot);
    await site.succeed(["push", PUSH_JOB]);
    await site.succeed(["push", "onward"]);
  }
  expect(await snapshotsOf(end)).toEqual(["1", "2"]);
  expect(await isPlaceholder(end)).toBe(false);
  expect(await isPlaceholder(end.replace(/\/b$/, ""))).toBe(true);
  expect(await isPlaceholder(site.replica("a"))).toBe(true);
});

test("volumes: full, incremental, interrupted, with properties that only filesystems have", async () => {
  const recv = {
    placeholder: { encryption: "inherit" },
    properties: {
      inherit: ["atime"],
      override: { canmount: "off", mountpoint: "none", readonly: "on", "test:x": "1" },
    },
  };
  const site = await newSite({ push: { replication: ONCE }, sink: { recv } });
  await zfs("create", "-V", "8M", site.fs("vol"));
  await zfs("create", site.fs("fs"));
  await zfs("snapshot", "-r", `${site.srcRoot}@1`);
  await site.succeed(["push", PUSH_JOB]);
  const device = await volumeDevice(site.fs("vol"));
  await execa("dd", ["if=/dev/urandom", `of=${device}`, "bs=1M", "count=2", "conv=fsync", "status=none"]);
  await zfs("snapshot", `${site.fs("vol")}@2`);
  await site.run(["push", PUSH_JOB], await cutAfter(site, 900_000));
  expect(await property(site.replica("vol"), "receive_resume_token")).toMatch(/^1-/);
  expect(steps(await site.succeed(["push", PUSH_JOB]))).toEqual(["resume @1 → @2"]);
  expect(await snapshotsOf(site.replica("vol"))).toEqual(["1", "2"]);
  expect(await property(site.replica("vol"), "type")).toBe("volume");
  for (const path of ["vol", "fs"]) {
    expect(await property(site.replica(path), "readonly")).toBe("on");
    expect(await property(site.replica(path), "test:x")).toBe("1");
  }
  expect(await property(site.replica("fs"), "canmount")).toBe("off");
});

/** The device of a volume: `/dev/zvol/…`, or where nothing makes these links, the first `/dev/zdN`. */
async function volumeDevice(volume: string): Promise<string> {
  const script = `for i in $(seq 50); do [ -e '/dev/zvol/${volume}' ] && echo '/dev/zvol/${volume}' && exit; ls /dev/zd* 2>/dev/null | grep -v p | sort -V | head -1 | grep . && exit; sleep 0.1; done; exit 1`;
  return (await execa("sh", ["-c", script])).stdout.trim();
}

describe("names of more than 200 bytes", () => {
  test("are replicated, and the run says what to do where a cursor's name does not fit", async () => {
    const site = await newSite({ sink: { recv: { placeholder: { encryption: "inherit" } } } });
    // on the receiver the name is longer still: root_fs and the client come before it
    const cursor = `#zrepl_CURSOR_G_0123456789abcdef_J_${PUSH_JOB}`.length;
    const path = (length: number) => "x".repeat(length - site.fs("").length);
    const limit = 255 - cursor;
    site.configure({ sink: { root_fs: site.dst.name } });
    const fits = path(limit);
    await zfs("create", site.fs(fits));
    await grow(site, fits, "1");
    await site.succeed(["push", PUSH_JOB]);
    await grow(site, fits, "2");
    await site.succeed(["push", PUSH_JOB]);
    expect(await bookmarksOf(site.fs(fits))).toEqual([await cursorOf(`${site.fs(fits)}@2`)]);

    const tooLong = path(limit + 1);
    await zfs("create", site.fs(tooLong));
    await zfs("snapshot", `${site.fs(tooLong)}@1`);
    const ended = await site.run(["push", PUSH_JOB]);
    expect(ended.exitCode).toBe(3);
    expect(failures(ended)).toMatchObject([
      {
        filesystem: site.fs(tooLong),
        message: expect.stringMatching(/longer than 255 bytes/),
        hint: expect.any(String),
      },
    ]);
    expect(await holdsBelow(site.fs(tooLong))).toEqual([`@1: ${STEP}`]);
    const replica = `${site.dst.name}/${CLIENT}/${site.fs(tooLong)}`;
    expect(await snapshotsOf(replica)).toEqual(["1"]);
    await zfs("destroy", "-r", `${site.dst.name}/${CLIENT}`).catch(() => undefined);
  });
});

test("a full stream into a placeholder that holds children replaces it; they stay", async () => {
  const site = await newSite();
  await zfs("create", "-p", site.fs("p/c"));
  await grow(site, "p/c", "1");
  await site.succeed(["push", PUSH_JOB]);
  await grow(site, "p", "2", 2048);
  expect((await site.run(["push", PUSH_JOB], await cutAfter(site, 900_000))).exitCode).not.toBe(undefined);
  await site.succeed(["push", PUSH_JOB]);
  expect(await snapshotsOf(site.replica("p"))).toEqual(["2"]);
  expect(await snapshotsOf(site.replica("p/c"))).toEqual(["1"]);
  expect(await isPlaceholder(site.replica("p"))).toBe(false);
});

test("a snapshot of somebody's that the receiver has as well is a base, whatever its name", async () => {
  const site = await newSite();
  await zfs("create", site.fs("a"));
  await grow(site, "a", "1");
  await zfs("create", "-p", "-o", "zrepl:placeholder=on", `${site.rootFs}/${CLIENT}/${site.srcRoot}`);
  await sendReceive([`${site.fs("a")}@1`], ["-u", `${site.replica("a")}@other name`]);
  await grow(site, "a", "2");
  expect(steps(await site.succeed(["push", PUSH_JOB]))).toEqual(["@1 → @2"]);
  expect(await snapshotsOf(site.replica("a"))).toEqual(["other name", "2"]);
});
